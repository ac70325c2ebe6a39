"""How large the letters of a page are, and so by how much it must shrink for the network.

The restorers learned from pages of 540 pixels a line. Their letters, measured as below, are 9 to 15
pixels high, the same within a pixel on a noisy page and on its clean twin.
"""

import numpy as np
from PIL import Image

from inkbench.datasets.common.background import without_background

KNOWN = (8.0, 16.5)  # letter heights, in pixels, at which a page is left as it is
TARGET = 12.0  # height that any other page is brought to
SMALLEST, LARGEST = 1 / 16, 2.0  # factors; what is smaller than half the size is not readable

_MOST_PIXELS = 6_000_000  # of the page that is measured; an A4 page then still has 200 dpi
_FEWEST_LETTERS = 20
_PALEST_INK = 0.8  # of the paper around it
_DPI = 145  # resolution at which common print has the target's height
_LONG_SIDE = 1700  # pixels: an A4 page at that resolution


def factor(page: np.ndarray, dpi: float | None = None) -> float:
    """By how much to enlarge a page (< 1: shrink) so that its letters are what the network knows.

    Parameters
    ----------
    page
        uint8 ``[h, w]``, 255 = white paper.
    dpi
        Resolution from the file, the next best hint where there are too few letters to measure;
        without one, the page is taken for a whole A4 page.

    Returns
    -------
    float
        1 where nothing need be done.
    """
    letters = letter_height(page)
    if letters is None:
        guess = _DPI / dpi if dpi else _LONG_SIDE / max(page.shape)
        return max(SMALLEST, guess) if guess < 0.75 else 1.0
    if KNOWN[0] <= letters <= KNOWN[1]:
        return 1.0
    return min(max(TARGET / letters, SMALLEST), LARGEST)


def letter_height(page: np.ndarray) -> float | None:
    """Median height of what looks like a letter, in pixels.

    Letters are the connected parts of what is darker than the paper, unless they are too flat, too
    thin or too sparse. Most are small ones without a stem, so this is a little above the x-height.

    Parameters
    ----------
    page
        uint8 ``[h, w]``.

    Returns
    -------
    float or None
        None where there are fewer than 20.
    """
    from scipy import ndimage

    shrink = max(1.0, (page.size / _MOST_PIXELS) ** 0.5)
    if shrink > 1:
        size = [max(1, round(side / shrink)) for side in reversed(page.shape)]
        page = np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BOX))
    found, _ = ndimage.label(_ink(page), np.ones((3, 3)))
    boxes = ndimage.find_objects(found)
    sides = np.array([[s.stop - s.start for s in box] for box in boxes]).reshape(-1, 2)
    area = np.bincount(found.ravel(), minlength=1)[1:]
    height, width = sides.T
    letters = (
        (np.minimum(height, width) >= 2)
        & (area >= 8)
        & (width <= 4 * height)
        & (height <= 4 * width)
        & (area >= 0.15 * height * width)
    )
    if letters.sum() < _FEWEST_LETTERS:
        return None
    return float(np.median(height[letters])) * shrink


def _ink(page: np.ndarray) -> np.ndarray:
    """Mask of what is darker than its paper, cut where it parts best (Otsu, 1979)."""
    from skimage.filters import threshold_otsu

    flat = without_background(page)
    if flat.min() > _PALEST_INK:
        return np.zeros(page.shape, bool)
    return flat < min(threshold_otsu(flat, nbins=64), _PALEST_INK)
