"""Whatever happens to store and processes: no stage fails, and nothing is lost or doubled."""

import http.server
import json
import os
import shutil
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import SimpleNamespace

import pytest
from halfway import ADDRESS, TRAIN, Halfway, assert_complete, assert_warned_once
from project import Project, Seen, mlflow_uri

from inkbench.errors import InkbenchError
from inkbench.tracking import uploader
from inkbench.tracking.journal import Journal, now
from inkbench.tracking.store import HASH, digest

pytestmark = pytest.mark.slow


def train(project: Project) -> None:
    """Run the stage as DVC would, and wait for its upload."""
    process = project.start(*TRAIN, DVC_STAGE=ADDRESS)
    assert process.wait(timeout=300) == 0
    facts = json.loads((project.folder / "models/mnist-a/train.json").read_text())
    assert facts["data_source"] == "synthetic", "the stage's own output is right"
    project.wait_uploaded()


@contextmanager
def down() -> Iterator[str]:
    """Address of no server."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    """Address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


class _Broken(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(500, "broken")

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def broken() -> Iterator[str]:
    """Address of a server that answers everything with 500."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Broken) as answering:
        threading.Thread(target=answering.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{answering.server_port}"
        answering.shutdown()


@contextmanager
def locked() -> Iterator[str]:
    """Address of a SQLite file that another connection locks."""
    with closing(sqlite3.connect("mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield "sqlite:///mlflow.db?timeout=1"


@contextmanager
def other_version() -> Iterator[str]:
    """Address of a SQLite file with the tables of another MLflow."""
    with sqlite3.connect("mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'fedcba987654'")
    yield "sqlite:///mlflow.db"


def test_waiting_leaves_out_what_failed_and_what_others_upload(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    here = {"store": digest(), "host": socket.gethostname()}
    ours, failed, elsewhere, other = (Journal.create() for _ in range(4))
    ours.append("start", **here)
    failed.append("start", **here)
    failed.fail("no store")
    elsewhere.append("start", **here | {"host": "elsewhere"})
    other.append("start", **here | {"store": "other"})
    assert [journal.folder for journal in uploader._waiting()] == [ours.folder]


@pytest.mark.parametrize(
    ("useless", "reason"),
    [
        *((useless, "does not answer") for useless in (down, silent, broken, locked)),
        (other_version, "another version of MLflow; run `mlflow db upgrade"),
    ],
)
def test_proceed_keeps_the_journal_and_warns_once(
    useless, reason, tables, tmp_path, monkeypatch, capsys
):
    shutil.copy(tables, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    journal = Journal.create()
    journal.append("start")
    with useless() as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        uploader._Uploader()._proceed(journal)
    assert journal.has_failed and journal.read()[0]
    warning = capsys.readouterr().err
    assert warning.count("inkbench sync") == 1 and reason in warning


def test_uploader_keeps_the_journal_if_the_disk_is_full(project):
    size = (project.folder / "mlflow.db").stat().st_size
    limited = f"ulimit -f {size // 1024 // 2}; exec {' '.join(TRAIN)}"  # in blocks of 1024 bytes
    assert project.start("bash", "-c", limited, DVC_STAGE=ADDRESS).wait(timeout=300) == 0
    project.wait_for(lambda: "warning" in project.errors.read_text())
    assert_warned_once(project)
    assert_complete(project, mlflow_uri(project.folder))


def test_uploader_warns_of_a_folder_as_store(project):
    done = project.run(*TRAIN, DVC_STAGE=ADDRESS, MLFLOW_TRACKING_URI="file:./mlruns")
    assert_warned_once(project)
    assert "sqlite:///mlflow.db" in done.stderr
    with pytest.raises(InkbenchError, match=r"file:\./mlruns.*sqlite:///mlflow\.db") as refused:
        project.sync(uri="file:./mlruns")
    assert "\n" not in str(refused.value)


def test_uploader_ends_the_run_of_a_killed_stage(project):
    uri = mlflow_uri(project.folder)
    training = Halfway(project, uri)
    training.wait_until_seen()
    training.process.kill()
    training.process.wait()
    project.wait_uploaded()
    (run,) = Seen(uri).stages()
    assert run.info.status == "KILLED"


def test_uploader_records_a_failed_stage(project):
    process = project.start(*TRAIN, DVC_STAGE=ADDRESS, FAKE_FAIL="mnist-a")
    assert process.wait(timeout=300) == 1
    project.wait_uploaded()
    store = project.seen()
    (run,) = store.stages()
    assert (run.info.status, store.parents[0].info.status) == ("FAILED", "FAILED")
    assert store.curve(run, "loss")[0] == (1, 1.0)


def test_uploader_is_one_process_for_all_stages_and_another_if_it_is_killed(project):
    uri = mlflow_uri(project.folder)
    training = Halfway(project, uri)
    training.wait_until_seen()
    (first,) = project.uploaders()
    training.plot()
    project.wait_for(lambda: Seen(uri).names() == ["plot@mnist-a", ADDRESS])
    assert project.uploaders() == [first]
    assert first.nice() == min(os.nice(0) + 5, 19)
    project.kill_uploader()
    training.plot()
    project.wait_for(lambda: Seen(uri).names() == ["plot@mnist-a", "plot@mnist-a", ADDRESS])
    (second,) = project.uploaders()
    assert second != first
    training.finish()
    assert Seen(uri).names() == ["plot@mnist-a", "plot@mnist-a", ADDRESS]
    assert_complete(project, uri)


def test_uploader_goes_on_after_a_journal_that_fails(project):
    uri = mlflow_uri(project.folder)
    training = Halfway(project, uri)
    training.wait_until_seen()
    (journal,) = project.journals()
    events = journal / "events.jsonl"
    wrong = '{"do": "metrics", "at": 0, "values": {"loss": "text"}, "step": 0}\n'
    with events.open("a") as file:
        file.write(wrong)
    project.wait_for((journal / "failure.txt").exists)
    training.plot()
    training.finish()
    project.kill_uploader()
    output = project.sync()
    assert f"kept       {journal}" in output
    assert "8 stages, 7 added" in output, "the plot has its run, the others are backfilled"
    events.write_text(events.read_text().replace(wrong, ""))
    project.sync()
    runs = Seen(uri).stages(dvc__stage=ADDRESS)
    (own,) = [run for run in runs if "backfilled" not in run.data.tags]
    assert own.info.status == "FINISHED"
    assert not events.exists()


@pytest.mark.parametrize(("seconds", "warnings"), [(5, 0), (100, 1)])
def test_uploader_waits_while_dvc_writes_its_lock(project, seconds, warnings, capsys):
    project.write("dvc.lock", "")  # DVC opens it, then writes it
    start = {"dvc_stage": ADDRESS, "state": {"key": "k", "title": "t", "inputs": "i"}}
    ended = SimpleNamespace(
        journal=SimpleNamespace(start=start), ended_at=now() - 1000 * seconds, wants_sync=True
    )
    running = uploader._Uploader()
    running._store, running._ended[project.folder] = object(), ended
    running._complete(project.folder, ended)
    assert len(running._ended) == 1 - warnings
    assert capsys.readouterr().err.count("warning") == warnings


def test_uploader_completes_a_state_when_dvc_has_recorded_its_last_stage(project, monkeypatch):
    keys: list[str] = []
    monkeypatch.setattr(
        uploader, "complete_state", lambda _, state, *__, **___: keys.append(state.key)
    )
    start = {"dvc_stage": ADDRESS, "state": {"key": "k", "title": "t", "inputs": "i"}}
    ended = SimpleNamespace(
        journal=SimpleNamespace(start=start), ended_at=now() - 2_000, wants_sync=True
    )
    running = uploader._Uploader()
    running._store, running._ended[project.folder] = object(), ended
    lock = project.folder / "dvc.lock"
    for seconds, completed in ((-5, []), (5, ["k"])):
        lock.touch()
        at = ended.ended_at / 1000 + seconds
        os.utime(lock, (at, at))
        running._complete(project.folder, ended)
        assert keys == completed


@pytest.mark.parametrize(("age", "completed"), [(1_000, ["old"]), (600_000, [])])
def test_proceed_completes_the_state_before_while_dvc_lock_has_its_results(
    age, completed, project, monkeypatch
):
    """A killed `inkbench repro` leaves journals that are released after a later one."""
    keys: list[str] = []
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(
        uploader, "complete_state", lambda _, state, *__, **___: keys.append(state.key)
    )
    monkeypatch.setattr(uploader.Upload, "proceed", lambda _: False)
    start = {"dvc_stage": ADDRESS, "cwd": str(project.folder)}
    old, new = (
        SimpleNamespace(
            folder=project.folder,
            start=start | {"state": {"key": key, "title": "t", "inputs": "i"}},
        )
        for key in ("old", "new")
    )
    running = uploader._Uploader()
    running._store = object()
    ended = SimpleNamespace(journal=old, ended_at=now() - age, wants_sync=False)
    running._ended[project.folder] = ended
    (project.folder / "dvc.lock").touch()
    running._proceed(new)
    assert keys == completed and not running._ended


def test_uploader_logs_results_of_parameters_that_were_edited_since(project):
    before = 2
    for epochs in (4, 6, 8):
        project.replace("params.yaml", f"epochs: {before}", f"epochs: {epochs}")
        before = epochs
        if epochs < 8:
            project.run("dvc", "repro", "-q", "train@mnist-b", "evaluate@mnist-b")
    project.wait_for(lambda: not project.uploaders())
    seen = project.seen()
    for parent in seen.parents[-2:]:
        (evaluation,) = seen.stages(parent, dvc__stage="evaluate@mnist-b")
        assert "test_bce" in evaluation.data.metrics
        assert HASH in evaluation.data.tags
    training = seen.stages(parent, dvc__stage="train@mnist-b")[-1]
    assert training.data.params["train.epochs"] == "6" and HASH in training.data.tags
    assert training.info.run_id in {model.source_run_id for model in seen.models()}


def test_uploader_starts_over_if_the_store_is_deleted(project, tables):
    train(project)
    (project.folder / "mlflow.db").unlink()
    project.wait_for(lambda: not project.uploaders(), 45)  # it would end by itself after 70 s
    shutil.copy(tables, project.folder)
    train(project)
    assert_complete(project, mlflow_uri(project.folder))
