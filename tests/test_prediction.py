"""Keras models as the evaluation sees them: every family of ours, untrained and tiny."""

import keras
import numpy as np
import pytest

from inkbench import models, prediction
from inkbench.datasets.common import store
from inkbench.datasets.common.store import Images, Page
from inkbench.errors import InkbenchError
from inkbench.evaluation import fidelity, suite
from inkbench.models.common import storage
from inkbench.params import Variant
from inkbench.prediction import Predictor

OPTIONS = {
    "cnn": {},
    "conv_autoencoder": {},
    "dense_autoencoder": {"hidden": [16], "code": 8},
    "page_autoencoder": {"width": 2},
    "resnet": {"width": 4},
    "stacked_logreg": {"hidden": [16], "code": 8},
    "strided_autoencoder": {"code": 8},
    "unet": {"width": 2},
    "vae": {"code": 3, "width": 2},
}
CLASSIFIERS = {"cnn", "resnet", "stacked_logreg"}
RESTORERS = {"page_autoencoder", "unet"}
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 28, 28)).astype(np.uint8)


def _model(family: str):
    keras.utils.set_random_seed(1)
    shape = (None, None, 2) if family in RESTORERS else (28, 28)
    return models.build(family, shape, 10, OPTIONS[family])


@pytest.fixture
def predictor(request, tmp_path) -> Predictor:
    path = tmp_path / "model.keras"
    storage.save(_model(request.param), path)
    return Predictor.load(path)


def of(*families: str):
    return pytest.mark.parametrize("predictor", families, indirect=True)


@of("dense_autoencoder")
def test_outputs_are_those_of_the_model(predictor):
    expected = np.asarray(_model("dense_autoencoder")(IMAGES))
    assert np.allclose(predictor.outputs(IMAGES), expected, atol=1e-5)


@of("dense_autoencoder")
def test_batches_do_not_show(predictor, monkeypatch):
    whole = predictor.outputs(IMAGES)
    monkeypatch.setattr(prediction, "_BATCH", 7)
    assert np.allclose(predictor.outputs(IMAGES), whole, atol=1e-6)


@of("conv_autoencoder")
def test_codes_are_flattened(predictor):
    assert predictor.codes(IMAGES[:3]).shape == (3, 7 * 7 * 128)


@of("vae")
def test_an_image_is_what_its_mean_code_decodes_to(predictor):
    mean, log_var = predictor.posterior(IMAGES)
    assert mean.shape == log_var.shape == (60, 3)
    assert np.allclose(predictor.decode(mean), predictor.outputs(IMAGES), atol=1e-5)


@of("vae")
def test_codes_of_a_variational_model_are_its_means(predictor):
    assert np.array_equal(predictor.codes(IMAGES), predictor.posterior(IMAGES)[0])


def test_only_a_vae_is_variational():
    assert {family: Predictor(_model(family), "").is_variational for family in ("vae", "cnn")} == {
        "vae": True,
        "cnn": False,
    }


@of("vae")
def test_kernels_include_those_of_the_nested_decoder(predictor):
    kernels = predictor.kernels()
    assert next(iter(kernels.values())).shape == (3, 3, 1, 2)  # the first convolution
    assert any(name.startswith("decoder/") for name in kernels)


@of("dense_autoencoder")
def test_kernels_are_all_weights_but_the_biases(predictor):
    kernels = predictor.kernels()
    assert [kernel.shape for kernel in kernels.values()] == [
        (784, 16),
        (16, 8),
        (8, 16),
        (16, 784),
    ]


@of("unet")
def test_pages_of_any_size_are_restored(predictor):
    page = RNG.integers(0, 256, (37, 51)).astype(np.uint8)
    restored = predictor.restore(page)
    assert restored.shape == (37, 51)
    assert restored.min() >= 0 and restored.max() <= 1


@of("unet")
def test_a_model_without_a_code_is_refused(predictor):
    with pytest.raises(InkbenchError, match="no layer 'code'"):
        predictor.codes(IMAGES)


@of("strided_autoencoder")
def test_the_same_predictions_every_time(predictor):
    assert predictor.outputs(IMAGES).tobytes() == predictor.outputs(IMAGES).tobytes()


def test_bce_is_the_loss_that_keras_reports():
    targets, outputs = RNG.random((2, 8, 28, 28)).astype(np.float32)
    expected = float(np.mean(keras.losses.binary_crossentropy(targets, outputs)))
    assert fidelity.bce(targets, outputs) == pytest.approx(expected, rel=1e-5)


def _block(family: str) -> dict:
    if family in RESTORERS:
        task = {"dataset": "documents", "task": "restoration", "loss": "mse"}
        task["patches"] = {"size": 32, "per_page": 4}
    elif family in CLASSIFIERS:
        task = {"dataset": "mnist", "task": "classification", "loss": "cross_entropy"}
    else:
        loss = "bernoulli_nats" if family == "vae" else "bce"
        task = {"dataset": "mnist", "task": "reconstruction", "loss": loss}
    rest = {"epochs": 1, "batch_size": 8, "learning_rate": 0.1, "schedule": "constant"}
    rest |= {"optimiser": "adam"}
    shape = {"family": family, "model": OPTIONS[family], "seed": 0, "precision": "float32"}
    return task | rest | shape


def _save_data(dataset: str) -> None:
    folder = store.layout.processed(dataset)
    folder.mkdir(parents=True)
    if dataset == "documents":
        pages = [Page(str(i), IMAGES[i], IMAGES[i + 1], "fold", i) for i in range(2)]
        for part in store.PARTS:
            store.save_pages(folder, part, pages)
    else:
        labels = np.arange(60, dtype=np.uint8) % 10
        for part in store.PARTS:
            store.save_images(folder, part, Images(IMAGES, labels, np.arange(60)))
    store.save_card(folder, {"data_source": "synthetic", "classes": list("0123456789")})


@of(*sorted(OPTIONS))
def test_every_family_can_be_evaluated(predictor, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variant = Variant.model_validate(_block(request.node.callspec.params["predictor"]))
    _save_data(variant.dataset)
    results = suite.evaluate(variant, {"data_source": "synthetic", "parameters": 1}, predictor)
    results.write("v")
    assert all(np.isfinite(value) for value in results.numbers.values())
    assert results.metrics["task"] == variant.task


def test_every_family_is_tried_here():
    assert sorted(OPTIONS) == models.families()
