"""Ways to draw a letter from its signed distance field.

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
    inside = mask > 0.35  # keeps hairlines narrower than a pixel
    rim = inside & ~ndimage.binary_erosion(inside)
    distance = ndimage.distance_transform_edt(~rim)
    field = np.where(inside, distance + 0.5, 0.5 - distance)
    return ndimage.gaussian_filter(field.astype(np.float32), 1)  # no steps along slanted edges


def ink(field: np.ndarray) -> np.ndarray:
    """Fill of a distance field, with a soft edge one pixel wide."""
    return np.clip(field + 0.5, 0, 1)


def plain(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The glyph, lighter or bolder."""
    return ink(_weighted(field, rng))


def rounded(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rounded corners."""
    blur = rng.uniform(1.5, 4)
    return ink(ndimage.gaussian_filter(_weighted(field, rng), blur) + blur / 4)


def outline(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The contour only."""
    field = _bolder(field, rng)
    return ink(field) - ink(field - rng.uniform(2, 5))


def shadow(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shadow to one side of the glyph, which is solid, a contour or left out."""
    dx, dy = int(rng.choice([-1, 1]) * rng.integers(4, 9)), int(rng.integers(3, 8))
    solid = ink(field)
    cast = _swept(solid, dx, dy) if rng.random() < 0.5 else _shifted(solid, dx, dy)
    cast = np.clip(cast - ink(field + rng.uniform(1, 2.5)), 0, 1)
    body = rng.choice(3)
    if body == 0:
        return cast
    return cast + (solid if body == 1 else solid - ink(field - 2.5))


def pen(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bolder along one direction only, as from a broad nib."""
    angle = rng.uniform(0, np.pi)
    reach = rng.uniform(4, 12)
    thin = ink(field + min(0, 1.5 - field.max() * 0.7))
    return _swept(thin, round(reach * np.cos(angle)), round(reach * np.sin(angle)))


def rough(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Irregular edges, as torn or cut by hand."""
    grain = ndimage.gaussian_filter(rng.standard_normal(field.shape), rng.uniform(1, 4))
    return ink(field + grain / grain.std() * rng.uniform(0.8, 2.5))


def badge(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The letter cut out of a box, a disc or a diamond, or framed by one."""
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


# Probability of each, estimated by eye on the real archive.
WEIGHTS: dict[Style, float] = {
    plain: 0.7,
    rounded: 0.07,
    pen: 0.07,
    outline: 0.04,
    shadow: 0.05,
    rough: 0.05,
    badge: 0.02,
}


def _weighted(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move the outline in or out, but keep hairlines."""
    return field + np.clip(rng.normal(0.5, 1.8), -0.8, 5)


def _bolder(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bold enough for a contour inside the strokes."""
    return field + max(0, rng.uniform(5, 9) - field.max())


def _shifted(image: np.ndarray, dx: int, dy: int) -> np.ndarray:
    return np.roll(image, (dy, dx), (0, 1))  # the margin is wider than any shift


def _swept(image: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """Union of an image's positions along a shift."""
    steps = max(abs(dx), abs(dy), 1)
    places = [
        _shifted(image, round(dx * k / steps), round(dy * k / steps)) for k in range(steps + 1)
    ]
    return np.maximum.reduce(places)
