"""Measure the letters of a page, to choose the scale of the network's input.

The networks are trained on letters of 8 to 30 pixels.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from inkbench.datasets.common.background import without_background

KNOWN = (8.0, 16.5)  # letter heights, in pixels, that need no resizing
TARGET = 12.0  # letter height after resizing
SMALLEST, LARGEST = 1 / 16, 2.0  # factors; letters below half of TARGET are illegible
SURE = 0.7  # confidence from which a page is enlarged

_MAX_MEASURED = 6_000_000  # pixels of the page to measure: an A4 page at 200 dpi
_MIN_LETTERS = 20
_PALEST_INK = 0.8  # relative to the paper around it
_DPI = 145  # resolution at which common print has the target height
_LONG_SIDE = 1700  # pixels: an A4 page at that resolution
_SMALLEST_LETTER = 4  # pixels
_LEGIBLE = 6  # pixels; smaller components are dots where others are letters
_LOWEST_DPI = 100  # less is a camera's default, not a scanner's resolution
_PARTS = 8  # parts of the page along its longer side that vote
_SHORTEST = 1100  # pixels: a page whose longer side is shorter is not shrunk


@dataclass(frozen=True)
class Scale:
    """How a page is resized for the network.

    Attributes
    ----------
    factor
        1 if the page needs no resizing.
    confidence
        Share of the parts of the page that agree with the measured height, in [0, 1].
    """

    factor: float
    confidence: float


def measure(page: np.ndarray, dpi: float | None = None) -> Scale:
    """Choose the factor that resizes the letters of a page to the height seen in training.

    With too few letters to measure on the page, uint8 ``[h, w]``, ``dpi`` decides; without it, the
    page is assumed to be A4. Pages are enlarged only if the measurement is sure.
    """
    letters, confidence = letter_height(page)
    if letters is None:
        is_known = dpi and (dpi >= _LOWEST_DPI or max(page.shape) <= _LONG_SIDE)
        guess = _DPI / dpi if dpi and is_known else _LONG_SIDE / max(page.shape)
        return Scale(max(SMALLEST, guess) if guess < 0.75 else 1.0, 0.0)
    if KNOWN[0] <= letters <= KNOWN[1] or (letters < KNOWN[0] and confidence < SURE):
        return Scale(1.0, confidence)
    shrunk = max(TARGET / letters, min(1, _SHORTEST / max(page.shape)))
    return Scale(min(max(shrunk, SMALLEST), LARGEST), confidence)


def letter_height(page: np.ndarray) -> tuple[float | None, float]:
    """Letter height in pixels, None for fewer than 20 letters, and the confidence in it.

    Letters are connected components of ink, without those that are too small, flat, thin, sparse or
    large. Each part of the page has one vote, its median height, weighted by height. So grain or a
    headline outvotes the text only if most of the page is of it, and the dots of a halftone only if
    three quarters are.
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
    flat = ndimage.gaussian_filter(flat, 0.6)  # weakens grain
    ink = flat < min(threshold_otsu(flat, nbins=64), _PALEST_INK)
    components, _ = ndimage.label(ink, np.ones((3, 3)))
    boxes = ndimage.find_objects(components)
    rows, columns = (
        np.array([[box[axis].start, box[axis].stop] for box in boxes]).reshape(-1, 2)
        for axis in (0, 1)
    )
    height, width = np.diff(rows)[:, 0], np.diff(columns)[:, 0]
    area = np.bincount(components.ravel())[1:]
    letters = (
        (height >= _SMALLEST_LETTER)
        & (height < max(page.shape) / 10)
        & (width >= 2)
        & (width <= 4 * height)
        & (height <= 4 * width)
        & (area >= 0.15 * height * width)
    )
    if letters.sum() < _MIN_LETTERS:
        return None, 0.0
    part = max(page.shape) / _PARTS
    parts = (rows[letters, 0] // part) * _PARTS + columns[letters, 0] // part
    heights = height[letters].astype(float)
    groups = [heights[parts == part] for part in np.unique(parts)]
    # The median of the ink, not of the components: small ones are many.
    votes = [
        np.quantile(group, 0.5, weights=group, method="inverted_cdf")
        for group in groups
        if len(group) > 5
    ]
    if not votes:
        return None, 0.0
    legible = [vote for vote in votes if vote >= _LEGIBLE]
    measured = float(np.median(votes))
    if len(legible) >= len(votes) / 4 and measured < 0.6 * np.median(legible):  # of a halftone
        measured = float(np.median(legible))
    agreeing = np.abs(np.log2(np.array(votes) / measured)) < 0.4
    return measured * shrink, float(agreeing.mean())
