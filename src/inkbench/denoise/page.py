"""Clean one page."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from inkbench.denoise import guard, scale
from inkbench.denoise.colour import tint
from inkbench.denoise.detail import enlarge
from inkbench.restore import cleans_scans, divided, paper, restore

if TYPE_CHECKING:
    import keras

_MAX_INPUT = 20_000_000  # pixels of a page at the network's scale; bounds memory
_MAX_ENLARGED = 3_000_000  # the same of a page that is enlarged for it
_DARK = 90  # grey level: a page whose median is darker is light on dark
_STRIP = 256  # rows processed at a time
_PAPER = (0.86, 0.97)  # cleaned values from here to here count increasingly as paper


@dataclass(frozen=True)
class Cleaned:
    """A cleaned page.

    Attributes
    ----------
    pixels
        uint8 ``[h, w]``, or ``[h, w, 3]`` in colour.
    scale
        How the page was resized for the network.
    findings
        What was left as it was; None for a restorer that does not look.
    """

    pixels: np.ndarray
    scale: scale.Scale
    findings: guard.Findings | None = None


def clean(
    model: "keras.Model",
    pixels: np.ndarray,
    *,
    dpi: float | None = None,
    factor: float | None = None,
    grey: bool = False,
    invert_dark: bool = False,
) -> Cleaned:
    """Clean a page, uint8 ``[h, w]`` or ``[h, w, 3]``, of any size.

    Parameters
    ----------
    factor
        Resize the page by this factor for the network; None measures its letters.
    grey
        Whether a colour page becomes grey.
    invert_dark
        Whether a page that is mostly dark is inverted first, unless that shows no paper.
    """
    if not grey and _has_equal_channels(pixels):
        one = clean(model, pixels[..., 0], dpi=dpi, factor=factor, invert_dark=invert_dark)
        return replace(one, pixels=np.repeat(one.pixels[..., None], 3, axis=-1))
    luminance = pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))
    if grey:
        pixels = luminance
    scanned, inverted = pixels, invert_dark and bool(np.median(luminance) < _DARK)
    if inverted:
        pixels, luminance = 255 - pixels, 255 - luminance
    measured = scale.Scale(factor, 1.0) if factor else scale.measure(luminance, dpi)
    largest = [(pixels / luminance.size) ** 0.5 for pixels in (_MAX_INPUT, _MAX_ENLARGED)]
    measured = replace(measured, factor=min(measured.factor, largest[0], max(1, largest[1])))
    size = [max(1, round(side * measured.factor)) for side in reversed(luminance.shape)]
    if cleans_scans(model):
        if guard.is_white(pixels):
            reason = "its paper is white already"
            return Cleaned(pixels, measured, guard.Findings(untouched=reason, inverted=inverted))
        small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
        sheet, doubtful, findings = guard.checked(small, paper(model, small))
        if findings.untouched:
            return Cleaned(scanned, measured, findings)
        findings = replace(findings, inverted=inverted)
        return Cleaned(_divided(pixels, small, sheet, doubtful), measured, findings)
    small = np.asarray(Image.fromarray(luminance).resize(size, Image.Resampling.LANCZOS))
    restored = restore(model, small)
    if small.shape == luminance.shape:
        cleaned = np.rint(restored.clip(0, 1) * 255).astype(np.uint8)
    else:
        cleaned = enlarge(luminance, small, restored)
    return Cleaned(
        tint(pixels, cleaned, measured.factor) if pixels.ndim == 3 else cleaned, measured
    )


def _has_equal_channels(page: np.ndarray) -> bool:
    return page.ndim == 3 and all((page[..., 0] == page[..., c]).all() for c in (1, 2))


def _divided(
    page: np.ndarray, small: np.ndarray, paper: np.ndarray, doubtful: np.ndarray
) -> np.ndarray:
    """Divide a page by its paper, which is known at the size of ``small``: uint8 like ``page``."""
    coloured = page.ndim == 3
    blank_plane = Image.fromarray(_blank(small, paper) * ~doubtful)
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(paper, -1, 0)]
    ratio = small.shape[0] / page.shape[0]
    result = np.empty(page.shape, np.uint8)
    for top in range(0, page.shape[0], _STRIP):
        rows = page[top : top + _STRIP]
        box = (0, top * ratio, small.shape[1], min((top + len(rows)) * ratio, small.shape[0]))
        size = (page.shape[1], len(rows))

        def enlarged(plane: Image.Image, box=box, size=size) -> np.ndarray:
            return np.asarray(plane.resize(size, Image.Resampling.BILINEAR, box))

        white = enlarged(blank_plane).reshape(rows.shape[:2] + (1,) * coloured)
        strip = divided(rows, np.stack([enlarged(plane) for plane in planes], axis=-1))
        result[top : top + _STRIP] = np.rint((strip + white * (1 - strip)) * 255)
    return result


def _blank(page: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """How much every pixel is to become white, float32 ``[h, w]`` in [0, 1].

    That is paper between the letters, where also the darkest neighbour is paper.
    """
    from scipy.ndimage import minimum_filter

    sheet = paper[..., :3] if page.ndim == 3 else paper[..., :3].mean(-1)
    cleaned = np.minimum(page / np.float32(255) / sheet, 1)  # without gain
    darkest = minimum_filter(cleaned.min(-1) if page.ndim == 3 else cleaned, 3)
    blank = ((darkest - _PAPER[0]) / (_PAPER[1] - _PAPER[0])).clip(0, 1)
    return blank * (paper[..., :3].min(-1) < 0.99)  # not in pictures
