"""Ways to draw a letter, worked out on its signed distance field.

A style takes the field (``[h, w]`` pixels to the outline, positive inside; the capital is about
`HEIGHT` pixels high) and a random generator, and returns ink in [0, 1] of the same shape.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

HEIGHT = 64  # pixels; glyphs end up 28 high, so nothing finer than two pixels is seen
MARGIN = 20  # room around the glyph for strokes, shadows and frames

Style = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def distance_field(mask: np.ndarray) -> np.ndarray:
    """Signed distance to the outline of a glyph, in pixels.

    Parameters
    ----------
    mask
        Ink in [0, 1], ``[h, w]``.
    """
    inside = mask > 0.35  # hairlines narrower than a pixel count
    rim = inside & ~ndimage.binary_erosion(inside)
    distance = ndimage.distance_transform_edt(~rim)
    field = np.where(inside, distance + 0.5, 0.5 - distance)
    return ndimage.gaussian_filter(field.astype(np.float32), 1)  # no steps along slanted edges


def ink(field: np.ndarray) -> np.ndarray:
    """Fill of a distance field, with a soft edge one pixel wide."""
    return np.clip(field + 0.5, 0, 1)


def plain(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The glyph itself, lighter or bolder."""
    return ink(_weighted(field, rng))


def rounded(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Corners worn off, as in soft and in badly cast type."""
    blur = rng.uniform(1.5, 4)
    return ink(ndimage.gaussian_filter(_weighted(field, rng), blur) + blur / 4)


def outline(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A contour alone."""
    field = _bolder(field, rng)
    return ink(field) - ink(field - rng.uniform(2, 5))


def inline(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Solid strokes with an engraved line."""
    field = _bolder(field, rng)
    core = field - rng.uniform(2, 4)
    return ink(field) - ink(core) + ink(core - rng.uniform(1.5, 3))


def shadow(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Glyph (solid or contour), and its shadow to one side."""
    dx, dy = int(rng.choice([-1, 1]) * rng.integers(4, 9)), int(rng.integers(3, 8))
    solid = ink(field)
    cast = _swept(solid, dx, dy) if rng.random() < 0.5 else _shifted(solid, dx, dy)
    cast = np.clip(cast - ink(field + rng.uniform(1, 2.5)), 0, 1)
    body = rng.choice(3)
    if body == 0:
        return cast
    return cast + (solid if body == 1 else solid - ink(field - 2.5))


def pen(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Drawn with a broad nib: bolder along one direction only."""
    angle = rng.uniform(0, np.pi)
    reach = rng.uniform(4, 12)
    thin = ink(field + min(0, 1.5 - field.max() * 0.7))
    return _swept(thin, round(reach * np.cos(angle)), round(reach * np.sin(angle)))


def rough(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Torn, splashed or hand-cut edges."""
    grain = ndimage.gaussian_filter(rng.standard_normal(field.shape), rng.uniform(1, 4))
    return ink(field + grain / grain.std() * rng.uniform(0.8, 2.5))


def worn(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ink missing in places."""
    grain = ndimage.gaussian_filter(rng.standard_normal(field.shape), rng.uniform(1, 3))
    holes = grain / grain.std() > rng.uniform(0.9, 1.8)
    return ink(_bolder(field, rng)) * ~holes


def striped(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ruled: parallel lines cut out."""
    angle = rng.choice([0, 0, np.pi / 2, np.pi / 4, -np.pi / 4])
    rows, columns = np.indices(field.shape)
    along = rows * np.cos(angle) + columns * np.sin(angle)
    period = rng.uniform(6, 14)
    lines = (along / period) % 1 < rng.uniform(0.5, 0.8)
    return ink(_bolder(field, rng)) * lines


def mosaic(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Coarse pixels, with or without gaps between them."""
    size = int(rng.integers(4, 9))
    cells = ndimage.uniform_filter(ink(_bolder(field, rng)), size)[
        size // 2 :: size, size // 2 :: size
    ]
    blocks = np.kron(cells > 0.45, np.ones((size, size)))
    if rng.random() < 0.4:
        gap = np.arange(blocks.shape[0])[:, None] % size >= 2
        blocks = blocks * gap * (np.arange(blocks.shape[1])[None] % size >= 2)
    height, width = field.shape
    return np.pad(blocks, ((0, size), (0, size)))[:height, :width]


def stencil(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Strokes interrupted by one or two straight gaps."""
    result = ink(field)
    for _ in range(rng.integers(1, 3)):
        across = rng.random() < 0.5
        length = field.shape[0 if across else 1]
        start = int(length * rng.uniform(0.35, 0.6))
        gap = slice(start, start + int(rng.integers(3, 7)))
        result[(gap, slice(None)) if across else (slice(None), gap)] = 0
    return result


def badge(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White on black: the letter cut out of a box, a disc or a diamond; or framed by one."""
    height, width = field.shape
    rows, columns = np.indices(field.shape)
    y = np.abs(2 * rows - height + 1) / (height - 2 * MARGIN)
    x = np.abs(2 * columns - width + 1) / (width - 2 * MARGIN)
    reaches = {1.3: 1.6, 2: 1.35, 4: 1.2, 50: 1.12}
    order = float(rng.choice(list(reaches)))
    radius = ((x**order + y**order) ** (1 / order)) * height / 2
    reach = reaches[order] * height / 2
    plate = ink(reach - radius)
    if rng.random() < 0.6:
        return np.clip(plate - ink(field), 0, 1)
    return np.clip(plate - ink(reach - 4 - radius) + ink(field), 0, 1)


def low_resolution(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A small bitmap blown up smoothly."""
    factor = rng.uniform(3.5, 6.5)
    small = ndimage.zoom(ink(field), 1 / factor, order=1)
    zoom = np.divide(field.shape, small.shape)
    return np.clip(ndimage.zoom(small, zoom, order=1), 0, 1)


# How often each occurs: estimated by eye on the real archive.
WEIGHTS: dict[Style, float] = {
    plain: 0.66,
    rounded: 0.06,
    pen: 0.06,
    outline: 0.03,
    inline: 0.02,
    shadow: 0.04,
    rough: 0.04,
    worn: 0.01,
    striped: 0.015,
    mosaic: 0.02,
    stencil: 0.02,
    badge: 0.015,
    low_resolution: 0.01,
}


def _weighted(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move the outline in or out, never so far in that hairlines vanish."""
    return field + np.clip(rng.normal(0.5, 1.8), -0.8, 5)


def _bolder(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bold enough that something can be engraved in the strokes."""
    return field + max(0, rng.uniform(5, 9) - field.max())


def _shifted(image: np.ndarray, dx: int, dy: int) -> np.ndarray:
    return np.roll(image, (dy, dx), (0, 1))  # the margin is wider than any shift


def _swept(image: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """Union of an image's positions on the way from one place to another."""
    steps = max(abs(dx), abs(dy), 1)
    places = [
        _shifted(image, round(dx * k / steps), round(dy * k / steps)) for k in range(steps + 1)
    ]
    return np.maximum.reduce(places)
