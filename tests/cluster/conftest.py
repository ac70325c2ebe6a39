"""A toy that has run serially, and two raylets that share nothing but an S3 remote."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from raylets import Cluster
from toy import Toy

from helpers import once


@pytest.fixture(scope="session")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a toy before (``fresh``), amid (``data``) and after (``done``) a serial run."""

    def make(folder: Path) -> None:
        fresh = Toy(folder / "fresh").build()
        data = fresh.copy(folder / "data")
        first = [
            f"{k}@{name}" for k in ("download", "preprocess") for name in ("digits", "letters")
        ]
        data.run("dvc", "repro", "--single-item", *first)  # in dvc.yaml's order
        done = data.copy(folder / "done")
        done.run("dvc", "repro")

    return once(tmp_path_factory, "serial", make)


@pytest.fixture
def toy(serial: Path, tmp_path: Path) -> Toy:
    """A toy with data and without models."""
    return Toy(serial / "data").copy(tmp_path / "toy")


@pytest.fixture
def expected(serial: Path) -> dict[str, bytes]:
    """What a serial run leaves."""
    return Toy(serial / "done").outputs()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes of one slot each, and an S3 server."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running
