"""Colours of a page whose luminance was restored."""

import numpy as np
from PIL import Image

from inkbench.datasets.background import estimate

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, Pillow's conversion to grey
_STRIP = 256  # rows worked on at a time


def tint(page: np.ndarray, restored: np.ndarray, factor: float) -> np.ndarray:
    """Give a restored grey page the hues of its original.

    Every channel is divided by its paper, which takes away the tint of paper, stains and light.
    The distance from white is then stretched until the luminance is the restored one, which leaves
    the hue alone; what would be darker than black is paled at the same luminance.

    Parameters
    ----------
    page
        The original, uint8 ``[h, w, 3]``.
    restored
        uint8 ``[h, w]``.
    factor
        By which the page was enlarged for the network: its paper is estimated at that size.

    Returns
    -------
    numpy.ndarray
        uint8 ``[h, w, 3]``, with the luminance of ``restored``.
    """
    height, width, _ = page.shape
    size = [max(1, round(side * min(1, factor))) for side in (width, height)]
    small = np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BOX))
    paper = Image.fromarray(np.stack([estimate(small[..., c]) for c in range(3)], axis=-1))
    result = np.empty(page.shape, np.uint8)
    for top in range(0, height, _STRIP):
        rows = slice(top, min(top + _STRIP, height))
        box = (0, top * size[1] / height, size[0], rows.stop * size[1] / height)
        strip = (width, rows.stop - top)
        ground = np.asarray(paper.resize(strip, Image.Resampling.BILINEAR, box), np.float32)
        flat = np.minimum(page[rows] / np.maximum(ground, 1), 1)
        result[rows] = _with_luminance(flat, restored[rows, :, None] / np.float32(255))
    return result


def _with_luminance(colours: np.ndarray, luminance: np.ndarray) -> np.ndarray:
    """Move colours in [0, 1] along the line through white, and then grey, to a luminance."""
    distance = 1 - colours @ _LUMA[:, None]
    stretch = (1 - luminance) / np.maximum(distance, 1e-3)
    moved = 1 - (1 - colours) * stretch
    low, high = moved.min(-1, keepdims=True), moved.max(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        from_black = np.where(low < 0, luminance / (luminance - low), 1)
        from_white = np.where(high > 1, (1 - luminance) / (high - luminance), 1)
    paled = luminance + (moved - luminance) * np.minimum(from_black, from_white)
    return np.rint(paled.clip(0, 1) * 255).astype(np.uint8)
