"""What a journal becomes in the store."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inkbench.tracking import runs
from inkbench.tracking.delivery import Delivery
from inkbench.tracking.journal import Journal
from inkbench.tracking.runs import StageRun, stage_run
from inkbench.tracking.state import State
from inkbench.tracking.store import EXPERIMENT, Store, public

STATE = State("commit:abc", "abc first", "inputs", "abc")
BLOCK = {"dataset": "mnist", "task": "reconstruction", "epochs": 2, "model": {"code": 8}}
MODEL_MD5 = "5d41402abc4b2a76b9719d911017c592"  # of "hello"


@pytest.fixture(autouse=True)
def _no_courier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_start_courier", lambda journal: None)


def context(stage: str, **more: Any) -> dict[str, Any]:
    return {
        "state": vars(STATE),
        "stage": f"{stage}@mnist-a",
        "hash": f"hash of {stage}",
        "deps": {"data/processed/mnist": "0123456789abcdef0123456789abcdef.dir", "src/x.py": "1"},
        **more,
    }


def train(run: StageRun) -> None:
    for epoch in (1, 2):
        run.log_metrics({"epoch": epoch, "loss": 1 / epoch}, step=epoch)
    run.set_tags({"data_source": "real"})
    Path("models/mnist-a").mkdir(parents=True, exist_ok=True)
    Path("models/mnist-a/model.keras").write_text("hello")
    run.log_model(np.zeros((3, 28, 28), np.uint8))
    Path("note.txt").write_text("a note")
    run.log_artifact("note.txt", folder="notes")


def bring(store: Store, journal: Journal) -> str:
    delivery = Delivery(store, journal)
    delivery.bring(journal.read()[0])
    return delivery.run_id


def trained(store: Store) -> Journal:
    """A journal of a training."""
    with stage_run(
        "train", variant="mnist-a", dataset="mnist", params={"train": {"mnist-a": BLOCK}}
    ) as run:
        train(run)
    (journal,) = Journal.waiting()
    journal.context = context("train")
    return journal


def evaluated(store: Store) -> Journal:
    """A journal of an evaluation of that training's model."""
    with stage_run("evaluate", variant="mnist-a", dataset="mnist") as run:
        run.log_metrics({"test_bce": 0.25})
    (journal,) = Journal.waiting()
    journal.context = context("evaluate", model_md5=MODEL_MD5)
    return journal


def test_a_training_becomes_a_run_below_its_pipeline(store: Store) -> None:
    run = store.client.get_run(bring(store, trained(store)))
    parent = store.client.get_run(run.data.tags["mlflow.parentRunId"])
    assert parent.data.tags["pipeline.key"] == "commit:abc"
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "train mnist-a"
    expected = {
        "stage": "train",
        "variant": "mnist-a",
        "dataset": "mnist",
        "dvc.stage": "train@mnist-a",
        "dvc.stage_hash": "hash of train",
        "git.commit": "abc",
        "mlflow.source.git.commit": "abc",
        "data_source": "real",
    }
    assert expected.items() <= run.data.tags.items()


def test_a_stage_that_fails_is_a_failed_run_of_a_failed_pipeline(store: Store) -> None:
    with pytest.raises(ValueError), stage_run("train", variant="mnist-a", dataset="mnist"):
        raise ValueError
    (journal,) = Journal.waiting()
    journal.context = context("train")
    run = store.client.get_run(bring(store, journal))
    parent = store.client.get_run(run.data.tags["mlflow.parentRunId"])
    assert (run.info.status, parent.info.status) == ("FAILED", "FAILED")


def test_parameters_are_exactly_the_stages_own(store: Store) -> None:
    run = store.client.get_run(bring(store, trained(store)))
    assert run.data.params == {
        "train.dataset": "mnist",
        "train.task": "reconstruction",
        "train.epochs": "2",
        "train.model.code": "8",
    }


def test_the_data_that_a_stage_read_is_a_dataset_of_the_run(store: Store) -> None:
    run = store.client.get_run(bring(store, trained(store)))
    (read,) = run.inputs.dataset_inputs
    assert read.dataset.name == "processed/mnist"
    assert read.dataset.digest == "0123456789abcdef0123456789abcdef.dir"


def test_a_trained_model_is_logged_with_all_that_serving_needs(store: Store) -> None:
    from mlflow.models import Model

    bring(store, trained(store))
    model = store.model(MODEL_MD5)
    assert (model.name, model.status.name) == ("mnist-a", "READY")
    assert model.params["model.code"] == "8"
    folder = Path(model.artifact_location.removeprefix("file://"))
    stored = Model.load(folder)
    assert stored.signature.inputs.inputs[0].shape == (-1, 28, 28)
    assert stored.signature.outputs.inputs[0].type == np.float32
    assert stored.load_input_example(folder).shape == (1, 28, 28)
    pinned = (folder / "requirements.txt").read_text().split()
    assert {line.split("==")[0] for line in pinned} >= {"tensorflow", "keras", "numpy", "mlflow"}
    assert all("==" in line for line in pinned)


def test_no_tensorflow_is_imported_to_log_a_model(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    bring(store, trained(store))
    assert "tensorflow" not in sys.modules


def test_test_metrics_go_to_the_model_and_to_its_training(store: Store) -> None:
    training = trained(store)
    train_id = bring(store, training)
    training.discard()
    evaluate_id = bring(store, evaluated(store))
    (metric,) = store.model(MODEL_MD5).metrics
    assert (metric.key, metric.value, metric.run_id) == ("test_bce", 0.25, evaluate_id)
    assert (metric.dataset_name, metric.dataset_digest[:4]) == ("processed/mnist", "0123")
    assert store.client.get_run(train_id).data.metrics["test_bce"] == 0.25
    tied = store.client.get_run(evaluate_id)
    assert [given.model_id for given in tied.inputs.model_inputs] == [metric.model_id]


def everything(store: Store) -> str:
    """All that the store says of its runs and models, in one text."""
    found = []
    for run in store.search(""):
        whole = store.client.get_run(run.info.run_id).to_dictionary()
        whole["info"].pop("end_time")
        for key in run.data.metrics:
            points = store.client.get_metric_history(run.info.run_id, key)
            whole[key] = [(point.step, point.value) for point in points]
        found.append(whole)
    models = store.client.search_logged_models([store.experiment_id])
    found.append([(model.model_id, len(model.metrics or [])) for model in models])
    return json.dumps(found, sort_keys=True, default=str)


def test_a_journal_brought_twice_is_there_once(store: Store) -> None:
    journal = trained(store)
    bring(store, journal)
    before = everything(store)
    bring(store, journal)
    assert everything(store) == before


@pytest.mark.parametrize("cut", range(1, 7))
def test_a_journal_brought_in_part_is_completed(store: Store, cut: int) -> None:
    journal = trained(store)
    events, _ = journal.read()
    assert len(events) > cut
    Delivery(store, journal).bring(events[:cut])
    run_id = bring(store, journal)
    run = store.client.get_run(run_id)
    assert len(store.search("tags.stage = 'train'")) == 1
    assert run.info.status == "FINISHED"
    assert run.data.metrics["loss"] == 0.5
    points = store.client.get_metric_history(run_id, "loss")
    assert [(point.step, point.value) for point in points] == [(1, 1.0), (2, 0.5)]
    assert len(store.client.search_logged_models([store.experiment_id])) == 1
    assert [file.path for file in store.client.list_artifacts(run_id)] == ["notes"]


def test_a_model_that_was_only_begun_is_completed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = trained(store)
    with monkeypatch.context() as broken, pytest.raises(OSError, match="full"):
        broken.setattr(type(store.client), "log_model_artifacts", _disk_is_full)
        bring(store, journal)
    assert store.model(MODEL_MD5) is None
    bring(store, journal)
    (model,) = store.models(MODEL_MD5)
    assert model.status.name == "READY"


def _disk_is_full(*_: object) -> None:
    raise OSError("disk full")


def test_an_experiment_that_was_deleted_is_restored(store: Store) -> None:
    store.client.delete_experiment(store.experiment_id)
    assert Store.open().experiment_id == store.experiment_id


def test_an_experiment_without_a_kind_gets_it(store: Store) -> None:
    kind = "mlflow.experimentKind"
    store.client.delete_experiment_tag(store.experiment_id, kind)
    Store.open()
    experiment = store.client.get_experiment(store.experiment_id)
    assert experiment.tags[kind] == "custom_model_development"


def test_tokens_are_in_no_message_and_no_record(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "my-token")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "my-password")
    said = public("https://me:secret@example.org refused my-token and my-password")
    assert said == "https://***@example.org refused *** and ***"
    journal = trained(store)
    bring(store, journal)
    record = everything(store) + "".join(
        path.read_text() for path in journal.folder.glob("*.json*")
    )
    assert not {word for word in ("my-token", "my-password") if word in record}


def test_a_run_id_of_mlflow_run_does_not_collapse_the_stages(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    run_id = bring(Store.open(), trained(store))
    assert run_id != "0" * 32
    assert store.client.get_experiment_by_name(EXPERIMENT).experiment_id == store.experiment_id
