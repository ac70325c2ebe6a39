"""What MLflow is told about the outputs of each kind of stage."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inkbench.tracking import record
from inkbench.tracking.store import Store, flat_params

if TYPE_CHECKING:
    from mlflow.entities import Run

FILES = [
    {"name": "a.gz", "url": "https://example.org/a.gz", "sha256": "1" * 64, "bytes": 3},
    {"name": "b.gz", "url": "https://example.org/b.gz", "sha256": "2" * 64, "bytes": 4},
]
BLOCK = {"dataset": "mnist", "task": "reconstruction", "model": {"code": 8}}
OUTPUTS: dict[str, Any] = {
    "data/raw/d/provenance.json": {"source": "mirror", "files": FILES},
    "data/processed/d/dataset.json": {
        "data_source": "real",
        "counts": {"train": {"total": 4}},
        "skipped": ["x"],
        "content_digest": "3" * 64,
    },
    "models/v/train.json": {"data_source": "real", "parameters": 7, "variant": BLOCK},
    "models/v/history.csv": "epoch,loss,val_loss\n1,0.5,\n2,0.25,0.3\n",
    "models/v/model.keras": "hello",
    "metrics/v.json": {"data_source": "real", "task": "reconstruction", "test_bce": 0.25},
    "evaluations/v/table.csv": "a\n1\n",
    "evaluations/v/arrays.npz": "large",
    "metrics/published/c.json": {"data_source": "real", "test_bce": 0.1677},
    "evaluations/published/c/table.csv": "a\n1\n",
    "submission/submission.json": {"data_source": "synthetic", "rows": 9},
    "submission/submission.csv.gz": "large",
    "plots/v/b.png": "b",
    "plots/v/a.png": "a",
    "reports/index.html": "<p>",
}
MD5 = "5d41402abc4b2a76b9719d911017c592"  # of "hello"


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A folder with outputs of every kind of stage."""
    for name, content in OUTPUTS.items():
        path = tmp_path / "outputs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    inputs = np.full((2, 28, 28), 5, np.uint8)
    np.savez(tmp_path / "outputs/models/v/snapshots.npz", inputs=inputs)
    return tmp_path / "outputs"


def logged(store: Store, root: Path, stage: str, subject: str, **tags: str) -> "Run":
    """The run of a stage that has written its outputs below a folder."""
    parent = store.client.create_run(store.experiment_id).info.run_id
    tags |= {"stage": stage, "mlflow.parentRunId": parent}
    run_id = store.client.create_run(store.experiment_id, tags=tags).info.run_id
    store.client.set_terminated(run_id, "FINISHED", 1000)
    record.log_outputs(store, store.client.get_run(run_id), subject, root)
    return store.client.get_run(run_id)


def artifacts(store: Store, run_id: str, folder: str = "") -> list[str]:
    """Paths of all artifacts of a run."""
    files = store.client.list_artifacts(run_id, folder)
    inner = [path for file in files if file.is_dir for path in artifacts(store, run_id, file.path)]
    return [file.path for file in files if not file.is_dir] + inner


@pytest.mark.parametrize(
    ("stage", "subject", "tags", "metrics", "files"),
    [
        ("download", "d", {"data_source": "real"}, {"raw_bytes": 7}, ["provenance.json"]),
        (
            "preprocess",
            "d",
            {"data_source": "real"},
            {"n_train": 4, "n_skipped": 1},
            ["dataset.json"],
        ),
        ("train", "v", {"data_source": "real"}, {"parameters": 7}, ["history.csv", "train.json"]),
        (
            "evaluate",
            "v",
            {"data_source": "real", "model.md5": MD5},
            {"test_bce": 0.25},
            ["table.csv", "v.json"],
        ),
        ("published", "c", {"data_source": "real"}, {"test_bce": 0.1677}, ["c.json", "table.csv"]),
        ("submission", "v", {"data_source": "synthetic"}, {"rows": 9}, ["submission.json"]),
        ("plot", "v", {"model.md5": MD5}, {}, ["figures/a.png", "figures/b.png"]),
        ("report", "", {}, {}, ["reports/index.html"]),
    ],
)
def test_log_outputs_of_each_stage(store, outputs, stage, subject, tags, metrics, files):
    run = logged(store, outputs, stage, subject)
    assert tags.items() <= run.data.tags.items()
    assert run.data.metrics == metrics
    owner = run.data.tags["mlflow.parentRunId"] if stage == "report" else run.info.run_id
    assert artifacts(store, owner) == files


def test_log_outputs_logs_downloaded_files_as_datasets(store, outputs):
    datasets = logged(store, outputs, "download", "d").inputs.dataset_inputs
    assert sorted((read.dataset.name, read.dataset.digest) for read in datasets) == [
        ("a.gz", "1" * 36),
        ("b.gz", "2" * 36),
    ]


def test_log_outputs_logs_a_model_with_all_that_serving_needs(store, outputs, monkeypatch):
    from mlflow.models import Model

    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    run = logged(store, outputs, "train", "v")
    record.log_outputs(store, run, "v", outputs)  # a second time
    assert "tensorflow" not in sys.modules
    (model,) = store.models(MD5)
    assert (model.name, model.source_run_id) == ("v", run.info.run_id)
    assert model.params["model.code"] == "8"
    assert model.tags["data_source"] == "real"
    assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
    folder = Path(model.artifact_location.removeprefix("file://"))
    stored = Model.load(folder)
    assert stored.signature.inputs.inputs[0].shape == (-1, 28, 28)
    assert stored.signature.outputs.inputs[0].type == np.float32
    assert stored.load_input_example(folder).tolist() == [[[5] * 28] * 28]
    pinned = (folder / "requirements.txt").read_text().split()
    assert {line.split("==")[0] for line in pinned} >= {"tensorflow", "keras", "numpy", "mlflow"}
    assert all("==" in line for line in pinned)
    code = {path.relative_to(folder / "code").as_posix() for path in folder.rglob("*.py")}
    assert {"inkbench/serving.py", "inkbench/restore.py"} <= code
    assert not any(name.startswith("inkbench/tracking/") for name in code)


def test_log_outputs_repeats_an_interrupted_model(store, outputs, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as broken, pytest.raises(OSError, match="full"):
        broken.setattr(type(store.client), "log_model_artifacts", fail)
        logged(store, outputs, "train", "v")
    assert store.models(MD5) == []
    logged(store, outputs, "train", "v")
    assert len(store.models(MD5)) == 1


def test_log_outputs_adds_the_curve_of_a_backfilled_run(store, outputs):
    run = logged(store, outputs, "train", "v", backfilled="true")
    points = {
        key: [(p.step, p.value) for p in store.client.get_metric_history(run.info.run_id, key)]
        for key in run.data.metrics
    }
    assert points == {
        "loss": [(1, 0.5), (2, 0.25)],
        "val_loss": [(2, 0.3)],
        "parameters": [(0, 7.0)],
    }


def test_log_outputs_logs_a_classifier_which_has_no_snapshots(store, outputs):
    (outputs / "models/v/snapshots.npz").unlink()
    card = {"data_source": "real", "variant": BLOCK | {"task": "classification"}}
    (outputs / "models/v/train.json").write_text(json.dumps(card))
    run = logged(store, outputs, "train", "v")
    (output,) = run.outputs.model_outputs
    assert store.client.get_logged_model(output.model_id).model_type == "classification"


def test_log_outputs_skips_what_is_missing(store, tmp_path):
    for stage in ("download", "preprocess", "train", "evaluate", "plot", "report"):
        run = logged(store, tmp_path, stage, "v")
        assert (run.data.metrics, "data_source" in run.data.tags) == ({}, False)
        assert artifacts(store, run.info.run_id) == []


def test_flat_params_gives_dotted_keys_and_json_values():
    tree = {"train": {"v": {"epochs": 3, "model": {"code": [2, 1]}}}, "a.b": {"c": True, "d": None}}
    assert flat_params(tree) == {
        "train.v.epochs": "3",
        "train.v.model.code": "[2, 1]",
        "a.b.c": "true",
        "a.b.d": "null",
    }


def test_flat_params_gives_what_dvc_and_a_stage_know_of_one_training_the_same_texts():
    of_stage = {"train": {"v": {"augment": {"shift": 1.0}}}}
    of_dvc = {"train.v": {"augment": {"shift": 1}}, "synthetic": {"epochs": 2}}
    assert flat_params(of_stage, "v") == flat_params(of_dvc, "v") == {"train.augment.shift": "1"}


def test_flat_params_leaves_the_subject_out():
    assert flat_params({"train.v": {"epochs": 3}}, "v") == {"train.epochs": "3"}
    assert flat_params({"train": {"w": {"epochs": 3}}}, "w") == {"train.epochs": "3"}


def test_flat_params_may_be_too_long_for_mlflow(store):
    run_id = store.client.create_run(store.experiment_id).info.run_id
    store.log(run_id, params=flat_params({"key": "x" * 123_456}))
    (value,) = store.client.get_run(run_id).data.params.values()
    assert value.startswith("xxx") and len(value) <= 6000
