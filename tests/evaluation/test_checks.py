"""Bad data and bad outputs: one line that names the file, the value and the way out."""

from pathlib import Path

import numpy as np
import pytest
from fake_models import CLASSES, letters

from inkbench.datasets.common.store import Images
from inkbench.errors import InkbenchError
from inkbench.evaluation import checks

PART = Path("data/processed/notmnist/test.npz")
MODEL = Path("models/v/model.keras")
GOOD = letters(2)


def _rows(chosen: np.ndarray) -> Images:
    return Images(GOOD.images[chosen], GOOD.labels[chosen], GOOD.groups[chosen])


def _refusal(check, *arguments) -> str:
    with pytest.raises(InkbenchError) as caught:
        check(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert "dvc repro" in message
    return message


def test_good_data_pass():
    checks.labelled_images(GOOD, CLASSES, PART)


def test_an_empty_part_is_refused():
    message = _refusal(checks.labelled_images, _rows(GOOD.labels > 99), CLASSES, PART)
    assert f"{PART}: no images" in message


def test_one_class_only_is_refused_by_name():
    message = _refusal(checks.labelled_images, _rows(GOOD.labels == 3), CLASSES, PART)
    assert "one class (D)" in message


def test_a_label_beyond_the_classes_is_refused():
    message = _refusal(checks.labelled_images, GOOD, CLASSES[:5], PART)
    assert "label 9 does not fit the 5 classes" in message


def test_good_outputs_pass():
    checks.outputs(np.array([[0.0, 1.0]]), (1, 2), MODEL)


def test_rounding_beyond_one_passes():
    checks.outputs(np.array([[-1e-4, 1.0001]]), (1, 2), MODEL)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_are_refused(value):
    message = _refusal(checks.outputs, np.array([[0.5, value]]), (1, 2), MODEL)
    assert f"{MODEL}: 1 of 2 outputs are NaN or infinite" in message


def test_outputs_of_another_shape_are_refused():
    message = _refusal(checks.outputs, np.zeros((1, 3)), (1, 2), MODEL)
    assert "(1, 3) where the data needs (1, 2)" in message


def test_logits_are_refused():
    message = _refusal(checks.outputs, np.array([[-3.5, 8]]), (1, 2), MODEL)
    assert "from -3.5 to 8" in message


def test_probabilities_that_do_not_add_up_are_refused():
    message = _refusal(checks.distribution, np.array([[0.5, 0.5], [0.5, 0.2]]), MODEL)
    assert "0.3" in message
