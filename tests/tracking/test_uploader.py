"""Whatever happens to store and processes: no stage fails, and nothing is lost or doubled."""

import http.server
import json
import os
import shutil
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from halfway import ADDRESS, TRAIN, Halfway, assert_complete, assert_warned_once
from project import Project, Seen, mlflow_uri

from inkbench.errors import InkbenchError
from inkbench.tracking import uploader
from inkbench.tracking.journal import Journal, now
from inkbench.tracking.store import HASH, digest

pytestmark = pytest.mark.slow


def train(project: Project, **environment: str) -> None:
    """Run the stage as DVC would, and wait for its upload."""
    process = project.start(*TRAIN, **{"DVC_STAGE": ADDRESS} | environment)
    assert process.wait(timeout=300) == 0
    facts = json.loads((project.folder / "models/mnist-a/train.json").read_text())
    assert facts["data_source"] == "synthetic", "the stage's own output is right"
    project.wait_uploaded()


@contextmanager
def down() -> Iterator[int]:
    """Port of no server."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


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


def test_uploader_keeps_the_journal_if_the_server_is_silent(project):
    with silent() as port:
        uri = f"http://127.0.0.1:{port}"
        train(project, MLFLOW_TRACKING_URI=uri, MLFLOW_HTTP_REQUEST_TIMEOUT="2")
        assert_warned_once(project)
    assert_complete(project, mlflow_uri(project.folder))


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


@pytest.mark.parametrize("useless", [down, broken])
def test_proceed_keeps_the_journal_and_warns_once(useless, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    journal = Journal.create()
    journal.append("start")
    with useless() as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        uploader._Uploader()._proceed(journal)
    assert journal.has_failed and journal.read()[0]
    assert capsys.readouterr().err.count("inkbench sync") == 1


def test_uploader_keeps_the_journal_if_the_disk_is_full(project):
    size = (project.folder / "mlflow.db").stat().st_size
    limited = f"ulimit -f {size // 1024 // 2}; exec {' '.join(TRAIN)}"  # in blocks of 1024 bytes
    assert project.start("bash", "-c", limited, DVC_STAGE=ADDRESS).wait(timeout=300) == 0
    project.wait_for(lambda: "warning" in project.errors.read_text())
    assert_warned_once(project)
    assert_complete(project, mlflow_uri(project.folder))


def test_uploader_keeps_the_journal_if_sqlite_is_locked(project):
    other = sqlite3.connect(project.folder / "mlflow.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    train(project, MLFLOW_TRACKING_URI="sqlite:///mlflow.db?timeout=3")
    assert_warned_once(project)
    other.close()
    assert_complete(project, mlflow_uri(project.folder))


def test_uploader_names_a_store_of_another_mlflow_version(project):
    with sqlite3.connect(project.folder / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'fedcba987654'")
    train(project)
    assert_warned_once(project)
    assert "another version of MLflow" in project.errors.read_text()
    with pytest.raises(InkbenchError, match="mlflow db upgrade") as refused:
        project.sync()
    assert "\n" not in str(refused.value)


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


@pytest.mark.parametrize("killed", [False, True])
def test_uploader_is_one_process_for_all_stages(project, killed):
    uri = mlflow_uri(project.folder)
    training = Halfway(project, uri)
    training.wait_until_seen()
    (uploader,) = project.uploaders()
    if killed:
        project.kill_uploader()
    training.plot()
    Project.wait_for(lambda: "plot@mnist-a" in Seen(uri).names())
    assert (project.uploaders() == [uploader]) == (not killed)
    assert project.uploaders()[0].nice() == min(os.nice(0) + 5, 19)
    training.finish()
    assert Seen(uri).names() == ["plot@mnist-a", ADDRESS]
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


def test_uploader_starts_over_if_the_store_is_deleted(project, tables):
    train(project)
    (project.folder / "mlflow.db").unlink()
    project.wait_for(lambda: not project.uploaders(), 45)  # it would end by itself after 70 s
    shutil.copy(tables, project.folder)
    train(project)
    assert_complete(project, mlflow_uri(project.folder))
