"""Back to full size: a page that was restored small, as sharp as its original.

The guided filter of He, Sun & Tang (*Guided Image Filtering*, 2013), in its fast form (He & Sun,
*Fast Guided Filter*, 2015): around every pixel the restored page is taken to be a linear function
of the original. Where that function is found in the small page and applied to the large one, edges
come from the scan itself, and paper, where the function is the constant 1, stays white. Beside a
letter, where one line cannot fit both, the small page's word that there is paper counts.
"""

import numpy as np
from PIL import Image

_RADIUS = 2  # pixels of the small page, about a stroke
_FLATNESS = 2e-4  # variance, pixels in [0, 1], below which there is no edge to follow
_PAPER = 0.8  # from here to 1, the small page is believed more and more to show paper
_STRIP = 256  # rows worked on at a time


def enlarge(page: np.ndarray, small: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Enlarge a restored page to the size of its original.

    Parameters
    ----------
    page
        The original, uint8 ``[h, w]``.
    small
        The original as the network saw it, uint8 ``[a, b]``.
    restored
        The network's answer, float32 ``[a, b]`` in [0, 1].

    Returns
    -------
    numpy.ndarray
        uint8 ``[h, w]``.
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
        belief = ((paper - _PAPER) / (1 - _PAPER)).clip(0, 1)
        guided += belief * np.maximum(paper - guided, 0)
        result[top : top + _STRIP] = np.rint(guided.clip(0, 1) * 255)
    return result


def _linear(small: np.ndarray, restored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and offset of restored over small around each pixel, float32 ``[a, b]`` each."""
    from scipy.ndimage import uniform_filter

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, 2 * _RADIUS + 1, mode="nearest")

    guide = small / np.float32(255)
    centre, answer = mean(guide), mean(restored)
    covariance = mean(guide * restored) - centre * answer
    variance = mean(guide * guide) - centre * centre
    slope = covariance / (np.maximum(variance, 0) + np.float32(_FLATNESS))
    return mean(slope), mean(answer - slope * centre)
