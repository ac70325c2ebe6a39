"""One miniature pipeline run for all tests of tracking, and servers to try it against."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project, Seen, mlflow_uri
from server import Server

from inkbench.tracking.store import Store


@pytest.fixture(scope="session")
def template(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose whole pipeline has run once, untracked; do not change it."""
    project = Project(tmp_path_factory.mktemp("template")).build()
    project.run("dvc", "repro", "-q", INKBENCH_TRACKING="off")
    project.commit("results")
    shutil.copy(tables, project.folder)
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    """A project of one's own: every stage has run, nothing is in its store."""
    return template.copy(tmp_path / "project")


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project that has not run yet."""
    folder = tmp_path / "fresh"
    folder.mkdir()
    return Project(folder).build()


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with MLflow's tables and nothing in them: making them takes seconds."""
    folder = tmp_path_factory.mktemp("tables")
    Seen(mlflow_uri(folder))
    return folder / "mlflow.db"


@pytest.fixture
def store(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An open store with nothing in it, in a folder that becomes the current one."""
    shutil.copy(tables, tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return Store.open()


@pytest.fixture
def server(tables: Path, tmp_path: Path) -> Iterator[Server]:
    """A real MLflow server on loopback, running."""
    with Server(tmp_path / "server", tables) as running:
        running.start()
        yield running
