"""Tiles of a large page give the result of the whole page."""

import keras
import numpy as np
import pytest

from inkbench import models
from inkbench.restore import _cuts, reach, restore


@pytest.fixture(scope="module", params=["unet", "page_autoencoder"])
def network(request: pytest.FixtureRequest):
    keras.utils.set_random_seed(3)
    model = models.build(request.param, (None, None, 2), 0, {"width": 2})
    return keras.Model(model.inputs, model.layers[-3].output)  # untrained, the last layers saturate


def test_restore_in_tiles_matches_the_whole_page(network):
    page = np.random.default_rng(0).integers(0, 256, (333, 250), np.uint8)
    whole = restore(network, page, tile=10**6)
    assert whole.std() > 0.01  # a blank page would prove nothing
    for tile in (96, 128):
        # Other kernels for other shapes round differently, by less than one grey level.
        assert np.abs(restore(network, page, tile=tile) - whole).max() < 1 / 255


def test_reach_covers_the_receptive_field(network):
    random = np.random.default_rng(1)
    pages = np.repeat(random.integers(0, 256, (1, 128, 128, 2), np.uint8), 2, axis=0)
    pages[1, 64, 64] ^= 255
    first, second = np.asarray(network.predict_on_batch(pages))
    # Kernels may round the two images of a batch differently, by some 1e-7.
    rows, columns = np.nonzero(np.abs(first - second)[..., 0] > 1e-6)
    radius = np.abs(np.concatenate([rows, columns]) - 64).max()
    assert 0 < radius <= reach(network) <= 3 * radius


@pytest.mark.parametrize(
    ("length", "tile", "margin"),
    [(576, 576, 32), (1600, 576, 32), (16, 96, 16), (592, 576, 48)],
)
def test_cuts_cover_a_side_without_gaps(length, tile, margin):
    covered = 0
    for start, stop, first, last in _cuts(length, tile, margin):
        assert first == covered and stop - start <= tile
        assert start == 0 or first - start >= margin
        assert stop == length or stop - last >= margin
        covered = last
    assert covered == length


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 3), (17, 33)])
def test_restore_keeps_the_size(shape, network):
    assert restore(network, np.full(shape, 200, np.uint8)).shape == shape


class Ramp:
    """A model whose output brightens to the lower right, for any input."""

    layers = ()

    def predict_on_batch(self, pages: np.ndarray) -> np.ndarray:
        rows, columns = (np.linspace(0, 0.5, n, dtype=np.float32) for n in pages.shape[1:3])
        return np.add.outer(rows, columns)[None, ..., None]


def test_restore_averages_four_mirror_images():
    assert np.allclose(restore(Ramp(), np.full((32, 48), 200, np.uint8)), 0.5, atol=1e-6)
