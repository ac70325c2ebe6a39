"""Clean one page."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from inkbench.denoise import scale
from inkbench.denoise.colour import tint
from inkbench.denoise.detail import enlarge
from inkbench.restore import restore

if TYPE_CHECKING:
    import keras

_MAX_INPUT = 20_000_000  # pixels of a page at the network's scale; bounds memory


def clean(
    model: "keras.Model",
    pixels: np.ndarray,
    *,
    dpi: float | None = None,
    factor: float | None = None,
    keep_colour: bool = False,
) -> tuple[np.ndarray, float]:
    """Clean a page, uint8 ``[h, w]`` or ``[h, w, 3]``, of any size.

    Parameters
    ----------
    factor
        Resize the page by this factor for the network; None measures its letters.
    keep_colour
        Whether a colour page stays in colour.

    Returns
    -------
    cleaned, factor
        uint8 ``[h, w]``, or ``[h, w, 3]`` in colour, and the factor used.
    """
    coloured = pixels.ndim == 3
    grey = np.asarray(Image.fromarray(pixels).convert("L")) if coloured else pixels
    factor = min(factor or scale.factor(grey, dpi), (_MAX_INPUT / grey.size) ** 0.5)
    size = [max(1, round(side * factor)) for side in reversed(grey.shape)]
    small = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.LANCZOS))
    restored = restore(model, small)
    if small.shape == grey.shape:
        cleaned = np.rint(restored.clip(0, 1) * 255).astype(np.uint8)
    else:
        cleaned = enlarge(grey, small, restored)
    return (tint(pixels, cleaned, factor) if coloured and keep_colour else cleaned), factor
