"""Where the store is, and that it opens there."""

import sqlite3
from pathlib import Path

import pytest

from inkbench.errors import InkbenchError
from inkbench.tracking import store as stores
from inkbench.tracking.store import EXPERIMENT, Store, public


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose path needs quoting."""
    folder = tmp_path / "a b%20c?d#eü"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return folder


@pytest.mark.parametrize("chosen", ["", "sqlite:///x.db", "sqlite:///x.db?timeout=30"])
def test_store_opens_in_a_folder_with_special_characters(folder, tables, monkeypatch, chosen):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", chosen)
    name = "x.db" if chosen else "mlflow.db"
    (folder / name).write_bytes(tables.read_bytes())
    store = Store.open()
    (folder / "note.txt").write_text("hello")
    run = store.client.create_run(store.experiment_id).info.run_id
    store.client.log_artifact(run, "note.txt")
    assert stores.sqlite_file() == folder / name
    with sqlite3.connect(folder / name) as database:
        assert database.execute("SELECT run_uuid FROM runs").fetchall() == [(run,)]
    assert [path.name for path in (folder / "mlartifacts").rglob("*.txt")] == ["note.txt"]
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]
    assert stores.uri().endswith("?timeout=30") == chosen.endswith("?timeout=30")


FOLDERS = ["file:./mlruns", "file:///srv/mlruns", "./mlruns", "mlruns"]


@pytest.mark.parametrize("chosen", [*FOLDERS, "example.org:5000", "me:secret@example.org"])
def test_uri_refuses_a_folder_and_a_server_without_https(monkeypatch, chosen):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", chosen)
    with pytest.raises(InkbenchError) as refused:
        stores.uri()
    message, shown = str(refused.value), chosen.replace("me:secret@example.org", "***")
    assert all(fact in message for fact in (shown, "sqlite:///mlflow.db", "https://"))
    assert "secret" not in message


@pytest.mark.parametrize("chosen", ["http://example.org:5000", "databricks", "sqlite:////srv/x.db"])
def test_uri_is_the_chosen_one(monkeypatch, chosen):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", chosen)
    assert stores.uri() == chosen


def test_open_restores_a_deleted_experiment(store):
    store.client.delete_experiment(store.experiment_id)
    assert Store.open().experiment_id == store.experiment_id


def test_open_ignores_the_run_of_mlflow_run(store, monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    store = Store.open()
    assert store.client.create_run(store.experiment_id).info.run_id != "0" * 32
    assert store.client.get_experiment_by_name(EXPERIMENT).experiment_id == store.experiment_id


@pytest.mark.parametrize("password", ["pa/ss", "p:w", "a?b"])
@pytest.mark.parametrize("uri", ["postgresql://u:{}@h/d", "postgresql://h/d?user=u&password={}"])
def test_public_hides_the_password_of_a_database(uri, password):
    assert password not in public(f"no answer from {uri.format(password)} today")


def test_public_hides_credentials(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "my-token")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "my-password")
    message = public("https://me:secret@example.org refused my-token and\nmy-password")
    assert message == "https://***@example.org refused *** and ***"


def test_public_leaves_a_path_with_an_at_sign():
    uri = "sqlite:////home/me@corp.example/x.db"
    assert public(uri) == uri
