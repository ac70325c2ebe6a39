"""Enlarge a page that was restored at low resolution, with edges as sharp as in its original.

This is a fast guided filter (He, Sun & Tang, *Guided Image Filtering*, 2013; He & Sun, *Fast Guided
Filter*, 2015). Around each pixel, it models the restored page as a linear function of the original,
fits that function at low resolution and applies it at full resolution. Edges then come from the
original, and paper, where the function is the constant 1, stays white. Beside letters, where a
single linear function cannot fit ink and paper, the enlarged restored page decides what is paper.
"""

import numpy as np
from PIL import Image

_RADIUS = 2  # low-resolution pixels, about the width of a stroke
_EPSILON = 2e-4  # regularisation: variance of pixels in [0, 1] that counts as flat
_PAPER = 0.8  # restored values from here to 1 count increasingly as paper
_STRIP = 256  # rows processed at a time


def enlarge(page: np.ndarray, small: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Enlarge a restored page, float32 ``[a, b]`` in [0, 1], to the size of its original.

    ``page`` is the original, uint8 ``[h, w]`` as the result; ``small`` is the original at the
    network's scale, uint8 ``[a, b]``.
    """
    height, width = page.shape
    planes = [Image.fromarray(plane) for plane in (*_linear(small, restored), restored)]
    ratio = small.shape[0] / height
    result = np.empty(page.shape, np.uint8)
    for top in range(0, height, _STRIP):
        rows = page[top : top + _STRIP]
        box = (0, top * ratio, small.shape[1], min((top + len(rows)) * ratio, small.shape[0]))
        size = (width, len(rows))
        slope, offset, paper = (
            np.asarray(plane.resize(size, Image.Resampling.BILINEAR, box)) for plane in planes
        )
        guided = (slope * (rows / np.float32(255)) + offset).clip(0, 1)
        weight = ((paper - _PAPER) / (1 - _PAPER)).clip(0, 1)
        guided += weight * np.maximum(paper - guided, 0)
        result[top : top + _STRIP] = np.rint(guided.clip(0, 1) * 255)
    return result


def _linear(small: np.ndarray, restored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local slope and offset of ``restored`` as a function of ``small``, float32 ``[a, b]``."""
    from scipy.ndimage import uniform_filter

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, 2 * _RADIUS + 1, mode="nearest")

    guide = small / np.float32(255)
    mean_guide, mean_restored = mean(guide), mean(restored)
    covariance = mean(guide * restored) - mean_guide * mean_restored
    variance = mean(guide * guide) - mean_guide * mean_guide
    slope = covariance / (np.maximum(variance, 0) + np.float32(_EPSILON))
    return mean(slope), mean(mean_restored - slope * mean_guide)
