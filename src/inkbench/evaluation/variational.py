"""Variational autoencoders: the evidence lower bound, and codes to decode for figures."""

from statistics import NormalDist

import numpy as np

from inkbench.evaluation.fidelity import image_nats

_PAIRS = 8
_GRID_SIDE = 20


def sample(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """One seeded code from each posterior N(mean, exp(log_var)), float32 ``[n, d]``."""
    noise = np.random.default_rng(0).standard_normal(mean.shape, np.float32)
    return mean + np.exp(0.5 * log_var) * noise


def kl_per_unit(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """KL divergence of the posterior from N(0, I), averaged over images: float64 ``[d]``, nats.

    Kingma & Welling, *Auto-Encoding Variational Bayes* (2014), appendix B.
    """
    mean, log_var = mean.astype(np.float64), log_var.astype(np.float64)
    return (0.5 * (np.exp(log_var) + np.square(mean) - 1 - log_var)).mean(axis=0)


def bound(
    targets: np.ndarray, decoded: np.ndarray, mean: np.ndarray, log_var: np.ndarray
) -> dict[str, float]:
    """Negative evidence lower bound and its two terms, in nats per image.

    ``targets`` are 0 or 1; ``decoded`` is the decoder's ink probability for one `sample` of each
    posterior (``mean``, ``log_var``).
    """
    reconstruction = float(image_nats(targets, decoded).mean())
    divergence = float(kl_per_unit(mean, log_var).sum())
    return {
        "test_elbo_nats": reconstruction + divergence,
        "test_kl_nats": divergence,
        "test_reconstruction_nats": reconstruction,
    }


def active_units(mean: np.ndarray) -> np.ndarray:
    """Whether the variance of a unit's mean over images exceeds 0.01, bool ``[d]``.

    Burda, Grosse & Salakhutdinov, *Importance Weighted Autoencoders* (2016), section 5.2.
    """
    return mean.var(axis=0, dtype=np.float64) > 0.01


def prior_codes(size: int) -> np.ndarray:
    """Seeded codes from the prior N(0, I), float32 ``[64, size]``."""
    return np.random.default_rng(0).standard_normal((64, size), np.float32)


def interpolations(mean: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate linearly from the first image of each class to that of the next class.

    Returns codes float32 ``[r, 10, d]``, and the labels at both ends, uint8 ``[r, 2]``; r ≤ 8.
    """
    present, first = np.unique(labels, return_index=True)
    ends = np.stack([first, np.roll(first, -1)], axis=1)[:_PAIRS]
    fraction = np.linspace(0, 1, 10, dtype=np.float32)[:, None]
    codes = [mean[start] * (1 - fraction) + mean[end] * fraction for start, end in ends]
    end_labels = np.stack([present, np.roll(present, -1)], axis=1)[:_PAIRS]
    return np.stack(codes).astype(np.float32), end_labels.astype(np.uint8)


def manifold(mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes on a grid of standard normal quantiles.

    A two-dimensional code is the plane of the grid (Kingma & Welling, 2014, figure 4). For a wider
    code, the grid spans the two principal axes of the test codes about their mean, scaled by the
    standard deviation along each.

    Returns codes float32 ``[20, 20, d]``: the second coordinate decreases along the rows, the
    first increases along the columns; and the 20 quantiles, float32.
    """
    levels = np.linspace(0.05, 0.95, _GRID_SIDE)
    quantiles = np.array([NormalDist().inv_cdf(level) for level in levels], np.float32)
    first, second = np.meshgrid(quantiles, quantiles[::-1])
    if mean.shape[1] == 2:
        return np.stack([first, second], axis=-1), quantiles
    centre = mean.mean(axis=0)
    _, spread, axes = np.linalg.svd(mean - centre, full_matrices=False)
    spread = spread / np.sqrt(len(mean))
    grid = np.broadcast_to(centre, (_GRID_SIDE, _GRID_SIDE, mean.shape[1]))
    for coordinate, deviation, axis in zip((first, second), spread, axes, strict=False):
        direction = axis * np.sign(axis[np.abs(axis).argmax()])  # the sign of an SVD is arbitrary
        grid = grid + coordinate[..., None] * deviation * direction
    return grid.astype(np.float32), quantiles
