"""Empty sheets of paper with the four noises of NoisyOffice, synthesised.

Each sheet is float32 ``[h, w]``, grey levels around 0…255, not clipped. Sizes in pixels, strengths
in grey levels; both were set by eye and by band-wise standard deviations beside the real sheets.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from inkbench.datasets.synthetic.texture import (
    Shape,
    bent,
    facets,
    line,
    mottle,
    region,
    turned,
    wave,
)

Sheet = Callable[[Shape, np.random.Generator], np.ndarray]


def coffee(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Rings of wet cups, puddles and drops, dark at their rims."""
    edge = mottle(shape, 9, rng) + 0.3 * mottle(shape, 2.5, rng)
    stain = np.zeros(shape, np.float32)
    for _ in range(rng.integers(3, 7)):
        stain = np.maximum(stain, _crescent(shape, edge, rng))
    for _ in range(rng.integers(1, 4)):
        stain = np.maximum(stain, _puddle(shape, edge, rng))
    stain *= 1 + 0.12 * mottle(shape, 30, rng) + 0.08 * mottle(shape, 0.8, rng)
    return plain(shape, rng, rng.uniform(219, 228)) * (1 - np.clip(stain, 0, 0.8))


def fold(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Thin creases with a little shade beside them."""
    sheet = plain(shape, rng, rng.uniform(223, 229))
    for _ in range(rng.integers(4, 9)):
        distance, along = line(shape, rng)
        side = rng.choice([-1, 1]) * distance
        strength = rng.uniform(0.1, 1) * np.clip(0.9 + 0.6 * wave(along, rng), 0, 1.6)
        sheet += strength * 24 * np.exp(-((distance / rng.uniform(0.8, 1.8)) ** 2))
        sheet -= strength * 14 * np.exp(-(((side - 2.5) / 1.8) ** 2))
        sheet -= rng.uniform(0, 9) * (side > 0) * np.exp(-side.clip(0) / rng.uniform(6, 60))
        sheet += rng.uniform(0, 6) * (side < 0) * np.exp(side.clip(max=0) / rng.uniform(6, 40))
    return sheet


def footprint(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """The print of a shoe sole: rows of nested squares and of bars, dusty and streaked."""
    sheet = plain(shape, rng, rng.uniform(206, 225))
    x, y = turned(shape, rng, rng.choice([0, np.pi / 2]) + rng.normal(0, 0.1))
    x, y = x + 12 * mottle(shape, 90, rng), y + 12 * mottle(shape, 90, rng)
    wide, high = rng.uniform(70, 130, 2)
    row = np.floor(y / high)
    nested = 2 * np.maximum(np.abs(x / wide % 1 - 0.5), np.abs(y / high % 1 - 0.5))
    squares = (
        (nested < 0.3) | ((nested > 0.42) & (nested < 0.6)) | ((nested > 0.75) & (nested < 0.83))
    )
    bars = (np.abs(y / high % 1 - 0.5) < 0.38) & (wave(x * 2.5, rng) > 0)
    print_ = ndimage.gaussian_filter(np.where(row % 3 == 0, bars, squares).astype(np.float32), 1.2)
    dust = np.clip(0.9 + 0.35 * mottle(shape, 12, rng) + 0.2 * mottle(shape, 1.2, rng), 0, 2)
    trodden = region(shape, rng, rng.uniform(0.2, 0.9))
    sheet -= trodden * (rng.uniform(12, 28) * print_ * dust + rng.uniform(0, 8))
    streaks = mottle(shape, (60, 0.8), rng) + 0.4 * mottle(shape, (0.8, 60), rng)
    return sheet + rng.uniform(0.3, 2) * streaks


def wrinkle(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Crumpled and flattened: facets lit from one side, with sharp ridges between them."""
    light = rng.uniform(0, 6.28)
    shade = np.zeros(shape, np.float32)
    for size, strength, share in ((80, 34, 0.85), (45, 32, 0.7), (20, 18, 0.45)):
        shade += strength * region(shape, rng, share) * facets(shape, size, light, rng)
    shade = bent(bent(shade, 7, 30, rng), 1.5, 6, rng)
    return plain(shape, rng, rng.uniform(219, 226)) + shade


# In the order in which Kaggle numbered the four versions of a page.
NOISES: dict[str, Sheet] = {
    "coffee": coffee,
    "fold": fold,
    "footprint": footprint,
    "wrinkle": wrinkle,
}


def plain(shape: Shape, rng: np.random.Generator, brightness: float) -> np.ndarray:
    """Blank paper: its fibres, and the uneven light of a scanner."""
    grain = 3 * mottle(shape, 0.6, rng) + 2 * mottle(shape, 2, rng) + 1.4 * mottle(shape, 8, rng)
    streaks = 0.6 * mottle(shape, (40, 0.8), rng) + 0.6 * mottle(shape, (0.8, 40), rng)
    return brightness + grain + streaks + 2 * mottle(shape, 80, rng)


def _crescent(shape: Shape, edge: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A ring between two circles that are not concentric."""
    x, y = turned(shape, rng, rng.uniform(0, 6.28))
    outer = rng.uniform(60, 130)
    width = rng.choice([rng.uniform(6, 20), rng.uniform(20, 45)])
    shift = width * rng.uniform(0.2, 1.3)
    frayed = edge * rng.uniform(0.5, 3)
    from_outside = outer - np.hypot(x, y)
    from_inside = np.hypot(x - shift, y) - (outer - width) + frayed
    facing = x / np.hypot(x, y).clip(1)  # 1 where it is widest
    kept = np.clip(0.7 + rng.uniform(-0.4, 0.5) - facing * rng.choice([-1, 0, 1]), 0, 1)
    return _dried(np.minimum(from_outside, from_inside), rng.uniform(0.12, 0.5)) * kept


def _puddle(shape: Shape, edge: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A drop or a run."""
    x, y = turned(shape, rng, rng.uniform(0, np.pi))
    radius = rng.choice([rng.uniform(2, 6), rng.uniform(10, 60)])
    depth = radius - np.hypot(x, y * rng.uniform(0.8, 3)) + 0.15 * radius * edge
    return _dried(depth, rng.uniform(0.25, 0.6))


def _dried(depth: np.ndarray, strength: float) -> np.ndarray:
    """Darkness of a dried liquid by distance from its rim, which is the darkest part."""
    body = np.clip(depth * 0.7 + 0.5, 0, 1)
    return strength * body * (0.8 + 0.4 * np.exp(-np.maximum(depth, 0) / 3))
