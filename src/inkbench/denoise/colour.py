"""Restore the colours of a page from its restored luminance."""

import numpy as np
from PIL import Image

from inkbench.datasets.common.background import estimate

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, Pillow's conversion to grey
_STRETCH = 3  # a larger factor would turn faint noise beside dark ink into colours
_STRIP = 256  # rows processed at a time


def tint(page: np.ndarray, restored: np.ndarray, factor: float) -> np.ndarray:
    """Give a restored grey page the hues of its original.

    Division by the background removes the tint of paper, stains and light from each channel.
    Scaling the distance from white then sets the restored luminance and keeps the hue; colours
    outside of the RGB range are desaturated at equal luminance. Restorers make all ink black, so
    saturated ink keeps more of its own luminance.

    ``page`` and the result are uint8 ``[h, w, 3]``, ``restored`` is uint8 ``[h, w]``; the
    background is estimated on the page scaled by ``factor``.
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


def _with_luminance(colours: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Change the luminance of colours in [0, 1] at constant hue."""
    own = colours @ _LUMA[:, None]
    highest = colours.max(-1, keepdims=True)
    saturation = 1 - colours.min(-1, keepdims=True) / np.maximum(highest, 1e-3)
    luminance = restored + saturation * np.maximum(own - restored, 0)
    stretch = np.minimum((1 - luminance) / np.maximum(1 - own, 1e-2), _STRETCH)
    moved = 1 - (1 - colours) * stretch
    moved += luminance - moved @ _LUMA[:, None]
    low, high = moved.min(-1, keepdims=True), moved.max(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        from_black = np.where(low < 0, luminance / (luminance - low), 1)
        from_white = np.where(high > 1, (1 - luminance) / (high - luminance), 1)
    paled = luminance + (moved - luminance) * np.minimum(from_black, from_white)
    return np.rint(paled.clip(0, 1) * 255).astype(np.uint8)
