"""Whatever happens to the store: the stage finishes, warns once, and nothing is lost or doubled."""

import http.server
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from project import Project, Seen, mlflow_uri
from server import Server, free_port

pytestmark = pytest.mark.slow

TRAIN = ("python", "stages/train.py", "mnist-a")
ADDRESS = "train@mnist-a"

# A resident of its own: one that has the store open already would not be hit.
APART = {"SESSION": "another"}


def train(project: Project, uri: str, **environment: str) -> str:
    """Run one stage as DVC would, and its courier to the end; returns what it says on stderr."""
    started = time.monotonic()
    done = project.run(*TRAIN, DVC_STAGE=ADDRESS, MLFLOW_TRACKING_URI=uri, **environment)
    assert time.monotonic() - started < 90
    facts = json.loads((project.folder / "models/mnist-a/train.json").read_text())
    assert facts["data_source"] == "stand-in", "the stage's own output is right"
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


def test_a_server_that_is_down_at_the_start(project: Project, tables: Path, tmp_path: Path) -> None:
    with Server(tmp_path / "server", tables) as server:
        assert_warned_once(train(project, server.uri))
        server.start()
        project.sync(uri=server.uri)
        assert_complete(project, server.uri)


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


def test_a_server_that_hangs_does_not_hold_the_stage_up(project: Project, server: Server) -> None:
    server.pause()
    started = time.monotonic()
    training = project.start(
        *TRAIN, DVC_STAGE=ADDRESS, MLFLOW_TRACKING_URI=server.uri, MLFLOW_HTTP_REQUEST_TIMEOUT="2"
    )
    training.wait(timeout=300)
    assert time.monotonic() - started < 60
    _, stderr = training.communicate(timeout=300)  # the courier's end
    assert_warned_once(stderr)
    server.resume()
    project.sync(uri=server.uri)
    assert_complete(project, server.uri)


class _Broken(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(500, "broken")

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def broken_port() -> Iterator[int]:
    """Port of a server that answers everything with 500."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), _Broken) as broken:
        threading.Thread(target=broken.serve_forever, daemon=True).start()
        yield broken.server_port
        broken.shutdown()


def test_a_server_that_answers_500(project: Project, server: Server, broken_port: int) -> None:
    assert_warned_once(train(project, f"http://127.0.0.1:{broken_port}"))
    project.sync(uri=server.uri)
    assert_complete(project, server.uri)


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
    project.run("python", "stages/plot.py", "mnist-a", DVC_STAGE="plot@mnist-a")
    with sqlite3.connect(project.folder / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'fedcba987654'")
    stderr = train(project, mlflow_uri(project.folder), **APART)
    assert_warned_once(stderr)
    assert "another version of MLflow" in stderr
    done = project.run("inkbench", "sync", check=False)
    assert done.returncode == 2
    assert "mlflow db upgrade" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_stage_that_is_killed_leaves_a_run_that_says_so(project: Project) -> None:
    uri = mlflow_uri(project.folder)
    training = Halfway(project, uri)
    training.wait_until_seen()
    training._stage.kill()
    training._stage.communicate(timeout=300)
    (run,) = Seen(uri).stages()
    assert run.info.status == "KILLED"


def test_one_process_works_with_mlflow_for_all_stages(project: Project) -> None:
    uri = mlflow_uri(project.folder)
    training = Halfway(project, uri)
    training.wait_until_seen()
    before = training.residents()
    assert training.plot() == ""
    assert Seen(uri).names() == ["plot@mnist-a", ADDRESS]
    assert training.residents() == before
    assert len(before) == 1
    assert training.go_on() == ""
    assert_complete(project, uri)
    (run,) = Seen(uri).stages(dvc__stage=ADDRESS)
    assert "system/cpu_utilization_percentage" in run.data.metrics, "watched all the while"


def test_when_that_process_is_killed_another_brings_everything_once(project: Project) -> None:
    uri = mlflow_uri(project.folder)
    training = Halfway(project, uri)
    training.wait_until_seen()
    (resident,) = training.residents()
    resident.kill()
    assert training.plot() == ""
    assert training.go_on() == ""
    assert Seen(uri).names() == ["plot@mnist-a", ADDRESS]
    assert_complete(project, uri)


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
    events.write_text(events.read_text().replace(lost, ""))
    project.sync()
    assert_complete(project, uri)


def test_a_stage_that_fails_leaves_a_failed_run_and_its_own_exit_code(project: Project) -> None:
    done = project.run(*TRAIN, check=False, DVC_STAGE=ADDRESS, FAKE_FAIL="mnist-a")
    assert done.returncode == 1
    assert "ValueError: as asked" in done.stderr
    (run,) = Seen(mlflow_uri(project.folder)).stages()
    assert run.info.status == "FAILED"
    assert Seen(mlflow_uri(project.folder)).parents[0].info.status == "FAILED"


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
