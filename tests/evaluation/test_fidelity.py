"""BCE, MSE, PSNR, SSIM, binary accuracy: worked out by hand and in another way."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from inkbench.evaluation import fidelity

RNG = np.random.default_rng(5)
TARGETS = RNG.random((6, 12, 12)).astype(np.float32)
OUTPUTS = (TARGETS + RNG.normal(0, 0.1, TARGETS.shape)).clip(0, 1).astype(np.float32)


def _pixels(*values: float) -> np.ndarray:
    return np.array(values, np.float32).reshape(1, 1, -1)


def test_ink_scales_to_one():
    assert np.allclose(fidelity.ink(np.array([0, 51, 255], np.uint8), False), [0, 0.2, 1])


def test_ink_is_cut_at_one_half():
    assert list(fidelity.ink(np.array([0, 127, 128, 255], np.uint8), True)) == [0, 0, 1, 1]


def test_bce_of_two_pixels():
    found = fidelity.bce(_pixels(1, 0), _pixels(0.8, 0.4))
    assert found == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)


def test_bce_of_a_certain_error_is_finite():
    assert fidelity.bce(_pixels(1), _pixels(0)) == pytest.approx(-np.log(1e-7))


def test_bce_of_grey_targets_is_scikit_learns_weighted_log_loss():
    from sklearn.metrics import log_loss

    t, p = TARGETS.ravel().astype(float), OUTPUTS.ravel().astype(float).clip(1e-7, 1 - 1e-7)
    # Every grey pixel is ink with weight t and paper with weight 1 − t.
    expected = log_loss(
        np.repeat([1, 0], t.size), np.tile(p, 2), sample_weight=np.concatenate([t, 1 - t])
    )
    assert fidelity.bce(TARGETS, OUTPUTS) == pytest.approx(expected, rel=1e-6)


def test_nats_of_an_undecided_image_are_its_pixels_times_log_two():
    nats = fidelity.image_nats(np.ones((2, 28, 28)), np.full((2, 28, 28), 0.5))
    assert nats == pytest.approx([784 * np.log(2)] * 2)


def test_mse_of_two_pixels():
    assert fidelity.mse(_pixels(1, 0), _pixels(0.5, 0.1)) == pytest.approx((0.25 + 0.01) / 2)


def test_mse_is_scikit_learns():
    from sklearn.metrics import mean_squared_error

    expected = mean_squared_error(TARGETS.ravel(), OUTPUTS.ravel())
    assert fidelity.mse(TARGETS, OUTPUTS) == pytest.approx(expected, rel=1e-5)


def test_psnr_of_an_error_of_a_tenth_is_20_db():
    assert fidelity.psnr(np.zeros((1, 4, 4)), np.full((1, 4, 4), 0.1)) == pytest.approx(20)


def test_psnr_is_averaged_over_images_not_over_errors():
    outputs = np.stack([np.full((4, 4), 0.1), np.full((4, 4), 0.01)])
    assert fidelity.psnr(np.zeros_like(outputs), outputs) == pytest.approx((20 + 40) / 2)


def test_psnr_agrees_with_scikit_image():
    pairs = zip(TARGETS, OUTPUTS, strict=True)
    each = [peak_signal_noise_ratio(*pair, data_range=1) for pair in pairs]
    assert fidelity.psnr(TARGETS, OUTPUTS) == pytest.approx(np.mean(each))


def test_psnr_of_a_perfect_image_is_capped():
    assert fidelity.psnr(TARGETS, TARGETS) == fidelity.PSNR_CAP


def test_ssim_of_an_image_with_itself_is_one():
    assert fidelity.ssim(TARGETS, TARGETS) == pytest.approx(1)


def test_ssim_of_flat_images():
    a, b, c1 = 0.2, 0.6, 0.01**2
    found = fidelity.ssim(np.full((1, 9, 9), a), np.full((1, 9, 9), b))
    assert found == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1))


def test_ssim_is_the_formula_over_all_windows():
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


def test_binary_accuracy_cuts_both_sides_at_one_half():
    assert fidelity.binary_accuracy(_pixels(0.9, 0.6, 0.2, 0), _pixels(0.5, 0.4, 0.1, 1)) == 0.5
