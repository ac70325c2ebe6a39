"""Notice where cleaning would harm a page, and leave those parts as they were.

The cleaned page is the page divided by its predicted paper, so harm is a wrong paper: as dark as
faint ink, or darker than white in a picture. Both are found on the page at the network's scale.
"""

from dataclasses import dataclass

import numpy as np

from inkbench.datasets.common.background import envelope

_WINDOW = 41  # pixels: about three letters
_SPECK = 6  # pixels: smaller components are not ink
_LOST = 0.15  # share of the ink of a region that may lose half of its contrast
_MANY = 25  # pixels of lost ink in a region, at least
_STEP = 4  # pictures are looked for on every fourth pixel
_SOLID = 0.93  # cleaned values below are print or picture
_LETTERS = 5  # sampled pixels: what is wider in both directions is no letter
_SMALLEST = 0.004  # share of the page that a picture has, at least
_WHITE = 0.85  # predicted paper of pictures: they are kept as they are
_ALL = 0.6  # share of pictures from which the whole page is one


@dataclass(frozen=True)
class Findings:
    """What was left as it was on a page.

    Attributes
    ----------
    pictures
        Number of pictures.
    regions
        Number of regions that would have lost ink; their background was divided out, no more.
    passed
        Whether the whole page was left as it was.
    """

    pictures: int = 0
    regions: int = 0
    passed: bool = False


def checked(page: np.ndarray, paper: np.ndarray) -> tuple[np.ndarray, Findings]:
    """Correct the paper where it would harm the page.

    Parameters
    ----------
    page
        uint8 ``[h, w]`` or ``[h, w, 3]`` at the network's scale.
    paper
        Its predicted paper, float32 ``[h, w, 3]`` in (0, 1].

    Returns
    -------
    paper, findings
        The corrected paper, and what was found.
    """
    from scipy import ndimage

    colours = page if page.ndim == 3 else np.repeat(page[..., None], 3, axis=-1)
    grey = colours.mean(-1, dtype=np.float32) / 255
    pictures, share = _pictures(np.minimum(grey / paper.mean(-1), 1), paper.min(-1))
    if share > _ALL:
        return np.ones_like(paper), Findings(passed=True)
    mask = pictures > 0
    soft = ndimage.uniform_filter(mask.astype(np.float32), 5)[..., None]
    paper = paper + soft * (1 - paper)
    lost = _lost(grey, np.minimum(grey / paper.mean(-1), 1)) & ~mask
    _, count = ndimage.label(lost)
    if count:
        soft = ndimage.gaussian_filter(ndimage.maximum_filter(lost, 5).astype(np.float32), 3)[
            ..., None
        ]
        safe = np.maximum(paper, envelope(colours) / np.float32(255))
        paper = paper + soft * (safe - paper)
    return paper, Findings(int(pictures.max()), count)


def _pictures(cleaned: np.ndarray, paper: np.ndarray) -> tuple[np.ndarray, float]:
    """Number the pictures of a page, 0 elsewhere; and the share of the page that they cover."""
    from scipy import ndimage

    height, width = cleaned.shape
    solid = (
        ndimage.minimum_filter(cleaned, _STEP)[_STEP // 2 :: _STEP, _STEP // 2 :: _STEP] < _SOLID
    )
    solid = ndimage.binary_closing(np.pad(solid, 4), iterations=2)[4:-4, 4:-4]
    solid = ndimage.binary_opening(solid, np.ones((_LETTERS, _LETTERS)), iterations=2)
    white = ndimage.minimum_filter(paper, _STEP)[_STEP // 2 :: _STEP, _STEP // 2 :: _STEP]
    labels, count = ndimage.label(solid)
    numbers = np.zeros(count + 1, int)
    share = 0.0
    for number in range(1, count + 1):
        members = labels == number
        part = float(members.mean())
        if part >= _SMALLEST and np.median(white[members]) > _WHITE:
            numbers[number] = numbers.max() + 1
            share += part
    enlarged = np.kron(numbers[labels], np.ones((_STEP, _STEP), int))[:height, :width]
    margins = [
        (0, whole - part) for whole, part in zip((height, width), enlarged.shape, strict=True)
    ]
    return np.pad(enlarged, margins, mode="edge"), share


def _lost(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Regions where more of the ink than `_LOST` has less than half of its contrast left."""
    from scipy import ndimage
    from skimage.filters import threshold_sauvola

    ink = before < threshold_sauvola(before, _WINDOW, k=0.2, r=0.5)
    labels, _ = ndimage.label(ink, np.ones((3, 3)))
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    ink = areas[labels] >= _SPECK
    faint = ink & (ndimage.maximum_filter(_contrast(after), 3) < _contrast(before) / 2)
    size = 3 * _WINDOW
    lost, all_ = (ndimage.uniform_filter(a.astype(np.float32), size) for a in (faint, ink))
    return (lost > _LOST * all_) & (lost * size * size > _MANY)


def _contrast(page: np.ndarray) -> np.ndarray:
    """Darkness relative to the brightest pixels around."""
    from scipy import ndimage

    return 1 - page / np.maximum(ndimage.maximum_filter(page, 31), 1 / 255)
