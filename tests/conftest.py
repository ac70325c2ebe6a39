"""Shared by all tests: quiet libraries, one copy of the repository's root, slow files first."""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import helpers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", "ab" * 32)  # or Ray writes one to ~/.ray, and tests race


@pytest.fixture(scope="session", autouse=True)
def _dvc(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep this user's settings and state of DVC out of the tests."""
    for name in ("SITE_CACHE", "GLOBAL_CONFIG", "SYSTEM_CONFIG"):
        os.environ[f"DVC_{name}_DIR"] = str(tmp_path_factory.mktemp("dvc"))


@pytest.fixture
def root() -> Path:
    """The repository's root."""
    return helpers.ROOT


@pytest.fixture
def isolated() -> tuple[str, ...]:
    """Start of a command that runs without a network, also without loopback."""
    command = ("unshare", "--map-root-user", "--net")
    if subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let us run without a network")
    return command


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow files, so that none is left alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: compressed ones hold the time, and xdist's workers differ."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file can grow beyond 1,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
