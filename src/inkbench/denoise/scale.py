"""Measure the letters of a page, to choose the scale of the network's input.

The restorers are trained on pages 540 pixels wide. Letters on those pages, measured as here, are 9
to 15 pixels high; a noisy page and its clean version agree within one pixel.
"""

import numpy as np
from PIL import Image

from inkbench.datasets.common.background import without_background

KNOWN = (8.0, 16.5)  # letter heights, in pixels, that need no resizing
TARGET = 12.0  # letter height after resizing
SMALLEST, LARGEST = 1 / 16, 2.0  # factors; letters below half of TARGET are illegible

_MAX_MEASURED = 6_000_000  # pixels of the page to measure: an A4 page at 200 dpi
_MIN_LETTERS = 20
_PALEST_INK = 0.8  # relative to the paper around it
_DPI = 145  # resolution at which common print has the target height
_LONG_SIDE = 1700  # pixels: an A4 page at that resolution


def factor(page: np.ndarray, dpi: float | None = None) -> float:
    """Choose the factor that resizes the letters of a page to the height seen in training.

    With too few letters to measure on the page, uint8 ``[h, w]``, ``dpi`` decides; without it, the
    page is assumed to be A4. The factor is 1 if the page needs no resizing.
    """
    letters = letter_height(page)
    if letters is None:
        guess = _DPI / dpi if dpi else _LONG_SIDE / max(page.shape)
        return max(SMALLEST, guess) if guess < 0.75 else 1.0
    if KNOWN[0] <= letters <= KNOWN[1]:
        return 1.0
    return min(max(TARGET / letters, SMALLEST), LARGEST)


def letter_height(page: np.ndarray) -> float | None:
    """Median letter height in pixels, None for fewer than 20 letters.

    Letters are connected components of ink, without those that are too flat, thin or sparse. Most
    letters have neither ascender nor descender: the median is slightly above the x-height.
    """
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    shrink = max(1.0, (page.size / _MAX_MEASURED) ** 0.5)
    if shrink > 1:
        size = [max(1, round(side / shrink)) for side in reversed(page.shape)]
        page = np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BOX))
    flat = without_background(page)
    if flat.min() > _PALEST_INK:
        return None
    ink = flat < min(threshold_otsu(flat, nbins=64), _PALEST_INK)
    components, _ = ndimage.label(ink, np.ones((3, 3)))
    boxes = ndimage.find_objects(components)
    height, width = np.array([[s.stop - s.start for s in box] for box in boxes]).reshape(-1, 2).T
    area = np.bincount(components.ravel())[1:]
    letters = (
        (np.minimum(height, width) >= 2)
        & (area >= 8)
        & (width <= 4 * height)
        & (height <= 4 * width)
        & (area >= 0.15 * height * width)
    )
    if letters.sum() < _MIN_LETTERS:
        return None
    return float(np.median(height[letters])) * shrink
