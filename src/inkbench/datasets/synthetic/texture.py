"""Random fields and lines for drawing paper: float32 ``[h, w]``, distances in pixels."""

import numpy as np
from PIL import Image
from scipy import ndimage

Shape = tuple[int, int]


def mottle(
    shape: Shape, scale: float | tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Smooth noise of zero mean and unit variance.

    Parameters
    ----------
    shape
        Height and width.
    scale
        Standard deviation of the smoothing, in pixels (or down and across).
    rng
        Source of the noise.
    """
    scales = np.broadcast_to(scale, 2)
    steps = np.maximum(1, scales / 2).astype(int)  # wide noise is drawn small and enlarged: faster
    coarse = [-(-size // step) + 2 for size, step in zip(shape, steps, strict=True)]
    noise = rng.standard_normal(coarse, np.float32)
    noise = ndimage.gaussian_filter(noise, scales / steps, mode="wrap", truncate=3)
    if steps.max() > 1:
        noise = _resized(noise, tuple(np.multiply(coarse, steps)))
    noise = noise[: shape[0], : shape[1]]
    return (noise - noise.mean()) / noise.std()


def region(shape: Shape, rng: np.random.Generator, share: float) -> np.ndarray:
    """A soft-edged part of the sheet, about `share` of it, in [0, 1]."""
    return np.clip(0.5 + mottle(shape, 80, rng) + 2 * (share - 0.5), 0, 1)


def turned(shape: Shape, rng: np.random.Generator, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (x, y), rotated by `angle` about a random point of the sheet."""
    y = (np.arange(shape[0], dtype=np.float32) - rng.uniform(0, shape[0]))[:, None]
    x = (np.arange(shape[1], dtype=np.float32) - rng.uniform(0, shape[1]))[None]
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cosine + y * sine, y * cosine - x * sine


def line(shape: Shape, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Signed distance from an almost straight line across the sheet, and position along it."""
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)]) + rng.normal(0, 0.03)
    along, distance = turned(shape, rng, angle)
    return distance + rng.uniform(0, 0.8) * wave(along, rng), along


def wave(along: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Irregular wave along a coordinate, about -1 to 1."""
    reach = np.arange(-1500, 1500)
    lengths, starts = rng.uniform(20, 250, 4), rng.uniform(0, 6.28, 4)
    curve = np.sin(reach[:, None] / lengths * 6.28 + starts).sum(1) / 2.5
    return np.interp(along, reach, curve).astype(np.float32)


def facets(shape: Shape, size: float, light: float, rng: np.random.Generator) -> np.ndarray:
    """Light on adjacent cones around random points, which look like crumpled paper.

    Parameters
    ----------
    size
        Typical distance between the points.
    light
        Direction of the light, in radians.

    Returns
    -------
    numpy.ndarray
        Brightness about 0, strongest beside the ridges where two cones meet.
    """
    count = max(2, round(shape[0] * shape[1] / size**2))
    points = np.ones(shape, bool)
    points[tuple(rng.integers(0, shape, (count, 2)).T)] = False
    distance, (rows, columns) = ndimage.distance_transform_edt(points, return_indices=True)
    y, x = np.arange(shape[0])[:, None] - rows, np.arange(shape[1])[None] - columns
    facet = rows * shape[1] + columns
    ridge = (np.diff(facet, axis=1, append=facet[:, -1:]) != 0) | (
        np.diff(facet, axis=0, append=facet[-1:]) != 0
    )
    nearness = np.exp(-ndimage.distance_transform_edt(~ridge) / (0.14 * size))
    height = rng.normal(0, 0.7, (2, shape[0] * shape[1]))[:, facet]  # each facet its own
    slope = (np.cos(light) * x + np.sin(light) * y) / (distance + size / 4)
    shade = (slope + height[0]) * (0.25 + nearness) + 0.8 * ridge * height[1]
    return ndimage.gaussian_filter(shade.astype(np.float32), 0.7)


def bent(image: np.ndarray, reach: float, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Bend straight lines: shift every pixel by up to about `reach`, smoothly over `scale`."""
    places = np.indices(image.shape, np.float32)
    places += reach * np.stack([mottle(image.shape, scale, rng) for _ in range(2)])
    return ndimage.map_coordinates(image, places, order=1, mode="reflect")


def _resized(field: np.ndarray, shape: Shape) -> np.ndarray:
    height, width = shape
    return np.asarray(Image.fromarray(field).resize((width, height), Image.Resampling.BICUBIC))
