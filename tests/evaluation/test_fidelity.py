"""BCE, MSE, PSNR, SSIM and binary accuracy against manual and independent calculations."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from inkbench.evaluation import fidelity

RNG = np.random.default_rng(5)
TARGETS = RNG.random((6, 12, 12)).astype(np.float32)
OUTPUTS = (TARGETS + RNG.normal(0, 0.1, TARGETS.shape)).clip(0, 1).astype(np.float32)


def _pixels(*values: float) -> np.ndarray:
    return np.array(values, np.float32).reshape(1, 1, -1)


def test_to_float_scales_to_one_and_binarises_at_one_half():
    images = np.array([0, 51, 127, 128, 255], np.uint8)
    assert np.allclose(fidelity.to_float(images), images / 255)
    assert list(fidelity.to_float(images, binarise=True)) == [0, 0, 0, 1, 1]


def test_bce_and_mse_match_manual_calculation():
    targets, outputs = _pixels(1, 0), _pixels(0.8, 0.4)
    assert fidelity.bce(targets, outputs) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    assert fidelity.mse(targets, outputs) == pytest.approx((0.04 + 0.16) / 2)


def test_bce_of_confident_error_is_finite():
    assert fidelity.bce(_pixels(1), _pixels(0)) == pytest.approx(-np.log(1e-7))


def test_bce_of_grey_targets_is_weighted_log_loss():
    from sklearn.metrics import log_loss

    t, p = TARGETS.ravel().astype(float), OUTPUTS.ravel().astype(float).clip(1e-7, 1 - 1e-7)
    # Every grey pixel is ink with weight t and paper with weight 1 − t.
    expected = log_loss(
        np.repeat([1, 0], t.size), np.tile(p, 2), sample_weight=np.concatenate([t, 1 - t])
    )
    assert fidelity.bce(TARGETS, OUTPUTS) == pytest.approx(expected, rel=1e-6)


def test_image_nats_sums_over_pixels():
    nats = fidelity.image_nats(np.ones((2, 28, 28)), np.full((2, 28, 28), 0.5))
    assert nats == pytest.approx([784 * np.log(2)] * 2)


def test_psnr_is_scikit_images_averaged_over_images():
    pairs = zip(TARGETS, OUTPUTS, strict=True)
    expected = np.mean([peak_signal_noise_ratio(*pair, data_range=1) for pair in pairs])
    assert fidelity.psnr(TARGETS, OUTPUTS) == pytest.approx(expected)


def test_psnr_and_ssim_of_perfect_images():
    assert fidelity.psnr(TARGETS, TARGETS) == fidelity.PSNR_CAP
    assert fidelity.ssim(TARGETS, TARGETS) == pytest.approx(1)


def test_ssim_matches_formula_over_all_windows():
    def windows(images):
        view = np.lib.stride_tricks.sliding_window_view(images.astype(float), (7, 7), (1, 2))
        return view.reshape(*view.shape[:3], 49)

    x, y = windows(TARGETS), windows(OUTPUTS)
    mean_x, mean_y = x.mean(-1), y.mean(-1)
    covariance = ((x - mean_x[..., None]) * (y - mean_y[..., None])).sum(-1) / 48
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (x.var(-1, ddof=1) + y.var(-1, ddof=1) + c2)
    )
    assert fidelity.ssim(TARGETS, OUTPUTS) == pytest.approx(similarity.mean(), rel=1e-6)


def test_binary_accuracy_thresholds_targets_and_outputs():
    assert fidelity.binary_accuracy(_pixels(0.9, 0.6, 0.2, 0), _pixels(0.5, 0.4, 0.1, 1)) == 0.5
