"""One miniature pipeline that all tests of tracking copy, and servers to test against."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import server as servers
from project import Project, empty_store
from server import Server

from helpers import once
from inkbench.tracking.store import Store


@pytest.fixture(scope="session")
def template(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose whole pipeline has run once, untracked; do not change it."""

    def build(folder: Path) -> None:
        project = Project(folder / "project").build()
        project.run("dvc", "repro", "-q", INKBENCH_TRACKING="off")
        project.commit("results")
        shutil.copy(tables, project.folder)

    return Project(once(tmp_path_factory, "template", build) / "project")


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Iterator[Project]:
    """A copy of the template: every stage has run, and its store is empty."""
    copy = template.copy(tmp_path / "project")
    yield copy
    copy.kill_uploader()


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store."""
    return empty_store(tmp_path_factory)


@pytest.fixture
def store(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An open empty store, in a folder that becomes the current one."""
    shutil.copy(tables, tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return Store.open()


@pytest.fixture(scope="session")
def sqlite_server(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An MLflow server on SQLite and a folder."""
    with servers.on_sqlite(tmp_path_factory.mktemp("server"), tables) as running:
        yield running


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An MLflow server on PostgreSQL and S3, with passwords."""
    with servers.on_postgresql(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def server(
    request: pytest.FixtureRequest, project: Project, monkeypatch: pytest.MonkeyPatch
) -> Server:
    """A running MLflow server of the test's kind, with an empty store; the project may log in."""
    running: Server = request.getfixturevalue(f"{request.param}_server")
    for name, value in running.credentials.items():
        monkeypatch.setenv(name, value)
    project.environment |= running.credentials
    running.empty()
    return running
