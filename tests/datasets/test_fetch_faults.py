"""Every way a download can go wrong: one clear line, and the old good state or nothing."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import made_archives as made
import pytest
import requests
from loopback import Server

from inkbench import layout
from inkbench.datasets.fetching import fetch, transfer
from inkbench.errors import InkbenchError

pytestmark = pytest.mark.usefixtures("workplace")

Offer = Callable[..., None]
LETTERS = "notMNIST_small.tar.gz"
KAGGLE = "kaggle:denoising-dirty-documents"


def fails(dataset: str = "notmnist") -> str:
    """The line that a person sees, after checking that it is one line."""
    with pytest.raises(InkbenchError) as raised:
        fetch.fetch(dataset, made.settings(dataset))
    line = str(raised.value)
    assert "\n" not in line
    return line


def left(dataset: str = "notmnist") -> list[str]:
    folder = layout.raw(dataset)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def offered(server: Server, offer: Offer, letters: bytes) -> bytes:
    """The catalogue names one archive, at ``/x`` of the loopback server."""
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    return letters


def promise(
    length: int, *pieces: bytes, wait: float = 0
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer 200 with a length, then send pieces that may not add up to it, with pauses."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        for piece in pieces:
            try:
                request.wfile.write(piece)
                request.wfile.flush()
            except OSError:
                return  # the client has had enough
            time.sleep(wait)

    return answer


def test_a_host_that_does_not_resolve(offer: Offer) -> None:
    offer(made.archive(LETTERS, b"", "http://nowhere.invalid/x"))
    assert "http://nowhere.invalid/x: the host's name cannot be resolved" in fails()
    assert left() == []


def test_no_name_service_at_all_is_asked_only_once(
    offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def getaddrinfo(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    offer(
        made.archive(LETTERS, b"", "http://a.example/x", "http://b.example/x"),
        made.archive("notMNIST_small.zip", b"", "http://c.example/x"),
    )
    assert "cannot be resolved" in fails()
    assert asked == ["a.example"]


def test_a_host_that_refuses(offer: Offer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        offer(made.archive(LETTERS, b"", f"http://127.0.0.1:{taken.getsockname()[1]}/x"))
        assert "refuses the connection" in fails()


def test_a_host_that_does_not_answer(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "CONNECT_TIMEOUT", 0.3)
    with socket.socket() as busy, contextlib.ExitStack() as waiting:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        for _ in range(3):  # fill its queue, so that the next one hears nothing
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(busy.getsockname())
        offer(made.archive(LETTERS, b"", f"http://127.0.0.1:{busy.getsockname()[1]}/x"))
        assert "the host does not answer within 0.3 s" in fails()


def test_not_found(server: Server, offered: bytes) -> None:
    assert f"{server.url}/x: answers 404 Not Found" in fails()
    assert server.asked["/x"] == 1
    assert left() == []


def test_a_server_in_trouble_is_asked_again(server: Server, offered: bytes) -> None:
    def once(request: BaseHTTPRequestHandler) -> None:
        server.answers["/x"] = offered
        request.send_error(503)

    server.answers["/x"] = once
    fetch.fetch("notmnist", made.settings("notmnist"))
    assert server.asked["/x"] == 2


def test_a_server_that_stays_in_trouble(server: Server, offered: bytes) -> None:
    server.answers["/x"] = 503
    assert "answers 503" in fails()
    assert server.asked["/x"] == 1 + transfer.RETRIES


def test_a_web_page_instead_of_the_archive(server: Server, offered: bytes) -> None:
    server.answers["/x"] = b"\n<!DOCTYPE html><title>Please log in</title>" + bytes(10_000)
    assert "sent a web page instead of the archive" in fails()
    assert left() == []


def test_a_truncated_body(server: Server, offered: bytes) -> None:
    server.answers["/x"] = promise(len(offered), offered[:500])
    assert "the connection broke before the file was complete" in fails()
    assert server.asked["/x"] == 1 + transfer.RETRIES
    assert left() == []


def test_a_truncated_body_is_fetched_from_the_start(server: Server, offered: bytes) -> None:
    def once(request: BaseHTTPRequestHandler) -> None:
        server.answers["/x"] = offered
        promise(len(offered), offered[:500])(request)

    server.answers["/x"] = once
    fetch.fetch("notmnist", made.settings("notmnist"))
    assert (layout.raw("notmnist") / LETTERS).read_bytes() == offered


def test_a_stalled_server(server: Server, offered: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "READ_TIMEOUT", 0.2)
    monkeypatch.setattr(transfer, "RETRIES", 1)
    server.answers["/x"] = promise(len(offered), offered[:100], b"", wait=1)
    assert "stalled: no byte for 0.2 s" in fails()
    assert server.asked["/x"] == 2
    assert left() == []


def test_a_server_that_drips(
    server: Server, offered: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "GRACE", 0.2)
    monkeypatch.setattr(transfer, "MIN_SPEED", 10**6)
    monkeypatch.setattr(transfer, "RETRIES", 0)
    server.answers["/x"] = promise(10**6, *[b"x" * 5_000] * 20, wait=0.1)
    assert "too slow: " in fails()


def test_a_body_without_end(server: Server, offer: Offer, letters: bytes) -> None:
    offer(made.archive(LETTERS, letters, f"{server.url}/x", limit=100_000))
    server.answers["/x"] = promise(10**9, *[bytes(50_000)] * 10)
    assert "sends more than the 100,000 bytes expected at most" in fails()
    assert left() == []


@pytest.mark.parametrize("pin", ["sha256", "content_digest"])
def test_a_wrong_checksum(server: Server, offer: Offer, letters: bytes, pin: str) -> None:
    offer(made.archive(LETTERS, letters, f"{server.url}/x", pin=pin))
    server.answers["/x"] = made.tar_gz(made.letter_files(3))
    assert "/x: wrong c" in fails()
    assert left() == []


def test_an_archive_that_is_none(server: Server, offer: Offer) -> None:
    offer(made.archive(LETTERS, b"", f"{server.url}/x", pin="nothing"))
    server.answers["/x"] = b"not an archive at all" * 100
    assert "/x: damaged or not an archive" in fails()


def test_a_disk_that_is_full(
    server: Server, offered: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/x"] = offered
    opened = Path.open

    def full(path: Path, mode: str = "r", *rest: object) -> object:
        return opened(Path("/dev/full") if "w" in mode else path, mode, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    line = fails()
    assert f"{LETTERS}: no room to write it" in line
    assert "MB free there" in line
    assert left() == []


def test_a_full_disk_is_no_reason_for_stand_in_data(
    server: Server, offered: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/x"] = offered
    monkeypatch.setattr(transfer, "get", lambda *_: (_ for _ in ()).throw(InkbenchError("full")))
    with pytest.raises(InkbenchError, match="full"):
        fetch.fetch("notmnist", made.settings("notmnist", source="auto"))


def test_a_folder_that_cannot_be_written(offered: bytes) -> None:
    layout.raw("notmnist").parent.mkdir(parents=True)
    layout.raw("notmnist").write_bytes(b"a file where the folder should be")
    assert "cannot be written" in fails()


def test_a_failed_fetch_leaves_the_old_good_state(
    server: Server, offer: Offer, letters: bytes
) -> None:
    server.answers["/x"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    fetch.fetch("notmnist", made.settings("notmnist"))
    before = {p.name: p.read_bytes() for p in layout.raw("notmnist").iterdir()}
    offer(made.archive("notMNIST_large.tar.gz", b"other", f"{server.url}/x"))
    fails()
    assert {p.name: p.read_bytes() for p in layout.raw("notmnist").iterdir()} == before


def test_the_next_place_is_tried_and_the_failure_told(
    server: Server, offer: Offer, letters: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    server.answers["/good"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/bad", f"{server.url}/good"))
    provenance = fetch.fetch("notmnist", made.settings("notmnist"))
    assert provenance["files"][0]["url"].endswith("/good")
    assert capfd.readouterr().err.count(f"{server.url}/bad: answers 404") == 1


def test_a_mirror_without_the_file_is_told_and_passed_over(
    server: Server,
    offered: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server.answers["/x"] = offered
    monkeypatch.setenv("INKBENCH_MIRROR", "/no/such/mirror")
    fetch.fetch("notmnist", made.settings("notmnist"))
    assert f"/no/such/mirror/notmnist/{LETTERS}: no such file" in capfd.readouterr().err


def test_a_mirrored_file_that_cannot_be_read(
    offered: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(f"mirror/notmnist/{LETTERS}").mkdir(parents=True)
    monkeypatch.setenv("INKBENCH_MIRROR", "mirror")
    assert f"mirror/notmnist/{LETTERS}: cannot be read: Is a directory" in fails()


def test_killed_in_mid_download_nothing_is_left_to_trip_over(
    server: Server, offered: bytes, workplace: Path
) -> None:
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
    deadline = time.monotonic() + 300
    while not (server.asked["/x"] and list(layout.raw("notmnist").rglob(LETTERS))):
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert LETTERS not in left()
    server.answers["/x"] = offered
    fetch.fetch("notmnist", made.settings("notmnist"))
    assert left() == [LETTERS, "provenance.json"]


class FakeKaggle(types.ModuleType):
    """What the official client offers, asking the loopback server instead of Kaggle."""

    def __init__(self, url: str) -> None:
        super().__init__("kaggle.api.kaggle_api_extended")

        class KaggleApi:
            def authenticate(self) -> None:
                pass

            def competition_download_file(
                self, competition: str, name: str, path: str, quiet: bool
            ) -> None:
                response = requests.get(f"{url}/{competition}/{name}", timeout=5)
                response.raise_for_status()
                (Path(path) / name).write_bytes(response.content)

        self.KaggleApi = KaggleApi


@pytest.fixture
def kaggle(server: Server, offer: Offer, monkeypatch: pytest.MonkeyPatch) -> made.Files:
    """Kaggle's client installed, credentials set, and the competition's files in the catalogue."""
    zips = made.page_zips(made.pages())
    offer(
        tuple(made.archive(n, c, KAGGLE, pin="content_digest") for n, c in zips.items())
    )
    for name in ("kaggle", "kaggle.api"):
        module = types.ModuleType(name)
        module.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "kaggle.api.kaggle_api_extended", FakeKaggle(server.url))
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    monkeypatch.setenv("KAGGLE_KEY", "key")
    return zips


def test_kaggles_client_fetches_the_pages(server: Server, kaggle: made.Files) -> None:
    for name, content in kaggle.items():
        server.answers[f"/denoising-dirty-documents/{name}"] = content
    provenance = fetch.fetch("documents", made.settings("documents"))
    assert {file["url"] for file in provenance["files"]} == {KAGGLE}


def test_kaggles_403_says_where_to_accept_the_rules(server: Server, kaggle: made.Files) -> None:
    for name in kaggle:
        server.answers[f"/denoising-dirty-documents/{name}"] = 403
    line = fails("documents")
    assert "accept the rules at https://www.kaggle.com/c/denoising-dirty-documents/rules" in line
    assert left("documents") == []


def test_kaggle_out_of_reach_is_told_like_any_host(
    kaggle: made.Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = FakeKaggle("http://kaggle.invalid")
    monkeypatch.setitem(sys.modules, "kaggle.api.kaggle_api_extended", nowhere)
    assert "train.zip: the host's name cannot be resolved" in fails("documents")


def test_kaggle_without_credentials_is_not_asked(
    server: Server, kaggle: made.Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_KEY")
    assert "no credentials" in fails("documents")
    assert not server.asked


def test_kaggle_without_its_client_says_how_to_get_it(offer: Offer) -> None:
    offer(made.archive("train.zip", b"", KAGGLE))
    assert "pip install kaggle" in fails("documents")
