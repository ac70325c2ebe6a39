"""A served model returns what the model itself returns."""

import numpy as np
import pytest
from mlflow.exceptions import MlflowException

from inkbench import models
from inkbench.serving import Served

PIXELS = np.random.default_rng(1).random((2, 28, 28))
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("task", "family", "options"),
    [
        ("classification", "cnn", {}),
        ("reconstruction", "dense_autoencoder", {"hidden": [8], "code": 4}),
    ],
)
def test_predict_equals_the_model(task, family, options):
    model = models.build(family, (28, 28), 10, options)
    answers = Served(model, task).predict(IMAGES.tolist())
    assert answers.dtype == np.float32
    assert np.allclose(answers, model(IMAGES), atol=1e-5)


def test_predict_refuses_a_page_between_0_and_1_beside_a_good_one():
    with pytest.raises(MlflowException, match="from 0 to 1; expected uint8"):
        Served(None, "restoration").predict([IMAGES[0], PIXELS[0] > 0.5])


@pytest.mark.parametrize("values", [[], [[[]]], IMAGES[0], IMAGES[None]], ids=np.shape)
def test_predict_refuses_another_shape(values):
    with pytest.raises(MlflowException, match=r"the shape is \[.*expected \[n, h, w\]"):
        Served(None, "restoration").predict(values)


@pytest.mark.parametrize("task", ["classification", "reconstruction", "restoration"])
@pytest.mark.parametrize(
    ("values", "fact"),
    [
        (PIXELS, "to 0.99"),
        (PIXELS.astype(np.uint8), "from 0 to 0"),  # as MLflow's server casts them
        ((PIXELS > 0.5).astype(np.uint8), "from 0 to 1"),
        (PIXELS * 2 - 1, "from -0.99"),
        (PIXELS * 65535, "to 65"),
        (np.where(PIXELS < 0.01, np.nan, 200), "nan"),
    ],
)
def test_predict_refuses_values_that_are_not_0_to_255(values, fact, task):
    with pytest.raises(MlflowException, match="0 to 255") as refused:
        Served(None, task).predict(values)
    assert fact in str(refused.value) and refused.value.get_http_status_code() == 400
