"""Whole pages through a restorer, in tiles where a page is large."""

import math
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from inkbench.datasets.common.background import with_background

if TYPE_CHECKING:
    import keras

TILE = 576  # pixels a side: a page of the dataset is one tile, and memory is that of one tile
_MULTIPLE = 16  # heights and widths that any of our networks can halve and double again


def restore(model: "keras.Model", page: np.ndarray, tile: int = TILE) -> np.ndarray:
    """Clean one page: the mean of what the network makes of it and of its mirror images.

    Tiles overlap by as much as the network sees around a pixel, and only what every tile knows for
    certain is kept: the result is that of the whole page at once, so there are no seams to blend.

    Parameters
    ----------
    model
        A restorer: uint8 ``[n, h, w, 2]`` → ``[n, h, w, 1]`` in [0, 1].
    page
        uint8 ``[h, w]``, 255 = white paper, any size.
    tile
        Largest side, in pixels, of what the network is shown at a time; a multiple of 16.

    Returns
    -------
    numpy.ndarray
        float32 ``[h, w]`` in [0, 1].
    """
    height, width = page.shape
    padding = [(0, -height % _MULTIPLE), (0, -width % _MULTIPLE), (0, 0)]
    channels = np.pad(with_background(page), padding, mode="symmetric")
    margin = math.ceil(reach(model) / _MULTIPLE) * _MULTIPLE
    tile = max(tile, 2 * margin + _MULTIPLE)
    restored: np.ndarray = np.empty(channels.shape[:2], np.float32)
    cuts = [list(_cuts(side, tile, margin)) for side in restored.shape]
    for rows, columns in product(*cuts):
        (top, bottom, first, last), (left, right, begin, end) = rows, columns
        output = _mirrored_mean(model, channels[top:bottom, left:right])
        known = output[first - top : last - top, begin - left : end - left]
        restored[first:last, begin:end] = known
    return restored[:height, :width]


def _mirrored_mean(model: "keras.Model", tile: np.ndarray) -> np.ndarray:
    """Mean output for the four mirror images of a tile: a ninth less error for four times the work.

    One after the other, so that memory is that of one.
    """
    total = np.zeros(tile.shape[:2], np.float32)
    for down, right in product((1, -1), repeat=2):
        view = tile[::down, ::right]
        total += np.asarray(model.predict_on_batch(view[None]))[0, ::down, ::right, 0]
    return total / 4


def reach(model: "keras.Model") -> int:
    """Pixels around an output pixel that may influence it, at most.

    Adds up the kernels of all layers in turn, each at the resolution it works at; a skip
    connection only ever shortens the way.
    """
    radius, step = 0.0, 1.0
    for layer in _layers(model):
        window = _largest(layer, "kernel_size", "pool_size") * _largest(layer, "dilation_rate")
        stride = _largest(layer, "strides")
        grows = "Transpose" in type(layer).__name__
        if hasattr(layer, "size"):  # upsampling
            step /= max(layer.size)
            radius += (max(layer.size) - 1) * step
        elif grows:
            step /= stride
            radius += (window - 1) * step
        else:
            whole = stride > 1 or window % 2 == 0  # a strided window lies to one side of its pixel
            radius += (window - 1 if whole else window // 2) * step
            step *= stride
    return math.ceil(radius)


def _layers(model: "keras.Model") -> Iterator["keras.Layer"]:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        else:
            yield layer


def _largest(layer: "keras.Layer", *names: str) -> int:
    values = [np.max(getattr(layer, name)) for name in names if hasattr(layer, name)]
    return int(max(values, default=1))


def _cuts(length: int, tile: int, margin: int) -> Iterator[tuple[int, int, int, int]]:
    """Cut a side into equal tiles: start and stop of each, and of the part of it that counts."""
    known = 0
    while known < length:
        start = min(max(known - margin, 0), max(length - tile, 0))
        stop = min(start + tile, length)
        last = length if stop == length else stop - margin
        yield start, stop, known, last
        known = last
