"""Architectures equal those of the two original tutorials, layer by layer."""

import itertools

import keras
import numpy as np
import pytest

from helpers import ROOT
from inkbench import models, params
from inkbench.errors import InkbenchError
from inkbench.restore import restore

BY_FAMILY = {block.family: block for block in params.load(ROOT / "params.yaml").train.values()}
LETTERS = ((28, 28), 10)


def _parameters_by_layer(model) -> list[int]:
    return [layer.count_params() for layer in model.layers if layer.count_params()]


def test_conv_autoencoder_has_the_published_parameters_and_shapes():
    model = models.build("conv_autoencoder", *LETTERS, {})
    # conv2d_1 … conv2d_6 of the notMNIST_autoencoder document's table
    assert _parameters_by_layer(model) == [320, 18_496, 73_856, 147_584, 73_792, 577]
    assert model.count_params() == 314_625
    sides = [28, 14, 14, 7, 7, 7, 14, 14, 28, 28]
    channels = [32, 32, 64, 64, 128, 128, 128, 64, 64, 1]
    shapes = [layer.output.shape[1:] for layer in model.layers[3:-1]]
    assert shapes == list(zip(sides, sides, channels, strict=True))


DENSE = [(784, 256), (256, 64), (64, 256), (256, 784)]  # inputs, units
CNN = [(9 * 1, 32), (9 * 32, 32), (9 * 32, 64), (64, 64), (64, 10)]
STRIDED = [(9 * 1, 32), (9 * 32, 64), (36 * 64, 128), (128, 7 * 7 * 32)]
STRIDED += [(9 * 32, 64), (9 * 64, 32), (9 * 32, 1)]


@pytest.mark.parametrize(
    ("family", "options", "layers"),
    [
        ("dense_autoencoder", {"hidden": [256], "code": 64}, DENSE),
        ("cnn", {}, CNN),
        ("strided_autoencoder", {"code": 128}, STRIDED),
        ("strided_autoencoder", {"code": 128, "l1": 0.05, "dropout": 0.3}, STRIDED),
    ],
)
def test_family_has_the_published_layers(family, options, layers):
    model = models.build(family, *LETTERS, options)
    assert _parameters_by_layer(model) == [(inputs + 1) * units for inputs, units in layers]


def test_strided_autoencoder_adds_its_l1_penalty_to_the_loss():
    model = models.build("strided_autoencoder", *LETTERS, {"code": 8, "l1": 0.5})
    kernels = [v for v in model.trainable_variables if v.name == "kernel"]
    expected = sum(0.5 * np.abs(kernel.numpy()).sum() for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_strided_autoencoder_drops_units_in_training_only():
    model = models.build("strided_autoencoder", *LETTERS, {"code": 8, "dropout": 0.3})
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8)
    first, second = (np.asarray(model(images, training=False)) for _ in range(2))
    assert first == pytest.approx(second)
    assert not np.allclose(np.asarray(model(images, training=True)), first)


def test_stacked_logreg_mirrors_layers_of_equal_width():
    classifier = models.build("stacked_logreg", *LETTERS, {"hidden": [8, 6, 8], "code": 4})
    autoencoder = models.module("stacked_logreg").autoencoder(classifier)
    kernels = [layer.kernel.shape for layer in autoencoder.layers if hasattr(layer, "kernel")]
    widths = [784, 8, 6, 8, 4, 8, 6, 8, 784]
    assert kernels == list(itertools.pairwise(widths))


@pytest.mark.parametrize(
    ("family", "channels", "options"),
    [("unet", 2, {"width": 2}), ("scan_unet", 6, {"first": 2, "width": 2})],
)
@pytest.mark.parametrize("levels", [1, 5])
def test_unets_restore_pages_with_the_fewest_and_most_levels(family, channels, options, levels):
    model = models.build(family, (None, None, channels), 0, options | {"levels": levels})
    assert restore(model, np.full((20, 40), 200, np.uint8)).shape == (20, 40)


@pytest.mark.parametrize(("padding", "seen"), [("valid", 22), ("same", 28)])
def test_cnn_sees_22_rows_and_columns_unpadded_and_all_28_padded(padding, seen):
    model = models.build("cnn", *LETTERS, {"padding": padding})
    pixels = np.eye(28 * 28, dtype=np.uint8).reshape(-1, 28, 28) * 255
    outputs, blank = np.asarray(model(pixels)), np.asarray(model(np.zeros((1, 28, 28), np.uint8)))
    # One pixel changes a probability by more than 1e-4; another batch size, hence other kernels,
    # by 1e-8 at most.
    changes = (np.abs(outputs - blank).max(axis=1) > 1e-6).reshape(28, 28)
    assert changes[:seen, :seen].all()
    assert not changes[seen:].any() and not changes[:, seen:].any()


@pytest.mark.parametrize("family", BY_FAMILY)
def test_build_takes_uint8_and_returns_floats_in_0_to_1_for_every_family(family):
    variant = BY_FAMILY[family]
    channels = {"restoration": 2, "cleaning": 6}.get(variant.task)
    shape = (None, None, channels) if channels else (28, 28)
    model = models.build(family, shape, 10, variant.model_options)
    size = (32, 48, channels) if channels else (28, 28)
    outputs = np.asarray(model(np.zeros((3, *size), np.uint8)))
    expected = {"reconstruction": (28, 28), "classification": (10,), "restoration": (32, 48, 1)}
    assert outputs.shape == (3, *(expected | {"cleaning": (32, 48, 3)})[variant.task])
    assert outputs.dtype == np.float32
    assert outputs.min() >= 0 and outputs.max() <= 1


@pytest.mark.parametrize(
    ("bias", "target", "learns"),
    [(1.5, 1, False), (1.5, 0.5, True), (-0.5, 0, False), (-0.5, 0.5, True)],
)
def test_unet_has_a_gradient_outside_0_to_1_only_where_the_output_is_wrong(bias, target, learns):
    model = models.build("unet", (None, None, 2), 0, {"width": 2})
    last = model.layers[-2]
    last.set_weights([np.zeros_like(last.kernel), np.full_like(last.bias, bias)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    pages = np.zeros((1, 16, 16, 2), np.uint8)
    model.train_on_batch(pages, np.full((1, 16, 16, 1), target, "float32"))
    assert (last.bias.numpy().item() != bias) == learns


def test_ink_binarises_at_one_half():
    from inkbench.models.common.layers import Ink

    images = np.array([[0, 127, 128, 255]], np.uint8)
    assert np.asarray(Ink(binarise=True)(images)).tolist() == [[0, 0, 1, 1]]
    assert np.asarray(Ink()(images))[0, 1] == pytest.approx(127 / 255)


def test_gaussian_code_adds_the_kl_divergence_of_two_gaussians():
    from inkbench.models.common.layers import GaussianCode

    layer = GaussianCode()
    mean, log_var = np.array([[1.0, 0.0]], "float32"), np.array([[0.0, np.log(4.0)]], "float32")
    code = layer([mean, log_var], training=False)
    # KL(N(m, s²) ‖ N(0, 1)) = (s² + m² − 1 − ln s²) / 2, summed over dimensions
    expected = 0.5 * (1 + 1 - 1 - 0) + 0.5 * (4 + 0 - 1 - np.log(4))
    assert float(layer.losses[0]) == pytest.approx(expected, rel=1e-5)
    assert np.asarray(code) == pytest.approx(mean)


def test_build_refuses_images_too_small_for_the_family_in_one_line():
    with pytest.raises(InkbenchError, match=r"'cnn' .* 8×8"):
        models.build("cnn", (8, 8), 10, {})
