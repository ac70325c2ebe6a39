"""Runs a restorer on whole pages, in overlapping tiles if a page is large."""

import math
import threading
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from inkbench.datasets.common.background import with_background, with_envelope
from inkbench.models.common import GAIN, PAPER

if TYPE_CHECKING:
    import keras

TILE = 576  # pixels a side; limits memory, and a page of the dataset fits in one tile
_LOCK = threading.Lock()  # one tile at a time, which bounds memory
_MULTIPLE = 16  # every network can halve and double such heights and widths


def restore(model: "keras.Model", page: np.ndarray, tile: int = TILE) -> np.ndarray:
    """Restore one page.

    Parameters
    ----------
    model
        A restorer: uint8 ``[n, h, w, 2]`` → ``[n, h, w, 1]`` in [0, 1], whose outputs for the four
        mirror images of the page are averaged; or a cleaner of scans, see `paper`.
    page
        uint8 ``[h, w]``, 255 = white paper, any size; the result is float32 in [0, 1].
    tile
        Largest side of a tile in pixels, a multiple of 16.
    """
    if cleans_scans(model):
        return divided(page, paper(model, page, tile))
    return _tiled(
        model, lambda channels: _mirrored_mean(model, channels), with_background(page), tile
    )[..., 0]


def cleans_scans(model: "keras.Model") -> bool:
    """Whether a model cleans scans in colour by predicting their paper."""
    return any(layer.name == PAPER for layer in model.layers)


def paper(model: "keras.Model", page: np.ndarray, tile: int = TILE) -> np.ndarray:
    """Predict the paper of a scan and the gain of its print, to clean it by `divided`.

    ``page`` is uint8 ``[h, w]`` or ``[h, w, 3]``; the result is float32 ``[h, w, 4]``: the paper's
    colour in (0, 1], and the gain of contrast, from 1 up.
    """
    predictor = _paper_of(model)

    def predict(part: np.ndarray) -> np.ndarray:
        return np.concatenate(predictor(part[None]), axis=-1)[0]

    return _tiled(model, predict, with_envelope(page), tile)


def divided(page: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """Divide a page, uint8 ``[h, w]`` or ``[h, w, 3]``, by its paper, and apply the gain.

    The result is float32 like the page, in [0, 1]. White stays white, whatever the gain.
    """
    sheet, gain = paper[..., :3], paper[..., 3:]
    if page.ndim == 2:
        sheet, gain = sheet.mean(-1), gain[..., 0]
    cleaned = np.minimum(page / np.float32(255) / sheet, 1)
    return np.maximum(1 - (1 - cleaned) * gain, 0)


@cache
def _paper_of(model: "keras.Model") -> Callable[[np.ndarray], list[np.ndarray]]:
    import keras

    outputs = [model.get_layer(name).output for name in (PAPER, GAIN)]
    return keras.Model(model.input, outputs).predict_on_batch


def _tiled(
    model: "keras.Model",
    predict: Callable[[np.ndarray], np.ndarray],
    channels: np.ndarray,
    tile: int,
) -> np.ndarray:
    """Predict a page, uint8 ``[h, w, c]``, in tiles.

    Tiles overlap by the network's receptive field, and each contributes only the pixels whose
    receptive field lies inside it: up to rounding, the result is that of the whole page at once.
    """
    height, width, _ = channels.shape
    padding = [(0, -height % _MULTIPLE), (0, -width % _MULTIPLE), (0, 0)]
    channels = np.pad(channels, padding, mode="symmetric")
    margin = math.ceil(reach(model) / _MULTIPLE) * _MULTIPLE
    tile = max(tile, 2 * margin + _MULTIPLE)
    predicted = None
    cuts = [list(_cuts(side, tile, margin)) for side in channels.shape[:2]]
    for rows, columns in product(*cuts):
        (top, bottom, first_row, last_row), (left, right, first_column, last_column) = rows, columns
        with _LOCK:
            output = predict(channels[top:bottom, left:right])
        if predicted is None:
            predicted = np.empty((*channels.shape[:2], output.shape[-1]), np.float32)
        predicted[first_row:last_row, first_column:last_column] = output[
            first_row - top : last_row - top, first_column - left : last_column - left
        ]
    assert predicted is not None
    return predicted[:height, :width]


def _mirrored_mean(model: "keras.Model", tile: np.ndarray) -> np.ndarray:
    """Mean output for the four mirror images of a tile: an RMSE lower by a ninth for 4 × the work.

    One image at a time, to save memory.
    """
    total = np.zeros((*tile.shape[:2], 1), np.float32)
    for down, right in product((1, -1), repeat=2):
        view = tile[::down, ::right]
        total += np.asarray(model.predict_on_batch(view[None]))[0, ::down, ::right, :1]
    return total / 4


def reach(model: "keras.Model") -> int:
    """Upper bound of the receptive field's radius, in pixels.

    Adds up the kernels of all layers, each at its resolution; a skip connection only shortens the
    path.
    """
    radius, step = 0.0, 1.0
    for layer in _layers(model):
        window = _largest(layer, "kernel_size", "pool_size") * _largest(layer, "dilation_rate")
        stride = _largest(layer, "strides")
        if hasattr(layer, "size"):  # upsampling
            step /= max(layer.size)
            radius += (max(layer.size) - 1) * step
        elif "Transpose" in type(layer).__name__:
            step /= stride
            radius += (window - 1) * step
        else:
            one_sided = stride > 1 or window % 2 == 0  # the window may lie on one side of its pixel
            radius += (window - 1 if one_sided else window // 2) * step
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
    """Cut a side into tiles: start and stop of each, and of the part of it that is kept."""
    done = 0
    while done < length:
        start = min(max(done - margin, 0), max(length - tile, 0))
        stop = min(start + tile, length)
        last = length if stop == length else stop - margin
        yield start, stop, done, last
        done = last
