"""Synthetic version of MNIST: scikit-learn's 8×8 handwritten digits, enlarged and deformed."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import ndimage
from tqdm import tqdm

from inkbench.datasets.synthetic import packing

SIZE, BOX = 28, 20  # pixels: MNIST's digits fill a 20×20 box, centred by mass in 28×28
FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
COUNTS = {"train": 4000, "test": 800}
TEST_SOURCES = 1 / 6
SEED = 19981101


def write(folder: Path, counts: Mapping[str, int] = COUNTS) -> None:
    """Write MNIST's four files, with so many digits in ``"train"`` and in ``"test"``."""
    for part, (images_file, labels_file) in FILES.items():
        images, labels = draw(part, counts[part])
        packing.write_gzip(folder / images_file, idx(images))
        packing.write_gzip(folder / labels_file, idx(labels))


def draw(part: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 ``[n, 28, 28]`` (255 = ink) and labels uint8 ``[n]`` of a part.

    Each source digit of the part is used about equally often.
    """
    sources, labels = _load()
    chosen = split()[part]
    padded = np.pad(sources / 16, ((0, 0), (2, 2), (3, 3)))
    enlarged = np.stack([ndimage.zoom(digit, 4) for digit in padded])
    rng = np.random.default_rng([SEED, len(part)])
    order = rng.permutation(np.resize(chosen, count))
    bar = tqdm(order, desc=f"synthetic digits, {part}", unit="digit", disable=None)
    return np.stack([redraw(enlarged[k], rng) for k in bar]), labels[order]


def split() -> dict[str, np.ndarray]:
    """Indices of the source digits of the training part and of the test part."""
    order = np.random.default_rng(SEED).permutation(len(_load()[1]))
    held_out = round(len(order) * TEST_SOURCES)
    return {"train": order[held_out:], "test": order[:held_out]}


def redraw(source: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deform a digit and sharpen its blurred strokes: ``[h, w]``, ink about 0 to 1 → uint8."""
    centre = (np.array(source.shape)[:, None] - 1) / 2
    turn, slant = rng.normal(0, 0.07), rng.normal(0.15, 0.15)
    width = rng.uniform(1, 1.35)  # scikit-learn's were squeezed to a square field
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn) + slant, np.cos(turn) / width]])
    grid = np.indices(source.shape).reshape(2, -1) - centre
    noise = rng.standard_normal((2, *source.shape), np.float32)
    elastic = ndimage.gaussian_filter(noise, (0, 6, 6), truncate=2.5)
    elastic *= rng.uniform(0, 1.2) / elastic.std()
    places = (matrix @ grid + centre).reshape(2, *source.shape) + elastic
    strokes = ndimage.map_coordinates(source, places, order=1)
    return _centre(np.clip((strokes - rng.uniform(0.38, 0.58)) * 4 + 0.5, 0, 1))


def idx(array: np.ndarray) -> bytes:
    """A uint8 array in IDX format (http://yann.lecun.com/exdb/mnist/)."""
    header = bytes([0, 0, 0x08, array.ndim])
    return header + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def _centre(ink: np.ndarray) -> np.ndarray:
    """Scale the ink to a 20×20 box and centre its mass in 28×28."""
    inked = ink > 0.2
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = max(ink.shape) / BOX
    smooth = ndimage.gaussian_filter(ink, 0.35 * scale)
    mass_row = smooth.sum(1) @ np.arange(ink.shape[0]) / smooth.sum()
    mass_column = smooth.sum(0) @ np.arange(ink.shape[1]) / smooth.sum()
    step = np.arange(SIZE) - (SIZE - 1) / 2
    places = np.meshgrid(mass_row + step * scale, mass_column + step * scale, indexing="ij")
    image = ndimage.map_coordinates(smooth, places, order=1, cval=0.0)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _load() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images, digits.target.astype(np.uint8)
