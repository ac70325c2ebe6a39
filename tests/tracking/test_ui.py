"""`inkbench ui` prints a link that shows the runs, also in a browser that never saw MLflow."""

import os
import runpy
import shutil
import sqlite3
from pathlib import Path

import pytest
from mlflow import MlflowClient

from helpers import ROOT, inkbench
from inkbench.cli import runs_page

pytestmark = pytest.mark.slow
SCREENSHOTS = runpy.run_path(str(ROOT / "docs/screenshots.py"))


@pytest.fixture
def printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> object:
    """Run the command without its server; returns what it prints."""
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "execv", lambda *_: None)

    def run() -> str:
        assert inkbench("ui", "--port", "5987") == 0
        return capsys.readouterr().out

    return run


def test_ui_links_to_the_runs_of_model_training(printed, store):
    page = f"#/experiments/{store.experiment_id}/runs?workflowType=machine_learning"
    assert f"http://127.0.0.1:5987/{page} " in printed()


def test_ui_without_a_store_links_to_all_experiments(printed, tmp_path):
    assert "http://127.0.0.1:5987/#/experiments?workflowType=machine_learning " in printed()
    assert not (tmp_path / "mlflow.db").exists()


def test_ui_of_an_older_store_says_how_to_upgrade_it(printed, tables, monkeypatch, capsys):
    shutil.copy(tables, "older.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///older.db")
    with sqlite3.connect("older.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    assert inkbench("ui") == 2
    error = capsys.readouterr().err
    assert "mlflow db upgrade sqlite:///" in error and error.count("\n") == 1


@pytest.mark.skipif(not any(map(shutil.which, SCREENSHOTS["BROWSERS"])), reason="no Chromium")
def test_runs_page_shows_the_runs_in_a_new_browser(sqlite_server, tmp_path):
    sqlite_server.empty()
    client = MlflowClient(sqlite_server.uri)
    experiment = client.create_experiment("inkbench")
    client.create_run(experiment, run_name="a-run-of-ours")
    with SCREENSHOTS["Browser"](tmp_path / "profile") as browser:
        browser.open(f"{sqlite_server.uri}/{runs_page(experiment)}", "a-run-of-ours")
        text = browser.run("document.body.innerText")
    assert "Run Name" in text and "Agent versions" not in text
