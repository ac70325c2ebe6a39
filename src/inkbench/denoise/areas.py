"""Find areas that cleaning must not touch: pictures, dark areas and areas of colour."""

import numpy as np

DARKER = 0.82  # than this share of the page's paper: no paper, or in a shadow

# Pictures are looked for in the envelope, from which text is gone, on every fourth pixel.
_STEP = 4
_ROUGH = 0.14  # variation of the logarithm of light that no shadow has
_WILD = 0.45  # the same, that no shadow with text in it has either
_AROUND = 15  # samples
_LOCALLY = 0.1  # the same variation around one sample
_TEXT = (0.7, 0.015)  # shares of paper and print, from which on the smooth part is text in a shadow
_INK, _PALE = 0.55, 0.9  # light relative to the envelope: print is darker, paper brighter
_PRINTED = (0.3, 2)  # pixels of print for each one between print and paper: text in a shadow
_SHARP = 0.25  # drop of light at the edge of a dark area that no shadow has
_SMALLEST = 0.004  # share of the page that a picture has, at least
_ALL = 0.55  # share of the page from which on it is a picture as a whole

# Coloured areas, such as those of maps, are looked for in the predicted paper: division by it would
# make them pale. The saturations are those of warm hues, which stains have, and of all others.
_VIVID = (0.55, 0.2)  # saturation that no paper has
_TINTED = (0.35, 0.08)  # saturation around it that belongs to the same area
_HOLE = 0.05  # share of the page: a larger hole in an area may be a sheet on a table
_WARM = 0.15  # least share of the way from red to yellow in a warm hue
_SHADOW = 0.3  # how much more saturation is asked of dark areas: shadows are often blue

# Tinted areas, such as the panels of charts, are looked for in the envelope: their hue, log(blue /
# red), leaves that of the paper, which changes smoothly over a page. The values are those of cold
# hues and of warm ones, which stains have.
_HUE = (0.1, 0.15)  # least difference of hue
_STEP_OF_HUE = (0.12, 0.2)  # its step at the edge, at least
_EDGE = 0.95  # share of the edge where such a difference is within a few pixels
_DARKENS = (-0.05, 0.25)  # drop of the logarithm of light at the edge: no scanner's lid, no shadow
_CONVEX = 0.85  # share of its convex hull that a panel covers without what is at its edge
_OF_PAPER = 0.08  # variation of the paper's own hue
_LEAST_PAPER = 0.1  # share of the page


def pictures(grey: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Find pictures and dark areas.

    They are darker than paper; and unlike shadows, which have text in them, they are rough inside,
    or have a sharp edge.

    Parameters
    ----------
    grey, light
        The page and its envelope, float32 ``[h, w]`` in [0, 1].

    Returns
    -------
    numpy.ndarray
        bool ``[h, w]``; all of it if most of the page is a picture.
    """
    from scipy import ndimage

    height, width = light.shape
    flat = ndimage.gaussian_filter(grey / light, 0.7)[::_STEP, ::_STEP]
    light = light[::_STEP, ::_STEP]
    page = np.percentile(light, 95)
    found = ndimage.binary_opening(light < DARKER * page, iterations=2)
    found = _closed(found, 4)
    filled = ndimage.binary_fill_holes(found)
    sheets = _sheets(filled & ~found, light / page, flat)
    labels, count = ndimage.label(filled & ~sheets)
    kept = np.zeros(light.shape, bool)
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
            rough = _closed(rough, 4)
            whole = ndimage.binary_fill_holes(rough)  # and what is around it
            members &= ndimage.binary_erosion(whole, iterations=_AROUND // 2 - 1)
        kept |= members
    enlarged = _enlarged(kept, (height, width))
    return enlarged | (enlarged.mean() > _ALL and not sheets.any())


def _sheets(holes: np.ndarray, light: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """Holes in dark areas that are a sheet on a table: large, with a sharp edge, and with text.

    A sky between dark trees has no text, and the bright middle of a shaded page no edge.
    """
    from scipy import ndimage

    labels, count = ndimage.label(holes)
    sheets = np.zeros(holes.shape, bool)
    for number in range(1, count + 1):
        hole = labels == number
        if hole.mean() < _HOLE:
            continue
        around = ndimage.binary_dilation(hole, iterations=4) & ~hole
        edge = np.median(light[hole]) - np.median(light[around])
        if edge > _SHARP and _has_text(flat[hole]):
            sheets |= hole
    return sheets


def coloured(paper: np.ndarray) -> np.ndarray:
    """Find where a predicted paper, float32 ``[h, w, 4]``, is print or paint of a vivid colour.

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
    area = _closed(area, 5)
    holes = ndimage.binary_fill_holes(area) & ~area
    large = _with(holes, holes, _HOLE * area.size)
    if area.mean() > _ALL and not large.any():
        area[:] = True
    return _enlarged(area | holes & ~large, paper.shape)


def tinted(grey: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Find areas of a pale colour: another hue than the paper's, and a sharp edge.

    Parameters
    ----------
    grey, light
        The page, float32 ``[h, w]``, and its envelope, ``[h, w, 3]``, in [0, 1].

    Returns
    -------
    numpy.ndarray
        bool ``[h, w]``; all of it if most of the page is tinted.
    """
    from scipy import ndimage
    from skimage.morphology import convex_hull_image

    sheet = ndimage.uniform_filter(light[::_STEP, ::_STEP], (3, 3, 1))
    bright = sheet.mean(-1)
    flat = ndimage.gaussian_filter(grey, 0.7)[::_STEP, ::_STEP] / bright
    hue = _hue(sheet)
    kept = np.zeros(hue.shape, bool)
    for sign, least, step in zip((1, -1), _HUE, _STEP_OF_HUE, strict=True):
        signed = sign * hue
        found = _closed(ndimage.binary_opening(signed > least, iterations=2), 5)
        change = ndimage.maximum_filter(signed, 11) - ndimage.minimum_filter(signed, 11)
        labels, count = ndimage.label(found)
        for number in range(1, count + 1):
            area = labels == number
            if area.mean() < _SMALLEST:
                continue
            border = ndimage.binary_dilation(area)
            outside = ndimage.binary_dilation(area, iterations=6) & ~ndimage.binary_dilation(border)
            core = ndimage.binary_erosion(area, iterations=2)
            inside = core & ~ndimage.binary_erosion(core, iterations=3)
            if not outside.any() or not inside.any():
                continue
            rise = np.median(signed[inside]) - np.median(signed[outside])
            drop = np.log(np.median(bright[outside]) / np.median(bright[inside]))
            sharp = (change[border & ~area] > least).mean()
            is_tint = rise > step and sharp >= _EDGE and _DARKENS[0] < drop < _DARKENS[1]
            if is_tint and not (sign < 0 and _has_text(flat[area])):  # a yellowed sheet
                area = _closed(area, 12)
                holes = ndimage.binary_fill_holes(area) & ~area
                area |= holes & ~_with(holes, holes, _HOLE * area.size)
                hull = convex_hull_image(area)
                kept |= hull if area.sum() > _CONVEX * hull.sum() else area
    enlarged = _enlarged(kept, light.shape)
    return enlarged | (kept.mean() > _ALL)


def _hue(sheet: np.ndarray) -> np.ndarray:
    """Hue relative to that of the paper: a quadratic surface through most of what is bright."""
    hue = np.log(sheet[..., 2].clip(1 / 255) / sheet[..., 0].clip(1 / 255))
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, side) for side in hue.shape), indexing="ij")
    terms = (rows**0, rows, columns, rows * columns, rows**2, columns**2)
    surface = np.stack(terms, axis=-1).astype(np.float32)
    bright = sheet.mean(-1)
    half = bright >= np.median(bright)
    relative = np.where(half, hue - np.median(hue[half]), np.inf) / 2
    not_black = bright > np.percentile(bright, 10)
    for _ in range(6):
        paper = not_black & (np.abs(relative) < _OF_PAPER)
        if paper.mean() < _LEAST_PAPER:
            return np.zeros_like(hue)
        relative = hue - surface @ np.linalg.lstsq(surface[paper], hue[paper])[0]
    return relative


def _has_text(inside: np.ndarray) -> bool:
    """Whether an area, relative to its envelope, is paper with text."""
    paper, print_ = (inside > _PALE).mean(), (inside < _INK).mean()
    return bool(paper > _TEXT[0] and print_ > _TEXT[1])


def _closed(areas: np.ndarray, iterations: int) -> np.ndarray:
    """Close gaps, also between areas at the edge of the page."""
    from scipy import ndimage

    margin = iterations + 2
    closed = ndimage.binary_closing(np.pad(areas, margin), iterations=iterations)
    return np.asarray(closed[margin:-margin, margin:-margin])


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
