"""Every way a download can fail: one clear line, and the old good state or nothing."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import made_archives as made
import pytest
from loopback import Server

from helpers import ROOT, contents, wait_for
from inkbench import layout
from inkbench.datasets.fetching import fetch, transfer
from inkbench.errors import InkbenchError

pytestmark = pytest.mark.usefixtures("workplace")

Offer = Callable[..., None]
Answer = Callable[[BaseHTTPRequestHandler], None]
LETTERS = "notMNIST_small.tar.gz"
COMPETITION = "denoising-dirty-documents"


def error_line(dataset: str = "notmnist", source: str = "official") -> str:
    """The message of a failed fetch, which must be one line."""
    with pytest.raises(InkbenchError) as raised:
        fetch.fetch(dataset, made.settings(dataset, source=source))
    line = str(raised.value)
    assert "\n" not in line
    return line


def left(dataset: str = "notmnist") -> list[str]:
    folder = layout.raw(dataset)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def offered(server: Server, offer: Offer, letters: bytes) -> bytes:
    """The only archive, whose official address is ``/x`` of the loopback server."""
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    return letters


def promise(length: int, *pieces: bytes, wait: float = 0) -> Answer:
    """Declare a length, then send pieces that may not add up to it, with pauses."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        for piece in pieces:
            try:
                request.wfile.write(piece)
                request.wfile.flush()
            except OSError:
                return  # the client gave up
            time.sleep(wait)

    return answer


def first(server: Server, answer: Answer, content: bytes) -> Answer:
    """Answer the first request in one way, and later ones with the content."""

    def once(request: BaseHTTPRequestHandler) -> None:
        server.answers["/x"] = content
        answer(request)

    return once


def test_fetch_names_unknown_host(offer):
    offer(made.archive(LETTERS, b"", "http://nowhere.invalid/x"))
    assert "http://nowhere.invalid/x: the host's name cannot be resolved" in error_line()
    assert left() == []


def test_fetch_without_name_service_asks_one_host_only(offer, monkeypatch):
    asked = []

    def getaddrinfo(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    offer(
        made.archive(LETTERS, b"", "http://a.example/x", "http://b.example/x"),
        made.archive("notMNIST_small.zip", b"", "http://c.example/x"),
    )
    assert "cannot be resolved" in error_line()
    assert asked == ["a.example"]


def test_fetch_names_host_that_refuses(offer):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        offer(made.archive(LETTERS, b"", f"http://127.0.0.1:{taken.getsockname()[1]}/x"))
        assert "refuses the connection" in error_line()


def test_fetch_names_host_that_does_not_answer(offer, monkeypatch):
    monkeypatch.setattr(transfer, "CONNECT_TIMEOUT", 0.3)
    with socket.socket() as busy, contextlib.ExitStack() as waiting:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        for _ in range(3):  # fill its queue, so that the next one hears nothing
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(busy.getsockname())
        offer(made.archive(LETTERS, b"", f"http://127.0.0.1:{busy.getsockname()[1]}/x"))
        assert "does not answer within 0.3 s" in error_line()


RETRIED = 1 + transfer.RETRIES


@pytest.mark.parametrize(
    ("answer", "pin", "reason", "requests"),
    [
        (404, "sha256", "answers 404", 1),
        (503, "sha256", "answers 503", RETRIED),
        (b"\n<!DOCTYPE html><title>Log in</title>" + bytes(10_000), "sha256", "web page", 1),
        (promise(5_000, bytes(500)), "sha256", "connection broke", RETRIED),
        (promise(10**9, *[bytes(50_000)] * 10), "sha256", "more than the 100,000 bytes", 1),
        (made.tar_gz(made.letter_files(3)), "sha256", "wrong checksum", 1),
        (made.tar_gz(made.letter_files(3)), "content_digest", "wrong content", 1),
        (b"not an archive at all" * 100, "nothing", "damaged or not an archive", 1),
    ],
    ids=["missing", "in-trouble", "page", "truncated", "endless", "other", "repacked", "damaged"],
)
def test_fetch_names_what_the_server_did(server, offer, letters, answer, pin, reason, requests):
    offer(made.archive(LETTERS, letters, f"{server.url}/x", pin=pin, limit=100_000))
    server.answers["/x"] = answer  # type: ignore[assignment]
    line = error_line()
    assert f"{server.url}/x: " in line and reason in line
    assert server.asked["/x"] == requests
    assert left() == []


@pytest.mark.parametrize(
    "answer", [lambda request: request.send_error(503), promise(5_000, bytes(500))]
)
def test_fetch_retries_from_the_start(server, offered, answer):
    server.answers["/x"] = first(server, answer, offered)
    fetch.fetch("notmnist", made.settings("notmnist"))
    assert server.asked["/x"] == 2
    assert (layout.raw("notmnist") / LETTERS).read_bytes() == offered


@pytest.mark.parametrize(
    ("answer", "settings", "reason"),
    [
        (promise(5_000, bytes(100), b"", wait=1), {"READ_TIMEOUT": 0.2}, "stalled"),
        (
            promise(10**6, *[b"x" * 5_000] * 20, wait=0.1),
            {"GRACE": 0.2, "MIN_SPEED": 10**6},
            "slow",
        ),
    ],
    ids=["stalled", "slow"],
)
def test_fetch_gives_up_on_slow_server(server, offered, monkeypatch, answer, settings, reason):
    for name, value in {**settings, "RETRIES": 1}.items():
        monkeypatch.setattr(transfer, name, value)
    server.answers["/x"] = answer
    assert reason in error_line()
    assert server.asked["/x"] == 2
    assert left() == []


def test_fetch_on_full_disk_keeps_old_state_and_generates_nothing(server, offered, full_disk):
    server.answers["/x"] = offered
    line = error_line(source="auto")
    assert LETTERS in line and "no room" in line
    assert left() == []


def test_fetch_names_folder_that_cannot_be_written(offered):
    layout.raw("notmnist").parent.mkdir(parents=True)
    layout.raw("notmnist").write_bytes(b"a file where the folder should be")
    assert "data/raw/notmnist" in error_line()


def test_failed_fetch_keeps_the_old_state(server, offered, offer):
    server.answers["/x"] = offered
    fetch.fetch("notmnist", made.settings("notmnist"))
    before = contents(layout.raw("notmnist"))
    offer(made.archive("notMNIST_large.tar.gz", b"other", f"{server.url}/x"))
    error_line()
    assert contents(layout.raw("notmnist")) == before


def test_fetch_tries_the_next_address_and_reports_the_failure(
    server, offer, letters, monkeypatch, capfd
):
    monkeypatch.setenv("INKBENCH_MIRROR", "/no/such/mirror")
    server.answers["/good"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/bad", f"{server.url}/good"))
    described = fetch.fetch("notmnist", made.settings("notmnist"))
    assert described["files"][0]["url"].endswith("/good")
    messages = capfd.readouterr().err
    assert f"{server.url}/bad: answers 404" in messages
    assert f"/no/such/mirror/notmnist/{LETTERS}: cannot be read" in messages


def test_killed_fetch_leaves_nothing_that_the_next_one_trips_over(server, offered, workplace):
    server.answers["/x"] = promise(len(offered), offered[:1000], b"", wait=30)
    program = f"""
import made_archives as made
from dataclasses import replace
from inkbench import datasets
from inkbench.datasets.fetching import fetch
archive = datasets.specs.Archive({LETTERS!r}, ({server.url + "/x"!r},), 10**7, sha256="0" * 64)
spec = replace(datasets.spec("notmnist"), editions={{"small": ((archive,),)}})
datasets.spec = lambda _: spec
fetch.fetch("notmnist", made.settings("notmnist"))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    running = subprocess.Popen([sys.executable, "-c", program], env=environment)
    wait_for(
        lambda: server.asked["/x"] and list(layout.raw("notmnist").rglob(LETTERS)), 300, running
    )
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert LETTERS not in left()
    server.answers["/x"] = offered
    fetch.fetch("notmnist", made.settings("notmnist"))
    assert left() == [LETTERS, "provenance.json"]


@pytest.fixture
def kaggle(offer: Offer, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `kaggle` command that copies from a folder, and the competition's archives in it."""
    zips = made.page_zips(made.pages())
    offer(
        tuple(
            made.archive(name, content, f"kaggle:{COMPETITION}", pin="content_digest")
            for name, content in zips.items()
        )
    )
    folder = workplace / COMPETITION
    folder.mkdir()
    for name, content in zips.items():
        (folder / name).write_bytes(content)
    command = workplace / "bin" / "kaggle"
    command.parent.mkdir()
    command.write_text(
        '#!/bin/sh\n[ "$1 $2" = "competitions download" ] || exit 2\n'
        f'cp "{workplace}/$3/$6" "$8/$6" && exit\necho "403 Client Error: Forbidden"; exit 1\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    return folder


def test_fetch_runs_kaggles_client(kaggle):
    described = fetch.fetch("documents", made.settings("documents"))
    assert {file["url"] for file in described["files"]} == {f"kaggle:{COMPETITION}"}


def test_fetch_says_where_to_accept_kaggles_rules(kaggle):
    (kaggle / "train.zip").unlink()
    line = error_line("documents")
    assert "403" in line and f"https://www.kaggle.com/c/{COMPETITION}/rules" in line
    assert left("documents") == []


def test_fetch_says_how_to_install_kaggles_client(kaggle, monkeypatch):
    monkeypatch.setenv("PATH", "")
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert "kaggle" in extra["optional-dependencies"]
    assert 'pip install --editable ".[kaggle]"' in error_line("documents")
