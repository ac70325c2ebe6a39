"""Notice where cleaning would harm a page, and leave those parts as they were.

A cleaned page is the page divided by its predicted paper. It is harmed where that paper is wrong:
as dark as faint ink, darker than white in a picture, or of the colour of print or paint. All checks
run at the network's scale.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from inkbench.datasets.common.background import envelope

# A page that is white already, such as a fax or a born-digital page, is not touched.
_WHITE = 253  # grey level
_MOSTLY = 0.5  # share of such pixels

# Pictures are looked for in the envelope, from which text is gone, on every fourth pixel.
_STEP = 4
_DARKER = 0.82  # than this share of the page's paper
_ROUGH = 0.14  # variation of the logarithm of light that no shadow has
_WILD = 0.45  # the same, that no shadow with text in it has either
_AROUND = 15  # samples
_LOCALLY = 0.1  # the same variation around one sample
_TEXT = (0.7, 0.015)  # shares of paper and print, from which on the smooth part is text in a shadow
_INK, _PALE = 0.55, 0.9  # light relative to the envelope: print is darker, paper brighter
_PRINTED = (0.3, 2)  # pixels of print for each one between print and paper: text in a shadow
_SHARP = 0.25  # drop of light at the edge of a dark area that no shadow has
_BRIGHTEST = 1.25  # paper, relative to the envelope
_SMALLEST = 0.004  # share of the page that a picture has, at least
_ALL = 0.55  # share of the page from which on it is a picture as a whole

# Coloured areas, such as those of maps, are looked for in the predicted paper: division by it would
# make them pale. The saturations are those of warm hues, which stains have, and of all others.
_VIVID = (0.55, 0.2)  # saturation that no paper has
_TINTED = (0.35, 0.08)  # saturation around it that belongs to the same area
_HOLE = 0.05  # share of the page: a larger hole in an area may be a page on a table
_WARM = 0.15  # least share of the way from red to yellow in a warm hue
_SHADOW = 0.3  # how much more saturation is asked of dark areas: shadows are often blue

# Ink is lost if it has less than half of its contrast left. Regions are three windows wide.
_WINDOW = 41  # pixels: about three letters
_SPECK = 12  # pixels: smaller components are not ink
_FAINT = 0.09  # contrast of the palest ink
_TEXTURE = 5  # times the contrast that the paper itself has: less is not ink
_SAMPLED = 6  # every so many pixels, of every so many rows, tell the contrast of the paper
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
        Number of pictures and dark areas.
    regions
        Number of regions that would have lost ink; only their background was divided out.
    untouched
        Why the whole page was left as it was; empty if it was not.
    """

    pictures: int = 0
    regions: int = 0
    untouched: str = ""


def is_white(page: np.ndarray) -> bool:
    """Whether the paper of a page, uint8 ``[h, w]`` or ``[h, w, 3]``, is white already."""
    darkest = page.min(-1) if page.ndim == 3 else page
    return float((darkest >= _WHITE).mean()) > _MOSTLY


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
    pictures, coloured = _pictures(grey, light.mean(-1)), _coloured(paper)
    kept = pictures | coloured
    if pictures.mean() > _ALL or coloured.all():
        return np.ones_like(paper), kept, Findings(untouched="no paper found")
    bright = light.mean(-1)
    plain = bright > _DARKER * np.percentile(bright, 95)  # as bright as elsewhere: no picture
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


def _pictures(grey: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Where pictures and dark areas are, on a page with an envelope, float32 ``[h, w]``.

    They are darker than paper; and unlike shadows, which have text in them, they are rough inside,
    or have a sharp edge.
    """
    from scipy import ndimage

    height, width = light.shape
    flat = ndimage.gaussian_filter(grey / light, 0.7)[::_STEP, ::_STEP]
    light = light[::_STEP, ::_STEP]
    page = np.percentile(light, 95)
    found = ndimage.binary_opening(light < _DARKER * page, iterations=2)
    found = ndimage.binary_closing(np.pad(found, 6), iterations=4)[6:-6, 6:-6]
    labels, count = ndimage.label(ndimage.binary_fill_holes(found))
    pictures = np.zeros(light.shape, bool)
    logarithm = np.log(light)
    square = ndimage.uniform_filter(logarithm**2, _AROUND)
    local = np.sqrt(np.maximum(square - ndimage.uniform_filter(logarithm, _AROUND) ** 2, 0))
    for number in range(1, count + 1):
        members = labels == number
        if members.mean() < _SMALLEST:
            continue
        rim = ndimage.binary_dilation(members, iterations=4) & ~members
        edge = members & ~ndimage.binary_erosion(members, iterations=4)
        drop = (np.median(light[rim]) - np.median(light[edge])) / page if rim.any() else 0
        sharp = drop > _SHARP and np.median(light[members]) < page / 2
        inside = flat[members]
        print_ = (inside < _INK).sum() / max(1, ((inside > _INK) & (inside < _PALE)).sum())
        text = _PRINTED[0] < print_ < _PRINTED[1]
        roughness = _roughness(light, members)
        if not sharp and roughness < (_WILD if text else _ROUGH):
            continue
        rough = members & (local > _LOCALLY)
        smooth = flat[members & ~rough]
        paper, print_ = ((smooth > _PALE).mean(), (smooth < _INK).mean()) if smooth.size else (0, 0)
        if not sharp and paper > _TEXT[0] and print_ > _TEXT[1]:  # beside a picture
            rough = ndimage.binary_closing(np.pad(rough, 6), iterations=4)[6:-6, 6:-6]
            whole = ndimage.binary_fill_holes(rough)  # and what is around it
            members &= ndimage.binary_erosion(whole, iterations=_AROUND // 2 - 1)
        pictures |= members
    return _enlarged(pictures, (height, width))


def _coloured(paper: np.ndarray) -> np.ndarray:
    """Where a predicted paper, float32 ``[h, w, 4]``, is print or paint of a vivid colour.

    Paper is as bright as the brightest tenth of the page, or has its hue.
    """
    from scipy import ndimage

    sheet = ndimage.uniform_filter(paper[::_STEP, ::_STEP, :3], (5, 5, 1))
    light = sheet.mean(-1)
    own = np.median(sheet[light >= np.percentile(light, 90)], axis=0)
    relative = sheet / own
    saturation = np.minimum(*(1 - c.min(-1) / c.max(-1) for c in (sheet, relative)))
    red, green, blue = np.moveaxis(relative, -1, 0)
    warm = (red >= green) & (green >= blue) & (green - blue >= _WARM * (red - blue))
    saturation -= np.where(warm, 0, _SHADOW * (0.9 - relative.max(-1)).clip(0))
    vivid, area = (
        ndimage.binary_opening(saturation > np.where(warm, *limits), iterations=2)
        for limits in (_VIVID, _TINTED)
    )
    area = _with(area, vivid, _SMALLEST * area.size)
    area = ndimage.binary_closing(np.pad(area, 8), iterations=5)[8:-8, 8:-8]
    holes = ndimage.binary_fill_holes(area) & ~area
    large = _with(holes, holes, _HOLE * area.size)
    if area.mean() > _ALL and not large.any():
        area[:] = True
    return _enlarged(area | holes & ~large, paper.shape)


def _with(areas: np.ndarray, feature: np.ndarray, least: float) -> np.ndarray:
    """Those connected areas that have a feature in at least so many pixels."""
    from scipy import ndimage

    labels, count = ndimage.label(areas)
    sizes = ndimage.sum(feature, labels, np.arange(count + 1))
    sizes[0] = 0
    return (sizes >= least)[labels]


def _enlarged(samples: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask of every fourth pixel at the size of the page."""
    return np.kron(samples, np.ones((_STEP, _STEP), bool))[: shape[0], : shape[1]]


def _roughness(light: np.ndarray, members: np.ndarray) -> float:
    """Standard deviation of the logarithm of light beside a plane fitted to it."""
    rows, columns = np.nonzero(members)
    plane = np.stack([np.ones(len(rows)), rows, columns], axis=1)
    values = np.log(light[members])
    fit, *_ = np.linalg.lstsq(plane, values, rcond=None)
    return float((values - plane @ fit).std())


def _lost(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Regions that would lose ink, on a page in [0, 1] before and after cleaning."""
    from scipy import ndimage
    from skimage.filters import threshold_sauvola
    from skimage.morphology import remove_small_objects

    contrast = _contrast(ndimage.gaussian_filter(before, 0.7))
    gone = ndimage.maximum_filter(_contrast(after), 3) < _contrast(before) / 2
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
