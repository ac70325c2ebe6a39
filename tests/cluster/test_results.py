"""DVC's processes end in their own time, and results come into its caches byte for byte."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
from dvc.dvcfile import Lockfile
from dvc_data.hashfile.hash_info import HashInfo
from toy import Toy

from inkbench.errors import InkbenchError
from inkbench.pipeline import results
from inkbench.pipeline.plan import plan

# A process of inkbench with one of DVC that runs some code.
OWN = """
import signal, subprocess, sys
from inkbench.errors import ending_on_sigterm, one_line_errors
from inkbench.pipeline import results

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
with ending_on_sigterm(), one_line_errors():
    results.succeeds(subprocess.Popen([sys.executable, "-c", sys.argv[1]]))
"""
PUTS_BACK = """
import signal, time
from pathlib import Path

signal.signal(signal.SIGINT, signal.default_int_handler)
Path("edits").rename("stash")
try:
    time.sleep(60)
finally:
    time.sleep(1)
    Path("stash").rename("edits")
"""
RUNS_A_STAGE = """
import os, signal, subprocess

signal.signal(signal.SIGINT, signal.SIG_IGN)
stage = subprocess.Popen(["sleep", "61"], env={**os.environ, "DVC_STAGE": "train@a"})
other = subprocess.Popen(["sleep", "1"])
os.rename("edits", "stash")
stage.wait()
os.rename("stash", f"edits{other.wait()}")
"""


@pytest.mark.parametrize(
    ("dvc", "number", "is_ctrl_c", "left"),
    [
        (PUTS_BACK, signal.SIGINT, True, "edits"),
        (PUTS_BACK, signal.SIGTERM, False, "edits"),
        (RUNS_A_STAGE, signal.SIGTERM, False, "edits0"),
    ],
)
def test_succeeds_lets_dvc_end_and_ends_its_stage(dvc, number, is_ctrl_c, left, tmp_path):
    (tmp_path / "edits").touch()
    command = [sys.executable, "-c", OWN, dvc]
    own = subprocess.Popen(command, cwd=tmp_path, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "stash").exists():
            assert time.monotonic() < deadline and own.poll() is None
            time.sleep(0.05)
        family = psutil.Process(own.pid).children(recursive=True)
        (os.killpg if is_ctrl_c else os.kill)(own.pid, number)
        assert own.wait(timeout=30) == 128 + number
        assert [path.name for path in tmp_path.iterdir()] == [left]
        assert psutil.wait_procs(family, timeout=0)[1] == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(own.pid, signal.SIGKILL)


def test_transfer_waits_for_the_remote_before_it_lists_a_folder(monkeypatch):
    """DVC would ask whether to go on without the list."""
    cached, pauses = set(), []
    root = HashInfo("md5", "a.dir")

    class Stage:
        outs = (SimpleNamespace(hash_info=root),)

        def get_used_objs(self):
            assert root in cached
            return {None: {root, "file"}}

    def pull(objects):
        if not pauses:
            raise ConnectionError("no route")
        cached.update(objects)
        return SimpleNamespace(failed=set())

    local = SimpleNamespace(exists=lambda value: root in cached)
    repo = SimpleNamespace(cloud=SimpleNamespace(pull=pull), cache=SimpleNamespace(local=local))
    monkeypatch.setattr(results, "as_stage", lambda *_: Stage())
    monkeypatch.setattr(results.time, "sleep", pauses.append)
    results.transfer("pull", repo, [{}])
    assert cached == {root, "file"} and len(pauses) == 1


def test_record_adds_an_entry(tmp_path):
    entry = {"cmd": "run", "deps": [], "outs": [{"path": "m.json", "md5": "abc", "hash": "md5"}]}
    repo = SimpleNamespace(stage_cache=SimpleNamespace(cache_dir=str(tmp_path / "runs")))
    results.record(repo, entry)
    assert [*results.recorded(repo, results.run_key(entry))] == [entry]


def test_locked_reads_numbers_as_dvc_does(tmp_path, monkeypatch):
    params = "params: {params.yaml: {train.v: {l1: 1e-05}}}"
    (tmp_path / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n  train@v: {{cmd: x, {params}}}\n")
    monkeypatch.chdir(tmp_path)
    assert results.locked()["train@v"]["params"] == {"params.yaml": {"train.v": {"l1": 1e-05}}}


@pytest.mark.parametrize("lock", ["missing", "of other results"])
def test_restore_does_what_dvc_repro_does_but_writes_dvc_lock_once(
    lock, serial, tmp_path, expected, monkeypatch
):
    toy = Toy(serial / "done").copy(tmp_path / "toy")
    known, status = plan(toy.folder).known, toy.run("git", "status", "--porcelain").stdout
    toy.write("dvc.lock", re.sub(r"md5: \w+", f"md5: {'a' * 32}", toy.lock))
    if lock == "missing":
        (toy.folder / "dvc.lock").unlink()
    for folder in ("data/processed", "models", "evaluations", "reports"):
        shutil.rmtree(toy.folder / folder)
    for file in (toy.folder / "metrics").glob("*.json"):
        file.write_text("edited by hand")
    calls: list[int] = []
    dump = Lockfile.dump_stages
    monkeypatch.setattr(
        Lockfile, "dump_stages", lambda *args: (calls.append(len(args[1])), dump(*args))
    )
    monkeypatch.chdir(toy.folder)
    results.restore(known)
    assert calls == [len(known)]
    assert toy.outputs() == expected
    assert toy.run("git", "status", "--porcelain").stdout == status
    toy.run("dvc", "repro")
    assert toy.executed() == [] and toy.outputs() == expected


def test_restore_says_that_dvc_is_at_work(serial, tmp_path, monkeypatch):
    toy = Toy(serial / "done").copy(tmp_path / "toy")
    known = plan(toy.folder).known
    (toy.folder / "dvc.lock").unlink()
    monkeypatch.chdir(toy.folder)
    with results.open_repo() as repo, repo.lock, pytest.raises(InkbenchError) as raised:
        results.restore(known)
    assert "\n" not in str(raised.value) and "lock" in str(raised.value)
