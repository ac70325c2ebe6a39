"""Scans of all kinds of pages, drawn: each with the page as it should be cleaned.

A scan is what is printed (`inkbench.datasets.synthetic.content`), faded perhaps, on paper, under a
light, through a lens and a sensor. The cleaned page is what is printed, without fading, paper,
light and noise; pictures and dark areas stay as they were scanned. Validation and test draw forms,
a kind of page that training does not draw, and every part has papers of its own: a restorer is
validated and tested on a kind of page and on papers that it has not seen.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from inkbench.datasets.synthetic import content, paper
from inkbench.datasets.synthetic.content import Canvas
from inkbench.datasets.synthetic.texture import Shape, line, mottle, region

SIZE = 512  # pixels a side
_SEED = 20240229
_PARTS = ("train", "valid", "test")

# Tones of paper in sRGB; a page's tone is one of its part's, varied.
_TONES = {
    "train": ((255, 255, 255), (242, 236, 222), (228, 210, 172), (222, 222, 220), (196, 170, 130),
              (250, 246, 170), (216, 226, 238), (120, 112, 104)),
    "valid": ((238, 230, 235), (205, 188, 150), (214, 232, 210)),
    "test": ((246, 240, 214), (178, 150, 108), (226, 214, 226)),
}  # fmt: skip

Layer = Callable[[Shape, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Drawn:
    """A drawn scan and its cleaned page, both uint8 ``[h, w, 3]``."""

    kind: str
    scan: np.ndarray
    clean: np.ndarray


def draw(part: str, number: int, seed: Sequence[int] = (), size: int = SIZE) -> Drawn:
    """Draw one scan of a part, a pure function of its arguments.

    Parameters
    ----------
    part
        ``train``, ``valid`` or ``test``; decides kinds of pages, tones of paper and photographs.
    number, seed
        Which scan; the seed is that of a training and the number of its epoch, for example.
    size
        Pixels a side.
    """
    rng = np.random.default_rng([_SEED, _PARTS.index(part), number, *seed])
    kinds = content.KINDS[part]
    kind = list(kinds)[rng.integers(len(kinds))]
    canvas = kinds[kind](Canvas.blank(size, part, rng), rng)
    ink, kept = canvas.layers()
    return Drawn(kind, *_scanned(ink, kept, part, rng))


def _scanned(
    ink: np.ndarray, kept: np.ndarray, part: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Scan a page: float32 ink ``[h, w, 3]`` and kept areas ``[h, w]``, both in [0, 1]."""
    shape = (ink.shape[0], ink.shape[1])
    if rng.random() < 0.12:  # born digital, or cleaned before
        page = _rounded(_compressed(ink, rng) if rng.random() < 0.4 else ink)
        return page, page
    faded = rng.uniform(0.05, 0.35) if rng.random() < 0.35 else 0.0
    black = np.where(kept > 0, 0, faded).astype(np.float32)[..., None]  # not in the cleaned page
    if rng.random() < 0.3:  # toner and pencil cover unevenly
        cover = np.clip(
            1 - rng.uniform(0.05, 0.3) * np.abs(mottle(shape, rng.uniform(0.5, 1.2), rng)), 0, 1
        )
        ink = 1 - (1 - ink) * cover[..., None]
    blur = rng.choice([0, rng.uniform(0.3, 0.7), rng.uniform(0.7, 1.3)], p=[0.3, 0.45, 0.25])
    if blur:
        ink = ndimage.gaussian_filter(ink, (blur, blur, 0))
    sheet = _sheet(shape, part, rng)
    scan = (black + (1 - black) * ink) * sheet
    if rng.random() < 0.75:
        scan = scan + _grain(shape, rng)
    if rng.random() < 0.3:
        scan = scan.mean(-1, keepdims=True).repeat(3, -1)
        ink = ink.mean(-1, keepdims=True).repeat(3, -1)
    scan = scan.clip(0, 1)
    if rng.random() < 0.5:
        scan = _compressed(scan, rng)
    soft = ndimage.gaussian_filter(kept, 0.7)[..., None] if kept.any() else kept[..., None]
    return _rounded(scan), _rounded(ink + (scan - ink) * soft)


def _sheet(shape: Shape, part: str, rng: np.random.Generator) -> np.ndarray:
    """Light that blank paper reflects, float32 ``[h, w, 3]``: tone, stains, folds and shadows."""
    tones = _TONES[part]
    tone = np.array(tones[rng.integers(len(tones))]) / 255
    tone = np.clip(tone * rng.uniform(0.8, 1.03) + rng.normal(0, 0.012, 3), 0.2, 1)
    light = np.ones(shape, np.float32)
    for chance, layer in ((0.6, _falling), (0.25, _shadow), (0.2, _noisy_office), (0.3, _mottled)):
        if rng.random() < chance:
            light = light * layer(shape, rng)
    sheet = light[..., None] * tone.astype(np.float32)
    if rng.random() < 0.2:
        sheet = sheet * _blots(shape, rng)
    if rng.random() < 0.25:
        sheet = sheet * _show_through(shape, part, rng)[..., None]
    return sheet.clip(0.03, 1)


def _falling(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Light that falls off across the page."""
    angle = rng.uniform(0, 6.28)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    along = (np.cos(angle) * x + np.sin(angle) * y) / max(shape)
    along = (along - along.min()) / max(np.ptp(along), 1e-6)
    return 1 - rng.uniform(0.05, 0.7) * along ** rng.uniform(0.6, 3)


def _shadow(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """A shadow with one edge, or the gutter of a book."""
    distance, _ = line(shape, rng)
    if rng.random() < 0.5:
        return 1 - rng.uniform(0.15, 0.5) * (0.5 + 0.5 * np.tanh(distance / rng.uniform(6, 100)))
    return 1 - rng.uniform(0.2, 0.75) * np.exp(-np.abs(distance) / rng.uniform(8, 50))


def _noisy_office(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """A sheet with one of the four noises of NoisyOffice."""
    noises = list(paper.NOISES.values())
    sheet = noises[rng.integers(len(noises))](shape, rng)
    return np.clip(sheet / 225, 0.1, 1.1).astype(np.float32)


def _mottled(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Uneven paper: clouds, and the fibres of cheap paper and card."""
    strength = rng.uniform(0.005, 0.08)
    clouds = mottle(shape, rng.uniform(8, 60), rng)
    fibres = mottle(shape, tuple(rng.choice([0.7, 3, 9], 2)), rng)
    return 1 + strength * (clouds + fibres)


def _blots(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Brown blots and spots of mould."""
    tone = np.array([1, rng.uniform(0.75, 0.95), rng.uniform(0.4, 0.85)], np.float32)
    share = np.zeros(shape, np.float32)
    for _ in range(rng.integers(1, 4)):
        share = np.maximum(share, region(shape, rng, rng.uniform(0.05, 0.35)))
    if rng.random() < 0.4:
        share = np.maximum(share, np.clip(mottle(shape, rng.uniform(1.5, 5), rng) - 2.2, 0, 1))
    return 1 - share[..., None] * (1 - tone * rng.uniform(0.4, 0.9))


def _show_through(shape: Shape, part: str, rng: np.random.Generator) -> np.ndarray:
    """The other side of the sheet, mirrored and blurred."""
    back = content.text_page(Canvas.blank(shape[0], part, rng), rng).layers()[0].mean(-1)
    back = ndimage.gaussian_filter(back[:, ::-1], rng.uniform(0.8, 2.5))
    return 1 - rng.uniform(0.05, 0.5) * (1 - back)


def _grain(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Noise of film, copier or sensor, float32 ``[h, w, 3]`` or ``[h, w, 1]``."""
    strength = rng.choice([0.01, 0.02, 0.04, 0.06], p=[0.35, 0.35, 0.2, 0.1])
    scale = rng.choice([0, 0.6, 1.2], p=[0.5, 0.35, 0.15])
    planes = 3 if rng.random() < 0.3 else 1
    if not scale:
        return rng.normal(0, strength, (*shape, planes)).astype(np.float32)
    return strength * np.stack([mottle(shape, scale, rng) for _ in range(planes)], -1)


def _compressed(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The page as JPEG gives it back."""
    buffer = io.BytesIO()
    Image.fromarray(_rounded(page)).save(buffer, "JPEG", quality=int(rng.integers(35, 95)))
    return np.asarray(Image.open(buffer).convert("RGB"), np.float32) / 255


def _rounded(page: np.ndarray) -> np.ndarray:
    return np.rint(page.clip(0, 1) * 255).astype(np.uint8)
