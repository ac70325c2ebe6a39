"""Whatever happens to the store: the stage finishes, warns once, and nothing is lost or doubled."""

import http.server
import json
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest
from project import Project, Seen, mlflow_uri
from server import Server, free_port

from inkbench.errors import InkbenchError

pytestmark = pytest.mark.slow

TRAIN = ("python", "stages/train.py", "mnist-a")
ADDRESS = "train@mnist-a"

# A resident of its own: one that has the store open already would not be hit.
APART = {"SESSION": "another"}


def train(project: Project, uri: str, **environment: str) -> str:
    """Run one stage as DVC would, and its courier to the end; returns what it says on stderr."""
    done = project.run(*TRAIN, DVC_STAGE=ADDRESS, MLFLOW_TRACKING_URI=uri, **environment)
    facts = json.loads((project.folder / "models/mnist-a/train.json").read_text())
    assert facts["data_source"] == "synthetic", "the stage's own output is right"
    return done.stderr


def assert_warned_once(stderr: str) -> None:
    warnings = [line for line in stderr.splitlines() if "warning" in line.lower()]
    assert len(warnings) == 1, stderr
    assert "inkbench sync" in warnings[0]
    assert "Traceback" not in stderr


def assert_complete(project: Project, uri: str) -> None:
    """The store holds the training once, with all it has."""
    store = Seen(uri)
    (run,) = store.stages(dvc__stage=ADDRESS)
    assert run.info.status == "FINISHED"
    assert store.curve(run, "loss") == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert store.curve(run, "seconds") == [(0, 1.5)]
    assert run.data.params["train.model.code"] == "8"
    assert [model.source_run_id for model in store.models()].count(run.info.run_id) == 1
    artifacts = [file.path for file in store.client.list_artifacts(run.info.run_id)]
    assert artifacts == ["history.csv"]
    assert "backfilled" not in run.data.tags
    assert not list((project.folder / ".tracking").glob("*/events.jsonl"))


class Halfway:
    """A training that stands still after its first epoch.

    Parameters
    ----------
    project
        Where.
    uri
        Its store.
    """

    def __init__(self, project: Project, uri: str) -> None:
        here, self._go = project.folder / "here.log", project.folder / "go.log"
        self._project, self._uri = project, uri
        self._session = {
            "MLFLOW_TRACKING_URI": uri,
            "FAKE_PAUSE": "train:epoch",
            "FAKE_HERE": str(here),
            "FAKE_GO": str(self._go),
            "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "0.2",
        }
        self._stage = project.start(*TRAIN, DVC_STAGE=ADDRESS, **self._session)
        project.wait_for(here.exists)

    def plot(self) -> str:
        """Run another stage of the session to its courier's end; returns what it says."""
        command = ("python", "stages/plot.py", "mnist-a")
        return self._project.run(*command, DVC_STAGE="plot@mnist-a", **self._session).stderr

    def residents(self) -> list[psutil.Process]:
        """Processes that work with MLflow for this project."""
        return [
            process
            for process in psutil.process_iter(["cmdline", "cwd"])
            if "inkbench.tracking.resident" in (process.info["cmdline"] or ())
            and process.info["cwd"] == str(self._project.folder)
        ]

    def wait_until_seen(self) -> None:
        """Wait until the first epoch is in the store."""
        Project.wait_for(self._is_seen)

    def _is_seen(self) -> bool:
        return any("loss" in run.data.metrics for run in Seen(self._uri).stages())

    def go_on(self) -> str:
        """Let it finish; returns what it says on stderr."""
        self._go.touch()
        _, stderr = self._stage.communicate(timeout=300)
        assert self._stage.returncode == 0, stderr
        return stderr


def test_a_server_that_dies_in_mid_run(project: Project, server: Server) -> None:
    training = Halfway(project, server.uri)
    training.wait_until_seen()
    server.kill()
    assert_warned_once(training.go_on())
    server.start()
    (run,) = Seen(server.uri).stages()
    assert run.info.status == "RUNNING"
    project.sync(uri=server.uri)
    assert_complete(project, server.uri)
    assert "0 brought" in project.sync(uri=server.uri)


@contextmanager
def down() -> Iterator[int]:
    """Port of no server."""
    yield free_port()


@contextmanager
def silent() -> Iterator[int]:
    """Port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


class _Broken(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(500, "broken")

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def broken() -> Iterator[int]:
    """Port of a server that answers everything with 500."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Broken) as answering:
        threading.Thread(target=answering.serve_forever, daemon=True).start()
        yield answering.server_port
        answering.shutdown()


@pytest.mark.parametrize("server", [down, silent, broken])
def test_a_server_of_no_use_holds_no_stage_up_and_loses_nothing(
    project: Project, server: Callable[[], AbstractContextManager[int]]
) -> None:
    with server() as port:
        uri = f"http://127.0.0.1:{port}"
        session = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_HTTP_REQUEST_TIMEOUT": "2"}
        stage = project.start(*TRAIN, DVC_STAGE=ADDRESS, **session)
        assert stage.wait(timeout=300) == 0
        if server is silent:
            assert not list(project.folder.glob(".tracking/*/failure.txt")), "nobody gave up yet"
        assert_warned_once(stage.communicate(timeout=300)[1])  # the courier's end
    project.sync()
    assert_complete(project, mlflow_uri(project.folder))


def test_a_full_disk_of_the_store(project: Project) -> None:
    uri = mlflow_uri(project.folder)
    project.run("python", "stages/plot.py", "mnist-a", DVC_STAGE="plot@mnist-a")
    size = (project.folder / "mlflow.db").stat().st_size
    limited = f"ulimit -f {size // 1024 // 2}; exec {' '.join(TRAIN)}"  # in blocks of 1024 bytes
    done = project.run("bash", "-c", limited, DVC_STAGE=ADDRESS, **APART)
    assert_warned_once(done.stderr)
    project.sync()
    assert_complete(project, uri)


def test_a_sqlite_store_that_another_process_has_locked(project: Project) -> None:
    uri = mlflow_uri(project.folder)
    project.run("python", "stages/plot.py", "mnist-a", DVC_STAGE="plot@mnist-a")
    other = sqlite3.connect(project.folder / "mlflow.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert_warned_once(train(project, uri))
    other.close()
    project.sync()
    assert_complete(project, uri)


def test_a_store_of_another_mlflow_version_is_named_as_such(project: Project) -> None:
    with sqlite3.connect(project.folder / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'fedcba987654'")
    stderr = train(project, mlflow_uri(project.folder))
    assert_warned_once(stderr)
    assert "another version of MLflow" in stderr
    with pytest.raises(InkbenchError, match="mlflow db upgrade") as refused:
        project.sync()
    assert "\n" not in str(refused.value)


def test_a_stage_that_is_killed_leaves_a_run_that_says_so(project: Project) -> None:
    uri = mlflow_uri(project.folder)
    training = Halfway(project, uri)
    training.wait_until_seen()
    training._stage.kill()
    training._stage.communicate(timeout=300)
    (run,) = Seen(uri).stages()
    assert run.info.status == "KILLED"


@pytest.mark.parametrize("killed", [False, True])
def test_one_process_works_with_mlflow_for_all_stages(project: Project, killed: bool) -> None:
    """Another takes its place when it is killed, and everything is brought once."""
    uri = mlflow_uri(project.folder)
    training = Halfway(project, uri)
    training.wait_until_seen()
    before = training.residents()
    assert len(before) == 1
    if killed:
        before[0].kill()
    assert training.plot() == ""
    if not killed:
        assert Seen(uri).names() == ["plot@mnist-a", ADDRESS]
        assert training.residents() == before
    assert training.go_on() == ""
    assert Seen(uri).names() == ["plot@mnist-a", ADDRESS]
    assert_complete(project, uri)
    (run,) = Seen(uri).stages(dvc__stage=ADDRESS)
    assert killed or "system/cpu_utilization_percentage" in run.data.metrics, "watched all along"


def test_a_journal_that_cannot_be_brought_harms_no_other(project: Project) -> None:
    uri = mlflow_uri(project.folder)
    training = Halfway(project, uri)
    training.wait_until_seen()
    (events,) = project.folder.glob(".tracking/*/events.jsonl")
    lost = '{"do": "artifact", "at": 0, "file": "files/lost"}\n'
    with events.open("a") as file:
        file.write(lost)
    assert training.plot() == ""
    assert_warned_once(training.go_on())
    said = project.sync()
    assert f"kept       {events.parent}" in said
    assert "8 stages, 7 brought" in said, "the rest is not held up"
    events.write_text(events.read_text().replace(lost, ""))
    project.sync()
    runs = Seen(uri).stages(dvc__stage=ADDRESS)
    (own,) = [run for run in runs if "backfilled" not in run.data.tags]
    assert own.info.status == "FINISHED"
    assert not events.exists()


@pytest.mark.parametrize("kind", ["sqlite", "http"])
def test_two_pipelines_at_once_do_not_mix(
    project: Project, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    uri = mlflow_uri(tmp_path) if kind == "sqlite" else request.getfixturevalue("server").uri
    other = Project(tmp_path / "other")
    project.run("git", "clone", "-q", ".", str(other.folder))
    other.replace("params.yaml", "epochs: 3", "epochs: 4")
    (other.folder / "data/processed/mnist").mkdir(parents=True)
    stages = [
        where.start("python", f"stages/{kind}.py", "mnist-a", DVC_STAGE=f"{kind}@mnist-a", **env)
        for where in (project, other)
        for kind in ("train", "plot")
        for env in [{"MLFLOW_TRACKING_URI": uri}]
    ]
    for stage in stages:
        _, stderr = stage.communicate(timeout=300)
        assert (stage.returncode, stderr) == (0, "")
    store = Seen(uri)
    names = [experiment.name for experiment in store.client.search_experiments()]
    assert sorted(names) == ["Default", "inkbench"]
    assert len(store.parents) == 2
    for parent in store.parents:
        assert store.names(parent) == ["plot@mnist-a", "train@mnist-a"]
        (run,) = store.stages(parent, stage="train")
        epochs = int(run.data.params["train.epochs"])
        assert [step for step, _ in store.curve(run, "loss")] == list(range(1, epochs + 1))
