"""What MLflow is told about the outputs of each kind of stage."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inkbench.tracking import record
from inkbench.tracking.journal import Journal
from inkbench.tracking.record import flat_params
from inkbench.tracking.runs import StageRun

FILES = [
    {"name": "a.gz", "url": "https://example.org/a.gz", "sha256": "1" * 64, "bytes": 3},
    {"name": "b.gz", "url": "https://example.org/b.gz", "sha256": "2" * 64, "bytes": 4},
]
OUTPUTS: dict[str, Any] = {
    "data/raw/d/provenance.json": {"source": "mirror", "files": FILES},
    "data/processed/d/dataset.json": {
        "data_source": "real",
        "counts": {"train": {"total": 4}},
        "skipped": ["x"],
        "content_digest": "3" * 64,
    },
    "models/v/train.json": {"data_source": "real", "parameters": 7, "epochs": 2},
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


def logged(folder: Path, stage: str, subject: str) -> tuple[dict, dict, list[str], list[dict]]:
    """Tags, metrics, artifacts and the other events that a stage's outputs become."""
    journal = Journal.create(folder / "journal")
    record.log_outputs(StageRun(journal, subject), stage, subject, folder)
    tags, metrics, artifacts, others = {}, {}, [], []
    for event in journal.read()[0]:
        if event["do"] == "tags":
            tags |= event["values"]
        elif event["do"] == "metrics":
            metrics |= event["values"]
        elif event["do"] == "artifact":
            artifacts.append(
                "/".join(
                    filter(
                        None,
                        (
                            event["folder"],
                            next((folder / "journal" / event["files"]).iterdir()).name,
                        ),
                    )
                )
            )
        else:
            others.append(event)
    return tags, metrics, artifacts, others


@pytest.mark.parametrize(
    ("stage", "subject", "tags", "metrics", "artifacts"),
    [
        ("download", "d", {"data_source": "real"}, {"raw_bytes": 7}, ["provenance.json"]),
        (
            "preprocess",
            "d",
            {"data_source": "real"},
            {"n_train": 4, "n_skipped": 1},
            ["dataset.json"],
        ),
        ("train", "v", {"data_source": "real"}, {"parameters": 7}, ["train.json", "history.csv"]),
        (
            "evaluate",
            "v",
            {"data_source": "real", "model.md5": MD5},
            {"test_bce": 0.25},
            ["v.json", "table.csv"],
        ),
        ("published", "c", {"data_source": "real"}, {"test_bce": 0.1677}, ["c.json", "table.csv"]),
        ("submission", "v", {"data_source": "synthetic"}, {"rows": 9}, ["submission.json"]),
        ("plot", "v", {"model.md5": MD5}, {}, ["figures/a.png", "figures/b.png"]),
        ("report", "", {}, {}, ["reports"]),
    ],
)
def test_log_outputs_of_each_stage(
    outputs: Path, stage: str, subject: str, tags: dict, metrics: dict, artifacts: list
) -> None:
    assert logged(outputs, stage, subject)[:3] == (tags, metrics, artifacts)


def test_log_outputs_logs_datasets_and_the_model(outputs: Path) -> None:
    *_, datasets = logged(outputs, "download", "d")
    assert [(event["name"], event["digest"]) for event in datasets] == [
        ("a.gz", "1" * 32),
        ("b.gz", "2" * 32),
    ]
    shutil.rmtree(outputs / "journal")
    *_, (model,) = logged(outputs, "train", "v")
    assert model["md5"] == MD5
    assert np.load(outputs / "journal/files/example.npy").tolist() == [[[5] * 28] * 28]


def test_log_outputs_skips_what_is_missing(tmp_path: Path) -> None:
    for stage in ("download", "preprocess", "train", "evaluate", "plot", "report"):
        assert logged(tmp_path / stage, stage, "v") == ({}, {}, [], [])


def test_log_curve_leaves_empty_cells_out(outputs: Path) -> None:
    journal = Journal.create(outputs / "journal")
    record.log_curve(StageRun(journal, "v"), "v", outputs)
    points = [(event["step"], event["values"]) for event in journal.read()[0]]
    assert points == [
        (1, {"epoch": 1, "loss": 0.5}),
        (2, {"epoch": 2, "loss": 0.25, "val_loss": 0.3}),
    ]


def test_flat_params_gives_dotted_keys_and_json_values() -> None:
    tree = {"train": {"v": {"epochs": 3, "model": {"code": [2, 1]}}}, "a.b": {"c": True, "d": None}}
    assert flat_params(tree) == {
        "train.v.epochs": "3",
        "train.v.model.code": "[2, 1]",
        "a.b.c": "true",
        "a.b.d": "null",
    }


def test_flat_params_leaves_the_subject_out() -> None:
    assert flat_params({"train.v": {"epochs": 3}}, "v") == {"train.epochs": "3"}
    assert flat_params({"train": {"w": {"epochs": 3}}}, "w") == {"train.epochs": "3"}


@pytest.mark.parametrize("length", [6000, 6001, 123_456])
def test_flat_params_cuts_a_value_too_long_for_mlflow(length: int) -> None:
    (value,) = flat_params({"key": "x" * length}).values()
    assert len(value) <= 6000
    assert value == "x" * length if length == 6000 else value.endswith(f"({length} chars)")
