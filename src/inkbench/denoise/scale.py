"""Measure the letters of a page, to choose the scale of the network's input.

The networks are trained on letters of 8 to 30 pixels. Grain, halftone and headlines are components
of ink, too: letters are the height at which most of the ink is.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from PIL import Image

from inkbench.datasets.common.background import without_background

KNOWN = (8.0, 16.5)  # letter heights, in pixels, that need no resizing
TARGET = 12.0  # letter height after resizing
SMALLEST, LARGEST = 1 / 16, 2.0  # factors; letters below half of TARGET are illegible
SURE = 0.5  # confidence from which a page is enlarged

_MAX_MEASURED = 6_000_000  # pixels of the page to measure: an A4 page at 200 dpi
_MIN_LETTERS = 20
_PALEST_INK = 0.8  # relative to the paper around it
_DPI = 145  # resolution at which common print has the target height
_LONG_SIDE = 1700  # pixels: an A4 page at that resolution
_OCTAVE = 8  # bins of the histogram of heights in an octave


@dataclass(frozen=True)
class Scale:
    """How a page is resized for the network.

    Attributes
    ----------
    factor
        1 if the page needs no resizing.
    confidence
        Share of the ink whose height agrees with the measured one, in [0, 1].
    """

    factor: float
    confidence: float

    def at_most(self, factor: float) -> Self:
        """The same, or smaller."""
        return replace(self, factor=min(self.factor, factor))


def given(factor: float) -> Scale:
    """A scale that the user chose."""
    return Scale(factor, 1.0)


def measure(page: np.ndarray, dpi: float | None = None) -> Scale:
    """Choose the factor that resizes the letters of a page to the height seen in training.

    With too few letters to measure on the page, uint8 ``[h, w]``, ``dpi`` decides; without it, the
    page is assumed to be A4. Pages are enlarged only if the measurement is sure.
    """
    letters, confidence = letter_height(page)
    if letters is None:
        guess = _DPI / dpi if dpi else _LONG_SIDE / max(page.shape)
        return Scale(max(SMALLEST, guess) if guess < 0.75 else 1.0, 0.0)
    if KNOWN[0] <= letters <= KNOWN[1] or (letters < KNOWN[0] and confidence < SURE):
        return Scale(1.0, confidence)
    return Scale(min(max(TARGET / letters, SMALLEST), LARGEST), confidence)


def letter_height(page: np.ndarray) -> tuple[float | None, float]:
    """Letter height in pixels, None for fewer than 20 letters, and the confidence in it.

    Letters are connected components of ink, without those that are too flat, thin or sparse. The
    height is the mode, where each component counts by its height, as grain is many but small.
    """
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    shrink = max(1.0, (page.size / _MAX_MEASURED) ** 0.5)
    if shrink > 1:
        size = [max(1, round(side / shrink)) for side in reversed(page.shape)]
        page = np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BOX))
    flat = without_background(page)
    if flat.min() > _PALEST_INK:
        return None, 0.0
    flat = ndimage.gaussian_filter(flat, 0.7)
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
        return None, 0.0
    heights = height[letters].astype(float)
    bins = np.rint(np.log2(heights) * _OCTAVE).astype(int)
    weights = np.bincount(bins, heights**2)
    smooth = ndimage.gaussian_filter1d(np.pad(weights, _OCTAVE), _OCTAVE / 4)[_OCTAVE:-_OCTAVE]
    mode = smooth.argmax()
    near = np.abs(bins - mode) <= _OCTAVE * 0.6
    share = (heights**2)[near].sum() / (heights**2).sum()
    return float(np.median(heights[near])) * shrink, float(share)
