"""What a journal becomes in the store."""

import json
from pathlib import Path

import numpy as np
import pytest

from inkbench.tracking import record, runs, sync
from inkbench.tracking.executions import Execution
from inkbench.tracking.journal import Journal
from inkbench.tracking.runs import stage_run
from inkbench.tracking.store import Store
from inkbench.tracking.sync import Upload

BLOCK = {"dataset": "mnist", "task": "reconstruction", "epochs": 2, "model": {"code": 8}}
MODEL_MD5 = "5d41402abc4b2a76b9719d911017c592"  # of "hello"
DEPS = {"data/processed/mnist": "0123456789abcdef0123456789abcdef.dir", "src/x.py": "1"}


@pytest.fixture(autouse=True)
def _here(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline in the store's folder, without an uploader."""
    monkeypatch.setenv("DVC_STAGE", "train@mnist-a")
    monkeypatch.setattr(runs, "start_uploader", lambda: None)
    for folder in ("models/mnist-a", "metrics"):
        Path(folder).mkdir(parents=True)
    Path("models/mnist-a/model.keras").write_text("hello")
    card = {"data_source": "real", "variant": BLOCK}
    Path("models/mnist-a/train.json").write_text(json.dumps(card))
    np.savez("models/mnist-a/snapshots.npz", inputs=np.zeros((3, 28, 28), np.uint8))
    Path("metrics/mnist-a.json").write_text('{"test_bce": 0.25, "data_source": "real"}')


def trained() -> Journal:
    """A journal of a training."""
    params = {"train": {"mnist-a": BLOCK}}
    with stage_run("train", variant="mnist-a", dataset="mnist", params=params) as run:
        for epoch in (1, 2):
            run.log_metrics({"epoch": epoch, "loss": 1 / epoch}, step=epoch)
    return Journal.waiting()[-1]


def uploaded(store: Store, journal: Journal) -> str:
    """Upload a journal whole; returns the run's id."""
    upload = Upload(store, journal)
    assert upload.proceed()
    return upload.run_id


def recorded(store: Store, run_id: str, name: str) -> Execution:
    """Add what DVC records about a run."""
    execution = Execution(name, "python x.py", DEPS, {}, {})
    sync._add_recorded(store, store.client.get_run(run_id), execution, Path())
    return execution


def test_upload_of_a_training(store):
    run_id = uploaded(store, trained())
    execution = recorded(store, run_id, "train@mnist-a")
    run = store.client.get_run(run_id)
    parent = store.client.get_run(run.data.tags["mlflow.parentRunId"])
    assert (run.info.status, run.info.run_name) == ("FINISHED", "train mnist-a")
    assert parent.data.tags["pipeline.key"].startswith("tree:")
    expected = {
        "stage": "train",
        "variant": "mnist-a",
        "dataset": "mnist",
        "dvc.stage": "train@mnist-a",
        "dvc.stage_hash": execution.hash,
        "data_source": "real",
    }
    assert expected.items() <= run.data.tags.items()
    assert run.data.params == {
        "train.dataset": "mnist",
        "train.task": "reconstruction",
        "train.epochs": "2",
        "train.model.code": "8",
    }
    (read,) = run.inputs.dataset_inputs
    assert read.dataset.name == "processed/mnist"
    assert read.dataset.digest == DEPS["data/processed/mnist"]


def test_attach_test_metrics_to_the_model_and_its_training(store):
    journal = trained()
    train_id = uploaded(store, journal)
    recorded(store, train_id, "train@mnist-a")
    journal.discard()
    with stage_run("evaluate", variant="mnist-a", dataset="mnist"):
        pass
    (journal,) = Journal.waiting()
    evaluate_id = uploaded(store, journal)
    recorded(store, evaluate_id, "evaluate@mnist-a")
    record.attach_test_metrics(store, evaluate_id)
    (metric,) = store.models(MODEL_MD5)[0].metrics
    assert (metric.key, metric.value, metric.run_id) == ("test_bce", 0.25, evaluate_id)
    assert metric.dataset_name == "processed/mnist"
    assert store.client.get_run(train_id).data.metrics["test_bce"] == 0.25
    (model,) = store.client.get_run(evaluate_id).inputs.model_inputs
    assert model.model_id == metric.model_id


def contents(store: Store) -> str:
    """Everything that the store has about runs and models, as one text."""
    texts = []
    for run in store.search(""):
        whole = store.client.get_run(run.info.run_id).to_dictionary()
        whole["info"].pop("end_time")
        for key in run.data.metrics:
            points = store.client.get_metric_history(run.info.run_id, key)
            whole[key] = [(point.step, point.value) for point in points]
        texts.append(whole)
    models = store.client.search_logged_models([store.experiment_id])
    texts.append([(model.model_id, len(model.metrics or [])) for model in models])
    return json.dumps(texts, sort_keys=True, default=str)


def test_upload_of_a_stage_run_by_hand_has_its_outputs(store, monkeypatch):
    monkeypatch.delenv("DVC_STAGE")
    monkeypatch.setattr(runs, "_WAIT_BY_HAND", 0)
    run = store.client.get_run(uploaded(store, trained()))
    assert run.data.tags["data_source"] == "real"
    assert [model.source_run_id for model in store.models(MODEL_MD5)] == [run.info.run_id]


def test_upload_can_be_repeated(store, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "my-password")
    journal = trained()
    uploaded(store, journal)
    before = contents(store)
    uploaded(store, journal)
    assert contents(store) == before
    assert "my-password" not in before + (journal.folder / "events.jsonl").read_text()


@pytest.mark.parametrize("cut", range(1, 4))
def test_upload_completes_an_interrupted_one(store, cut):
    journal = trained()
    events = journal.folder / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    assert len(lines) > cut
    events.write_text("".join(lines[:cut]))
    Upload(store, journal).proceed()
    events.write_text("".join(lines))
    run = store.client.get_run(uploaded(store, journal))
    assert len(store.search("tags.stage = 'train'")) == 1
    assert (run.info.status, run.data.metrics["loss"]) == ("FINISHED", 0.5)
    points = store.client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in points] == [(1, 1.0), (2, 0.5)]
