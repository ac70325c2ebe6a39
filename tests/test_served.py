"""A served model returns what the model itself returns."""

import numpy as np
import pytest

from inkbench import models
from inkbench.serving import Served

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("task", "family", "options"),
    [
        ("classification", "cnn", {}),
        ("reconstruction", "dense_autoencoder", {"hidden": [8], "code": 4}),
    ],
)
def test_predict_equals_the_model(task: str, family: str, options: dict) -> None:
    model = models.build(family, (28, 28), 10, options)
    answers = Served(model, task).predict(IMAGES.tolist())
    assert answers.dtype == np.float32
    assert np.allclose(answers, model(IMAGES), atol=1e-5)
