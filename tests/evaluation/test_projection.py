"""Principal components and t-SNE."""

import numpy as np
import pytest

from inkbench.evaluation import projection

CODES = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32) * [5, 3, 1, 1, 1]


def test_pca2_matches_singular_value_decomposition():
    points, explained = projection.pca2(CODES)
    u, s, _ = np.linalg.svd(CODES - CODES.mean(0), full_matrices=False)
    assert np.allclose(np.abs(points), np.abs(u[:, :2] * s[:2]), atol=1e-4)
    assert explained == pytest.approx(s[:2] ** 2 / (s**2).sum(), rel=1e-4)


@pytest.mark.parametrize(
    ("codes", "expected"), [(CODES[:, :1], [1, 0]), (np.ones((4, 3), np.float32), [0, 0])]
)
def test_pca2_pads_missing_dimensions_with_zeros(codes, expected):
    points, explained = projection.pca2(codes)
    assert points.shape == (len(codes), 2) and not points[:, 1].any()
    assert list(explained) == expected


def test_tsne2_separates_clusters_and_is_seeded():
    codes = np.concatenate([CODES[:30], CODES[30:] + 100])
    points = projection.tsne2(codes)
    centres = points[:30].mean(0), points[30:].mean(0)
    spread = max(points[:30].std(), points[30:].std())
    assert np.linalg.norm(centres[0] - centres[1]) > spread
    assert projection.tsne2(codes).tobytes() == points.tobytes()


@pytest.mark.parametrize("codes", [np.ones((40, 3)), CODES[:1], CODES[:2], CODES[:4], CODES[:, :1]])
def test_tsne2_of_degenerate_codes_is_finite(codes):
    points = projection.tsne2(codes)
    assert points.shape == (len(codes), 2)
    assert np.isfinite(points).all()
