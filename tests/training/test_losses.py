"""Losses and metrics compute what their names say."""

import numpy as np
import pytest

from inkbench.training.losses import binary_agreement, loss


def test_bernoulli_nats_is_the_negative_log_likelihood():
    targets, outputs = np.zeros((2, 2, 2), "float32"), np.full((2, 2, 2), 0.25, "float32")
    targets[:, 0, 0] = 1
    expected = -(np.log(0.25) + 3 * np.log(0.75))
    assert float(loss("bernoulli_nats")(targets, outputs)) == pytest.approx(expected, rel=1e-5)


def test_charbonnier_is_the_absolute_error_of_large_errors_and_smooth_near_zero():
    targets, outputs = np.zeros((1, 2, 1), "float32"), np.array([[[0.5], [0.001]]], "float32")
    assert float(loss("charbonnier")(targets, outputs)) == pytest.approx(0.245, rel=0.01)
    assert float(loss("charbonnier")(targets, targets)) == pytest.approx(0, abs=1e-6)


def test_binary_agreement_counts_pixels_on_the_same_side_of_one_half():
    targets, outputs = np.array([[0.2, 0.9, 0.5, 0.1]]), np.array([[0.4, 0.6, 0.2, 0.7]])
    assert np.asarray(binary_agreement(targets, outputs)).tolist() == [0.5]
