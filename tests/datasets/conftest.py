"""A folder to fetch to, a loopback server to fetch from, and generated archives."""

import dataclasses
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import loopback
import made_archives as made
import pytest

from inkbench import datasets
from inkbench.datasets.fetching import transfer
from inkbench.datasets.specs import Archive

hypothesis.settings.register_profile(  # test machines are shared; every run tries the same examples
    "shared", deadline=None, derandomize=True, database=None
)
hypothesis.settings.load_profile("shared")


@pytest.fixture
def server() -> Iterator[loopback.Server]:
    """A loopback web server without any files."""
    with loopback.serving() as running:
        yield running


def _resolve(host, *rest, really=socket.getaddrinfo, **more):
    """Resolve names as usual, except for hosts that cannot exist: some resolvers answer them."""
    if str(host).endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return really(host, *rest, **more)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository root, no mirror, no proxies, and no waiting between retries."""
    monkeypatch.chdir(tmp_path)
    for name in ("INKBENCH_MIRROR", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", _resolve)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(transfer, "BACKOFF", 0.01)
    return tmp_path


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder with the real archives."""
    if not (folder := os.environ.get("INKBENCH_MIRROR")):
        pytest.skip("INKBENCH_MIRROR is not set: no real data to check")
    return Path(folder).resolve()


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace the archives of all datasets: each argument is an edition."""
    real = datasets.spec

    def replace(*editions: Archive | tuple[Archive, ...], **changed: object) -> None:
        sets = tuple(e if isinstance(e, tuple) else (e,) for e in editions)

        def spec(name: str) -> datasets.Spec:
            subsets = dict.fromkeys(real(name).editions, sets)
            return dataclasses.replace(real(name), editions=subsets, **changed)

        monkeypatch.setattr(datasets, "spec", spec)

    return replace


@pytest.fixture
def letters() -> bytes:
    """A small, sound notMNIST archive."""
    return made.tar_gz(made.letter_files(per_class=4))
