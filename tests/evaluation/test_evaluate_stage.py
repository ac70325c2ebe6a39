"""``python stages/evaluate.py VARIANT``: its outputs, its errors and exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest

from fake_models import (
    CLASSIFICATION,
    FakeModel,
    letters,
    probabilities,
    save_letters,
    save_training_card,
)
from helpers import contents, stage
from inkbench import layout, prediction
from inkbench.training import runtime


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_letters()
    save_training_card("my-cnn", CLASSIFICATION)
    return tmp_path


@pytest.fixture
def model(monkeypatch) -> FakeModel:
    """The model that the stage loads, without TensorFlow."""
    model = FakeModel(fixed_outputs=probabilities(letters(4, 3).labels, wrong=2))
    monkeypatch.setattr(runtime, "set_up", lambda *_, **__: None)
    monkeypatch.setattr(prediction.Predictor, "load", lambda path: model)
    return model


def _results(project: Path) -> dict[str, bytes]:
    return {
        path: content
        for path, content in contents(project).items()
        if path.startswith(("metrics/", "evaluations/"))
    }


def test_evaluate_writes_metrics_of_the_model_and_of_earlier_steps(project, model):
    layout.steps("my-cnn").mkdir()
    (layout.steps("my-cnn") / "logistic_regression.keras").touch()
    assert stage("evaluate", "my-cnn") == 0
    metrics = json.loads((project / "metrics/my-cnn.json").read_text())
    assert metrics["test_accuracy"] == 0.95
    assert metrics["test_accuracy_logistic_regression"] == 0.95
    assert (project / "evaluations/my-cnn/confusion.csv").is_file()


def test_evaluate_writes_the_same_bytes_twice(project, model):
    assert stage("evaluate", "my-cnn") == 0
    first = contents(project)
    assert stage("evaluate", "my-cnn") == 0
    assert contents(project) == first


@pytest.mark.parametrize(
    ("variant", "fact"), [("no-such", "no-such"), ("my-cnn", "models/my-cnn/model.keras")]
)
def test_evaluate_rejects_unknown_variant_and_missing_model(project, capsys, variant, fact):
    (project / "models/my-cnn/model.keras").unlink()
    assert stage("evaluate", variant) == 2
    error = capsys.readouterr().err
    assert fact in error and error.count("\n") == 1
    assert not _results(project)


def test_evaluate_keeps_earlier_results_if_outputs_are_nan(project, model, capsys):
    assert stage("evaluate", "my-cnn") == 0
    before = _results(project)
    model.fixed_outputs = np.full_like(model.fixed_outputs, np.nan)
    assert stage("evaluate", "my-cnn") == 2
    error = capsys.readouterr().err
    assert str(model.path) in error and "NaN" in error
    assert _results(project) == before
