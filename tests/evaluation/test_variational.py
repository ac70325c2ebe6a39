"""The evidence lower bound of a VAE, and the codes of its figures."""

import numpy as np
import pytest

from inkbench.evaluation import variational

RNG = np.random.default_rng(2)
MEAN = RNG.normal(size=(50, 3)).astype(np.float32)
LOG_VAR = RNG.normal(-1, 0.5, (50, 3)).astype(np.float32)


def test_kl_per_unit_matches_numerical_integral():
    from scipy.integrate import quad
    from scipy.stats import norm

    mean, deviation = 0.7, np.exp(-0.4)
    posterior, prior = norm(mean, deviation), norm(0, 1)
    expected, _ = quad(lambda z: posterior.pdf(z) * (posterior.logpdf(z) - prior.logpdf(z)), -8, 8)
    kl = variational.kl_per_unit(np.array([[mean, 0]]), np.array([[-0.8, 0]]))
    assert kl == pytest.approx([expected, 0], rel=1e-6)


def test_bound_is_scipys_bernoulli_likelihood_plus_kl():
    from scipy.stats import bernoulli

    targets = RNG.integers(0, 2, (50, 4, 4)).astype(np.float32)
    decoded = RNG.uniform(0.05, 0.95, targets.shape)
    bound = variational.bound(targets, decoded, MEAN, LOG_VAR)
    likelihood = bernoulli.logpmf(targets, decoded).sum((1, 2)).mean()
    assert bound["test_reconstruction_nats"] == pytest.approx(-likelihood, rel=1e-6)
    assert bound["test_kl_nats"] == pytest.approx(variational.kl_per_unit(MEAN, LOG_VAR).sum())
    assert bound["test_elbo_nats"] == pytest.approx(
        bound["test_kl_nats"] + bound["test_reconstruction_nats"]
    )


def test_sample_follows_the_posterior_and_is_seeded():
    mean, log_var = np.full((20_000, 1), 3, np.float32), np.full((20_000, 1), np.log(4), np.float32)
    codes = variational.sample(mean, log_var)
    assert codes.mean() == pytest.approx(3, abs=0.05)
    assert codes.std() == pytest.approx(2, abs=0.05)
    assert np.array_equal(codes, variational.sample(mean, log_var))


def test_active_units_have_varying_means():
    mean = np.stack([RNG.normal(0, 0.2, 500), RNG.normal(5, 0.05, 500)], axis=1)
    assert list(variational.active_units(mean)) == [True, False]


def test_interpolations_connect_first_images_of_classes():
    codes, ends = variational.interpolations(MEAN[:5], np.uint8([2, 0, 0, 2, 1]))
    assert ends.tolist() == [[0, 1], [1, 2], [2, 0]]
    assert np.allclose(codes[0, [0, -1]], MEAN[[1, 4]])
    assert np.allclose(np.diff(codes[0], axis=0), (MEAN[4] - MEAN[1]) / 9, atol=1e-6)


def test_manifold_of_two_dimensions_is_a_grid_of_normal_quantiles():
    from scipy.stats import norm

    grid, quantiles = variational.manifold(MEAN[:, :2])
    assert quantiles == pytest.approx(norm.ppf(np.linspace(0.05, 0.95, 20)), rel=1e-5)
    assert np.array_equal(grid[0, 0], [quantiles[0], quantiles[-1]])  # top left
    assert np.array_equal(grid[-1, -1], [quantiles[-1], quantiles[0]])  # bottom right


def test_manifold_of_wide_code_spans_its_principal_axes():
    codes = RNG.normal(size=(4000, 4)) * [0.1, 5, 0.1, 2] + [1, 2, 3, 4]
    grid, quantiles = variational.manifold(codes)
    width = quantiles[-1] - quantiles[0]
    assert grid[0, -1] - grid[0, 0] == pytest.approx([0, 5 * width, 0, 0], abs=0.5)
    assert grid[0, 0] - grid[-1, 0] == pytest.approx([0, 0, 0, 2 * width], abs=0.5)
    assert grid.mean((0, 1)) == pytest.approx(codes.mean(0), abs=1e-4)


def test_manifold_of_one_dimension_is_constant_along_columns():
    grid, _ = variational.manifold(MEAN[:, :1])
    assert grid.shape == (20, 20, 1)
    assert np.array_equal(grid[0], grid[-1])
