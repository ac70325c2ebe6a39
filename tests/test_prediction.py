"""Predictor on every model family, with tiny untrained models."""

import keras
import numpy as np
import pytest

from fake_models import skip_probes
from helpers import ROOT
from inkbench import models, params, prediction
from inkbench.datasets.common import store
from inkbench.datasets.common.store import Images, Page
from inkbench.errors import InkbenchError
from inkbench.evaluation import cleaning, suite
from inkbench.models.common import storage
from inkbench.prediction import Predictor

OPTIONS = {  # small ones; other families have those of their first variant
    "dense_autoencoder": {"hidden": [16], "code": 8},
    "page_autoencoder": {"width": 2},
    "resnet": {"width": 4},
    "scan_unet": {"first": 2, "width": 2, "levels": 2},
    "stacked_logreg": {"hidden": [16], "code": 8},
    "strided_autoencoder": {"code": 8},
    "unet": {"width": 2},
    "vae": {"code": 3, "width": 2},
}
VARIANTS = params.load(ROOT / "params.yaml").train.values()
CHANNELS = {"restoration": 2, "cleaning": 6}  # of pages
IMAGES = np.random.default_rng(0).integers(0, 256, (60, 28, 28)).astype(np.uint8)


def _variant(family: str) -> params.Variant:
    """The first variant of a family."""
    variants = [variant for variant in VARIANTS if variant.family == family]
    if not variants:
        pytest.skip(f"no variant of family {family}")
    return variants[0]


def _model(family: str):
    variant = _variant(family)
    keras.utils.set_random_seed(1)
    shape = (None, None, CHANNELS[variant.task]) if variant.patches else (28, 28)
    return models.build(family, shape, 10, OPTIONS.get(family, variant.model_options))


@pytest.fixture
def predictor(request, tmp_path) -> Predictor:
    path = tmp_path / "model.keras"
    storage.save(_model(request.param), path)
    return Predictor.load(path)


def of(*families: str):
    return pytest.mark.parametrize("predictor", families, indirect=True)


@of("dense_autoencoder")
def test_outputs_match_the_model_for_any_batch_size(predictor, monkeypatch):
    expected = np.asarray(_model("dense_autoencoder")(IMAGES))
    for batch in (256, 7):
        monkeypatch.setattr(prediction, "_BATCH", batch)
        # Kernels depend on the batch size and add up in another order.
        assert np.allclose(predictor.outputs(IMAGES), expected, atol=1e-5)


@of("conv_autoencoder")
def test_codes_are_flattened(predictor):
    assert predictor.codes(IMAGES[:3]).shape == (3, 7 * 7 * 128)


@of("unet")
def test_codes_reject_a_model_without_code_layer(predictor):
    with pytest.raises(InkbenchError, match=r"model\.keras: .*'code'"):
        predictor.codes(IMAGES)


@of("vae")
def test_posterior_mean_is_the_code_and_decodes_to_the_output(predictor):
    mean, log_var = predictor.posterior(IMAGES)
    assert mean.shape == log_var.shape == (60, 3)
    # Two models on the same weights: their kernels may be fused in another way.
    assert np.allclose(predictor.codes(IMAGES), mean, atol=1e-5)
    assert np.allclose(predictor.decode(mean), predictor.outputs(IMAGES), atol=1e-5)


@of("vae")
def test_kernels_include_the_nested_decoder(predictor):
    kernels = predictor.kernels()
    assert next(iter(kernels.values())).shape == (3, 3, 1, 2)  # the first convolution
    assert any(name.startswith("decoder/") for name in kernels)


@of("dense_autoencoder")
def test_kernels_exclude_biases(predictor):
    shapes = [kernel.shape for kernel in predictor.kernels().values()]
    assert shapes == [(784, 16), (16, 8), (8, 16), (16, 784)]


def _save_data(variant: params.Variant) -> None:
    folder = store.layout.processed(variant.dataset)
    folder.mkdir(parents=True)
    pages = [Page(str(i), IMAGES[i], IMAGES[i + 1], "fold", i) for i in range(2)]
    images = Images(IMAGES, np.arange(60, dtype=np.uint8) % 10, np.arange(60))
    for part in store.PARTS:
        if variant.patches:
            store.save_pages(folder, part, pages)
        else:
            store.save_images(folder, part, images)
    store.save_card(folder, {"data_source": "synthetic", "classes": list("0123456789")})


@of(*models.families())
def test_every_family_can_be_evaluated(predictor, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    skip_probes(monkeypatch)
    monkeypatch.setattr(cleaning, "_SCANS", 2)
    variant = _variant(request.node.callspec.params["predictor"])
    _save_data(variant)
    results = suite.evaluate(variant, {"data_source": "synthetic", "parameters": 1}, predictor)
    results.write("v")
    assert all(np.isfinite(value) for value in results.numbers.values())
    assert results.metrics["task"] == variant.task
