"""Large pages go through the network in tiles, and nobody can tell."""

import keras
import numpy as np
import pytest

from inkbench import models
from inkbench.restore import _cuts, reach, restore

WHOLE = 10**6


@pytest.fixture(scope="module", params=["unet", "page_autoencoder"])
def network(request: pytest.FixtureRequest):
    keras.utils.set_random_seed(3)
    built = models.build(request.param, (None, None, 2), 0, {"width": 2})
    return keras.Model(built.inputs, built.layers[-3].output)  # beyond it, all is blank untrained


def test_tiles_give_what_the_whole_page_gives(network) -> None:
    page = np.random.default_rng(0).integers(0, 256, (333, 250), np.uint8)
    whole = restore(network, page, tile=WHOLE)
    assert whole.std() > 0.01  # not the blank page that would prove nothing
    for tile in (96, 128):
        assert np.abs(restore(network, page, tile=tile) - whole).max() < 1 / 255


def test_the_reach_covers_what_a_pixel_depends_on(network) -> None:
    random = np.random.default_rng(1)
    pages = np.repeat(random.integers(0, 256, (1, 128, 128, 2), np.uint8), 2, axis=0)
    pages[1, 64, 64] ^= 255
    one, other = np.asarray(network.predict_on_batch(pages))
    rows, columns = np.nonzero((one != other)[..., 0])
    seen = np.abs(np.concatenate([rows, columns]) - 64).max()
    assert 0 < seen <= reach(network) <= 3 * seen


@pytest.mark.parametrize(
    ("length", "tile", "margin"),
    [(576, 576, 32), (1600, 576, 32), (16, 96, 16), (592, 576, 48)],
)
def test_the_parts_that_count_meet_without_a_gap(length: int, tile: int, margin: int) -> None:
    known = 0
    for start, stop, first, last in _cuts(length, tile, margin):
        assert first == known and stop - start <= tile
        assert start == 0 or first - start >= margin
        assert stop == length or stop - last >= margin
        known = last
    assert known == length


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 3), (17, 33)])
def test_any_size_comes_back_as_it_was(shape: tuple[int, int], network) -> None:
    assert restore(network, np.full(shape, 200, np.uint8)).shape == shape


class Ramp:
    """Answers brighter to the lower right, whatever it is shown."""

    layers = ()

    def predict_on_batch(self, pages: np.ndarray) -> np.ndarray:
        rows, columns = (np.linspace(0, 0.5, n, dtype=np.float32) for n in pages.shape[1:3])
        return np.add.outer(rows, columns)[None, ..., None]


def test_the_four_mirror_images_are_averaged() -> None:
    assert np.allclose(restore(Ramp(), np.full((32, 48), 200, np.uint8)), 0.5, atol=1e-6)
