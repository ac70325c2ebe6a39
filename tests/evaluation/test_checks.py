"""Invalid data and outputs: one line with the file, the value and the command to rerun."""

from pathlib import Path

import numpy as np
import pytest

from fake_models import CLASSES, letters
from inkbench.datasets.common.store import Images
from inkbench.errors import InkbenchError
from inkbench.evaluation import checks

PART = Path("data/processed/notmnist/test.npz")
MODEL = Path("models/v/model.keras")
LETTERS = letters(2)


def _error(check, *arguments) -> str:
    with pytest.raises(InkbenchError) as caught:
        check(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_checks_accept_valid_data_and_rounding():
    checks.labelled_images(LETTERS, CLASSES, PART)
    checks.outputs(np.array([[0.0, 1.0]]), (1, 2), MODEL)
    checks.outputs(np.array([[-1e-4, 1.0001]]), (1, 2), MODEL)
    checks.distribution(np.array([[0.25, 0.7499]]), MODEL)


@pytest.mark.parametrize(
    ("rows", "classes", "fact"),
    [
        (LETTERS.labels > 99, CLASSES, "no images"),
        (LETTERS.labels == 3, CLASSES, "class D"),
        (LETTERS.labels >= 0, CLASSES[:5], "label 9"),
    ],
)
def test_labelled_images_rejects_unusable_parts(rows, classes, fact):
    part = Images(LETTERS.images[rows], LETTERS.labels[rows], LETTERS.groups[rows])
    message = _error(checks.labelled_images, part, classes, PART)
    assert message.startswith(f"{PART}: ")
    assert fact in message and "preprocess@notmnist" in message


@pytest.mark.parametrize(
    ("outputs", "facts"),
    [
        ([[0.5, np.nan]], ["1 of 2"]),
        ([[-np.inf, np.inf]], ["2 of 2"]),
        ([[0, 0, 0]], ["(1, 3)", "(1, 2)"]),
        ([[-3.5, 8]], ["-3.5", "8"]),
    ],
)
def test_outputs_rejects_invalid_values(outputs, facts):
    message = _error(checks.outputs, np.array(outputs), (1, 2), MODEL)
    assert message.startswith(f"{MODEL}: ")
    assert all(fact in message for fact in [*facts, "train@v"])


def test_distribution_rejects_rows_that_do_not_sum_to_one():
    message = _error(checks.distribution, np.array([[0.5, 0.5], [0.5, 0.2]]), MODEL)
    assert str(MODEL) in message and "0.3" in message
