"""Work in many processes survives the death of some, and leaves none behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
import ray

from inkbench.cluster import pages
from inkbench.errors import InkbenchError

TOY = """
import os, signal, sys, time
from functools import partial
from pathlib import Path
from inkbench.cluster import pages
from inkbench.errors import one_line_errors

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it

def work(folder, item):
    with open(folder / "log", "a") as log:
        log.write(f"{item}\\n")
    if item == "deadly" or (item == "once" and (folder / "log").read_text().count("once") == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60 if item == "long" else 0)
    return item.upper()

def prepare(folder):
    return partial(work, folder)

with one_line_errors():
    for number, result in pages.run(partial(prepare, Path.cwd()), sys.argv[1:], 2):
        print(number, result, flush=True)
"""


def toy(folder: Path, *items: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", TOY, *items]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_run_says_at_once_that_ray_cannot_start(isolated, tmp_path):
    command = [*isolated, sys.executable, "-c", TOY, "a"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "Ray cannot start" in done.stderr
    assert not (tmp_path / "log").exists()


def test_run_listens_on_loopback_only(tmp_path):
    with toy(tmp_path, "long") as process:
        while not (tmp_path / "log").exists():
            assert process.poll() is None
            time.sleep(0.1)
        own = psutil.Process(process.pid)
        sockets = [s for p in [own, *own.children(recursive=True)] for s in p.net_connections()]
        process.terminate()
    listening = {s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN}
    assert listening and listening <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def test_run_replaces_killed_processes_and_gives_up_on_a_deadly_item(tmp_path):
    with toy(tmp_path, "a", "once", "b", "deadly", "c") as process:
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0 and errors == ""
    results = dict(line.split(" ", 1) for line in output.splitlines())
    assert "killed 4 times" in results.pop("3")
    assert results == {"0": "A", "1": "ONCE", "2": "B", "4": "C"}
    tries = (tmp_path / "log").read_text().split()
    counts = {item: tries.count(item) for item in ("a", "once", "b", "deadly", "c")}
    assert counts == {"a": 1, "once": 2, "b": 1, "deadly": 4, "c": 1}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_run_leaves_no_process_when_it_is_killed(how, tmp_path):
    with toy(tmp_path, "a", "long", "long") as process:
        assert process.stdout
        assert process.stdout.readline() == "0 A\n"
        family = psutil.Process(process.pid).children(recursive=True)
        assert any("ray::" in child.name() for child in family)
        process.send_signal(how)
        _, errors = process.communicate(timeout=180)
    codes = {signal.SIGKILL: -9, signal.SIGINT: 130}
    assert process.returncode == codes[how] and errors == ""
    assert psutil.wait_procs(family, timeout=60)[1] == []


@pytest.mark.parametrize(
    ("address", "fact"),
    [("127.0.0.1:9", "127.0.0.1:9"), ("nonsense", "HOST:PORT"), ("ray://x:1", "HOST:PORT")],
)
def test_run_refuses_an_address_without_a_cluster(address, fact):
    started = time.monotonic()
    with pytest.raises(InkbenchError, match=fact):
        next(pages.run(partial(os.getpid), ["a"], 1, address))
    assert time.monotonic() - started < 20


def test_run_says_how_to_join_the_cluster_of_an_address(monkeypatch):
    def init(**_: object) -> None:
        raise RuntimeError("No node info found matching attributes: ''")

    monkeypatch.setattr(ray, "init", init)
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        with pytest.raises(InkbenchError, match=f"ray start --address={address}"):
            next(pages.run(partial(os.getpid), ["a"], 1, address))
