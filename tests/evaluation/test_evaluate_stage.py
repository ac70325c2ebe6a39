"""``python stages/evaluate.py VARIANT``: what it leaves, and what it says when it cannot."""

import json
from pathlib import Path

import numpy as np
import pytest
from fake_models import CLASSIFICATION, FakeModel, letters, likely, save_letters, save_training_card

from helpers import contents, stage
from inkbench import layout, prediction
from inkbench.training import runtime

SCRIPT = Path(__file__).parents[2] / "stages/evaluate.py"


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INKBENCH_TRACKING", "off")
    save_letters()
    save_training_card("my-cnn", CLASSIFICATION)
    return tmp_path


@pytest.fixture
def answers(monkeypatch) -> list[np.ndarray]:
    """What the model, loaded without Keras, will say."""
    monkeypatch.setattr(runtime, "set_up", lambda *_, **__: None)
    said = [likely(letters(4, 3).labels, wrong=2)]
    monkeypatch.setattr(prediction.Predictor, "load", lambda path: FakeModel(path, answers=said[0]))
    return said


def _run(variant: str) -> int:
    return stage("evaluate", variant)


def _left(project: Path) -> set[str]:
    return {
        str(path.relative_to(project))
        for top in ("metrics", "evaluations")
        for path in (project / top).rglob("*")
    }


def test_leaves_metrics_and_evaluation(project, answers):
    assert _run("my-cnn") == 0
    metrics = json.loads((project / "metrics/my-cnn.json").read_text())
    assert metrics["test_accuracy"] == 0.95
    assert (project / "evaluations/my-cnn/confusion.csv").is_file()


def test_models_of_earlier_steps_are_evaluated_too(project, answers):
    folder = layout.steps("my-cnn")
    folder.mkdir()
    (folder / "logistic_regression.keras").touch()
    assert _run("my-cnn") == 0
    metrics = json.loads((project / "metrics/my-cnn.json").read_text())
    assert metrics["test_accuracy_logistic_regression"] == 0.95


def test_two_runs_leave_the_same_bytes(project, answers):
    kept = []
    for _ in range(2):
        assert _run("my-cnn") == 0
        kept.append(contents(project))
    assert kept[0] == kept[1]


def test_an_unknown_variant_is_one_line_and_exit_code_2(project, capsys):
    assert _run("no-such") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not _left(project)


def test_a_missing_model_is_one_line_and_exit_code_2(project, capsys):
    (project / "models/my-cnn/model.keras").unlink()
    assert _run("my-cnn") == 2
    error = capsys.readouterr().err
    assert "models/my-cnn/model.keras" in error
    assert error.count("\n") == 1
    assert not _left(project)


def test_nan_predictions_leave_nothing_half_written(project, answers, capsys):
    answers[0] = np.full_like(answers[0], np.nan)
    assert _run("my-cnn") == 2
    assert "NaN" in capsys.readouterr().err
    assert not _left(project)


def test_a_failure_keeps_the_results_of_before(project, answers):
    _run("my-cnn")
    before = (project / "metrics/my-cnn.json").read_bytes(), _left(project)
    answers[0] = np.full_like(answers[0], np.nan)
    assert _run("my-cnn") == 2
    assert ((project / "metrics/my-cnn.json").read_bytes(), _left(project)) == before
