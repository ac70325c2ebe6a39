"""Near-zero activations and weights."""

import numpy as np
import pytest

from inkbench.evaluation import sparsity

KERNELS = {
    "conv": np.concatenate([np.zeros(9), np.ones(27)]).reshape(3, 3, 1, 4),
    "dense": np.array([[0.0009, 0.001], [-0.0009, -2]]),
}


def test_code_sparsity_counts_values_near_zero():
    codes = np.array([[0, 0.001, 1, -1], [0, 0.5, -0.0005, 2]])
    assert sparsity.code_sparsity(codes) == 4 / 8
    assert sparsity.code_sparsity(np.full((5, 4), 1e-6)) == 1  # however small their scale


def test_code_sparsity_ignores_the_scale_of_a_code():
    assert sparsity.code_threshold(np.array([[3.0, -4.0]])) == pytest.approx(0.01 * np.sqrt(12.5))
    codes = np.random.default_rng(0).laplace(size=(100, 16))
    assert sparsity.code_sparsity(codes) == sparsity.code_sparsity(2 * codes)


@pytest.mark.parametrize("codes", [np.random.default_rng(0).normal(size=(30, 7)), np.zeros((3, 2))])
def test_code_histogram_counts_every_activation(codes):
    histogram = sparsity.code_histogram(codes)
    assert histogram["code_counts"].sum() == codes.size
    assert histogram["code_edges"].shape == (51,)


def test_weight_sparsity_pools_all_kernels():
    assert sparsity.weight_sparsity(KERNELS) == (9 + 2) / (36 + 4)


def test_weights_describe_every_layer():
    arrays = sparsity.weights(KERNELS, (28, 28))
    assert list(arrays["layers"]) == ["conv", "dense"]
    assert list(arrays["sizes"]) == [36, 4]
    assert list(arrays["near_zero"]) == [0.25, 0.5]
    assert np.allclose(arrays["edges"], -arrays["edges"][:, ::-1])
    assert list(arrays["counts"].sum(axis=1)) == [36, 4]
    assert arrays["counts"][0, 50] == 9  # the middle bin


def test_weights_of_zero_kernel_have_a_histogram():
    arrays = sparsity.weights({"conv": np.zeros((3, 3, 1, 2))}, (28, 28))
    assert arrays["counts"][0, 50] == 18


def test_filters_are_kernels_of_convolution_or_images_of_dense_layer():
    kernel = np.arange(18.0).reshape(3, 3, 1, 2)
    filters = sparsity.weights({"conv": kernel}, (28, 28))["filters"]
    assert np.array_equal(filters[1], kernel[:, :, 0, 1])
    kernel = np.arange(12.0).reshape(6, 2)
    filters = sparsity.weights({"dense": kernel}, (2, 3))["filters"]
    assert np.array_equal(filters[0], kernel[:, 0].reshape(2, 3))
