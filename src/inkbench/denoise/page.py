"""One page, cleaned."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from inkbench.denoise import scale
from inkbench.denoise.colour import tint
from inkbench.denoise.detail import enlarge
from inkbench.restore import restore

if TYPE_CHECKING:
    import keras

_MOST_SHOWN = 20_000_000  # pixels that the network sees of a page: they bound memory


def clean(
    model: "keras.Model",
    pixels: np.ndarray,
    *,
    dpi: float | None = None,
    factor: float | None = None,
    keep_colour: bool = False,
) -> tuple[np.ndarray, float]:
    """Clean a page of any size.

    Parameters
    ----------
    model
        A restorer (see `inkbench.restore.restore`).
    pixels
        uint8 ``[h, w]`` or ``[h, w, 3]``.
    dpi
        Resolution, if known.
    factor
        Enlarge the page by so much for the network; None measures its letters.
    keep_colour
        Whether a coloured page stays coloured.

    Returns
    -------
    cleaned, factor
        uint8 of the page's size, ``[h, w]`` or, with its colours, ``[h, w, 3]``; and the factor.
    """
    coloured = pixels.ndim == 3
    grey = np.asarray(Image.fromarray(pixels).convert("L")) if coloured else pixels
    factor = min(factor or scale.factor(grey, dpi), (_MOST_SHOWN / grey.size) ** 0.5)
    small = _resized(grey, factor)
    restored = restore(model, small)
    if small.shape == grey.shape:
        cleaned = np.rint(restored.clip(0, 1) * 255).astype(np.uint8)
    else:
        cleaned = enlarge(grey, small, restored)
    return (tint(pixels, cleaned, factor) if coloured and keep_colour else cleaned), factor


def _resized(page: np.ndarray, factor: float) -> np.ndarray:
    size = [max(1, round(side * factor)) for side in reversed(page.shape)]
    return np.asarray(Image.fromarray(page).resize(size, Image.Resampling.LANCZOS))
