"""Notice where cleaning would harm a page, and leave those parts as they were.

A cleaned page is the page divided by its predicted paper. It is harmed where that paper is wrong:
as dark as faint ink, darker than white in a picture, or of the colour of print or paint. All checks
run at the network's scale.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from inkbench.datasets.common.background import envelope
from inkbench.denoise import areas

# A page that is white already, such as a fax or a born-digital page, is not touched.
_WHITE = 253  # grey level
_MOSTLY = 0.5  # share of such pixels
_STROKE = 0.7  # light relative to the envelope: print is darker
_ON_WHITE = 0.1  # least share of the print that is on such paper, not only beside it

_BRIGHTEST = 1.25  # paper, relative to the envelope

# Ink is lost if it has less than half of its contrast left. Regions are three windows wide.
_WINDOW = 41  # pixels: about three letters
_SPECK = 12  # pixels: smaller components are not ink
_FAINT = 0.09  # contrast of the palest ink
_TEXTURE = 5  # times the contrast that the paper itself has: less is not ink
_SAMPLED = 6  # every so many pixels, of every so many rows, are a sample of the page
_RIM = 12  # pixels at the edge of the page, where shadows and the scanner's lid end
_LOST = 0.15  # share of the clear ink of a region that may be lost
_LOST_FAINT = 0.35  # the same of all ink, also of what shines through
_MANY = 40  # pixels of lost ink in a region, at least
_EVERYWHERE = 0.4  # share of the page in such regions from which on all of the page is one


@dataclass(frozen=True)
class Findings:
    """What was left as it was on a page.

    Attributes
    ----------
    pictures
        Number of pictures, dark areas and areas of vivid colour.
    regions
        Number of regions that would have lost ink; only their background was divided out.
    untouched
        Why the whole page was left as it was; empty if it was not.
    inverted
        Whether light print on dark paper was inverted first.
    """

    pictures: int = 0
    regions: int = 0
    untouched: str = ""
    inverted: bool = False


def is_white(page: np.ndarray) -> bool:
    """Whether the paper of a page, uint8 ``[h, w]`` or ``[h, w, 3]``, is white already."""
    darkest = page.min(-1) if page.ndim == 3 else page
    return float((darkest >= _WHITE).mean()) > _MOSTLY and _print_is_on_white(darkest)


def _print_is_on_white(page: np.ndarray) -> bool:
    """Whether white, uint8 ``[h, w]``, is the paper of print, not a scanner's lid beside it."""
    light = envelope(page[..., None])[::_SAMPLED, ::_SAMPLED, 0]
    print_ = page[::_SAMPLED, ::_SAMPLED] < _STROKE * light
    return not print_.any() or float((light[print_] >= _WHITE).mean()) > _ON_WHITE


def checked(page: np.ndarray, paper: np.ndarray) -> tuple[np.ndarray, np.ndarray, Findings]:
    """Correct the paper where it would harm the page.

    Parameters
    ----------
    page
        uint8 ``[h, w]`` or ``[h, w, 3]`` at the network's scale.
    paper
        Its predicted paper and gain, float32 ``[h, w, 4]``, see `inkbench.restore.paper`.

    Returns
    -------
    paper, doubtful, findings
        The corrected paper; where print is hard to tell from paper, bool ``[h, w]``; and what was
        found.
    """
    from scipy import ndimage

    colours = page if page.ndim == 3 else np.repeat(page[..., None], 3, axis=-1)
    grey = colours.mean(-1, dtype=np.float32) / 255
    light = np.maximum(envelope(colours), 1) / np.float32(255)
    found = [areas.pictures(grey, light.mean(-1)), areas.coloured(paper)]
    if page.ndim == 3:
        found.append(areas.tinted(grey, light))
    kept = np.logical_or.reduce(found)
    if any(area.all() for area in found):
        return np.ones_like(paper), kept, Findings(untouched="no paper found")
    bright = light.mean(-1)
    plain = bright > areas.DARKER * np.percentile(bright, 95)  # as bright as elsewhere: no picture
    paper = paper.copy()
    sheet = paper[..., :3]
    np.minimum(sheet, _BRIGHTEST * light, out=sheet, where=plain[..., None])
    _blend(paper, np.float32(1), kept, 2)
    after = 1 - (1 - np.minimum(grey / sheet.mean(-1), 1)) * paper[..., 3]
    lost = _lost(grey, after)
    if lost.mean() > _EVERYWHERE:
        lost[:] = True
    lost &= ~kept
    _blend(sheet, np.maximum(sheet, light), lost, 4)
    return paper, lost, Findings(ndimage.label(kept)[1], ndimage.label(lost)[1])


def _blend(
    paper: np.ndarray, other: np.ndarray | np.float32, mask: np.ndarray, softness: int
) -> None:
    """Replace the paper by ``other`` inside a mask, with a soft transition."""
    from scipy import ndimage

    if not mask.any():
        return
    wide = ndimage.maximum_filter(mask, 2 * softness + 1).astype(np.float32)
    share = ndimage.uniform_filter(wide, 2 * softness + 1)
    others = np.broadcast_to(other, paper.shape)
    for channel in range(paper.shape[-1]):  # one at a time, to save memory
        paper[..., channel] += share * (others[..., channel] - paper[..., channel])


def weakened(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Find pixels that have less than half of their contrast left, also beside them.

    Both pages are ``[h, w]`` in [0, 1], the result is bool.
    """
    from scipy import ndimage

    return ndimage.maximum_filter(_contrast(after), 3) < _contrast(before) / 2


def _lost(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Regions that would lose ink, on a page in [0, 1] before and after cleaning."""
    from scipy import ndimage
    from skimage.filters import threshold_sauvola
    from skimage.morphology import remove_small_objects

    contrast = _contrast(ndimage.gaussian_filter(before, 0.7))
    gone = weakened(before, after)
    ink = np.zeros(before.shape, bool)
    inner = (slice(_RIM, -_RIM), slice(_RIM, -_RIM))
    ink[inner] = (contrast > np.maximum(_FAINT, _TEXTURE * _of_paper(contrast)))[inner]
    dark = before < threshold_sauvola(before, _WINDOW, k=0.2, r=0.5)
    clear, faint = (
        remove_small_objects(part, max_size=_SPECK - 1, connectivity=2)
        for part in (ink & dark, ink)
    )
    regions = np.zeros(before.shape, bool)
    size = 3 * _WINDOW
    for ink, share in ((clear, _LOST), (faint, _LOST_FAINT)):
        lost, all_ = (ndimage.uniform_filter(a.astype(np.float32), size) for a in (ink & gone, ink))
        regions |= (lost > share * all_) & (lost * size * size > _MANY)
    return regions


def _of_paper(contrast: np.ndarray) -> np.ndarray:
    """Contrast of the paper around every pixel: the lowest quarter of what is there."""
    from scipy import ndimage

    sampled = contrast[::_SAMPLED, ::_SAMPLED]
    paper = ndimage.percentile_filter(sampled, 25, 3 * _WINDOW // _SAMPLED)
    size = contrast.shape[1], contrast.shape[0]
    return np.asarray(Image.fromarray(paper).resize(size, Image.Resampling.BILINEAR))


def _contrast(page: np.ndarray) -> np.ndarray:
    """Darkness relative to the brightest pixels around."""
    from scipy import ndimage

    return 1 - page / np.maximum(ndimage.maximum_filter(page, 31), 1 / 255)
