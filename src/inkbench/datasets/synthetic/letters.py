"""Synthetic version of notMNIST: the letters A–J in all installed fonts, in many styles."""

import base64
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from inkbench.datasets.synthetic import fonts, packing, styles

ARCHIVE = "notMNIST_small.tar.gz"
SIZE = 28  # pixels
PER_LETTER = 620
MIN_GREY = 12  # mean grey level; about one in a hundred real images is below it
SEED = 20110901


def write(folder: Path, per_letter: int = PER_LETTER) -> None:
    """Write ``notMNIST_small.tar.gz`` with so many distinct images of each letter."""
    members = {}
    for letter in tqdm(fonts.LETTERS, desc="synthetic letters", unit="letter", disable=None):
        for title, image in glyphs(letter, per_letter):
            name = base64.b64encode(title.encode()).decode()
            members[f"notMNIST_small/{letter}/{name}.png"] = packing.png(image)
    packing.write_tar_gz(folder / ARCHIVE, members)


def glyphs(letter: str, count: int) -> list[tuple[str, np.ndarray]]:
    """Names and distinct images (uint8 ``[28, 28]``, 255 = ink) of a letter.

    Each face is drawn plain once, then random faces in random styles.
    """
    index = fonts.LETTERS.index(letter)
    rng = np.random.default_rng([SEED, index])
    distinct: dict[bytes, tuple[str, np.ndarray]] = {}
    drawn = 0
    while len(distinct) < count:
        face, title, style = _choice(rng, drawn)
        mask = np.asarray(fonts.render(face, face.alphabet[index], styles.HEIGHT * 3 // 2))
        image = fit(style(styles.distance_field(_reshape(mask / 255.0, rng, drawn)), rng))
        drawn += 1
        if image.mean() > MIN_GREY and image.tobytes() not in distinct:
            distinct[image.tobytes()] = f"{face.name} {title} {drawn}.ttf", image
    return list(distinct.values())


def fit(ink: np.ndarray) -> np.ndarray:
    """Stretch the bounding box of ink ``[h, w]`` in [0, 1] to uint8 ``[28, 28]``, as notMNIST."""
    inked = ink > 0.3
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    if not rows.size:
        return np.zeros((SIZE, SIZE), np.uint8)
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    image = Image.fromarray(np.clip(ink * 255, 0, 255).astype(np.uint8))
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX, box=box))


def _choice(rng: np.random.Generator, drawn: int) -> tuple[fonts.Face, str, styles.Style]:
    """Each face plain once; then a random family, so that large families do not dominate."""
    faces = fonts.faces()
    if drawn < len(faces):
        return faces[drawn], "", lambda field, rng: styles.ink(field)
    families = list(fonts.by_family().values())
    members = families[rng.integers(len(families))]
    style = list(styles.WEIGHTS)[rng.choice(len(styles.WEIGHTS), p=list(styles.WEIGHTS.values()))]
    return members[rng.integers(len(members))], style.__name__, style


def _reshape(mask: np.ndarray, rng: np.random.Generator, drawn: int) -> np.ndarray:
    """Stretch and warp a glyph; the first drawing of each face keeps its shape."""
    plain = drawn < len(fonts.faces())
    stretch = 1 if plain else np.exp(rng.normal(0, 0.3))
    height = styles.HEIGHT
    width = int(np.clip(mask.shape[1] * height / mask.shape[0] * stretch, 12, 120))
    u, v = (_centred(size) for size in (width, height))
    u, v = np.meshgrid(u, v)
    if not plain:
        u, v = _warp(u, v, rng)
    rows = (v + 1) / 2 * mask.shape[0] - 0.5
    columns = (u + 1) / 2 * mask.shape[1] - 0.5
    return ndimage.map_coordinates(mask, [rows, columns], order=1, cval=0.0)


def _centred(size: int) -> np.ndarray:
    """Coordinates of pixel centres: -1 to 1 inside the margins, more in them."""
    return (np.arange(-styles.MARGIN, size + styles.MARGIN) * 2 + 1 - size) / size


def _warp(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Slant, turn, taper, wave, move the waist, square the bowls: source coordinates."""
    slant = rng.normal(0, 0.12) * (rng.random() < 0.6)
    turn = rng.normal(0, 0.1) * (rng.random() < 0.3)
    u, v = u * np.cos(turn) + v * (slant + np.sin(turn)), v * np.cos(turn) - u * np.sin(turn)
    if rng.random() < 0.15:
        u = u * (1 + rng.normal(0, 0.15) * v)  # tapered
    if rng.random() < 0.1:
        v = v * (1 + rng.normal(0, 0.15) * u)
    if rng.random() < 0.1:
        u = u + rng.uniform(0.03, 0.1) * np.sin(v * rng.uniform(2, 6) + rng.uniform(0, 6))
        v = v + rng.uniform(0.03, 0.1) * np.sin(u * rng.uniform(2, 6) + rng.uniform(0, 6))
    if rng.random() < 0.6:
        v = _bend(v, rng.normal(0, 0.3))  # the waist moves up or down
    if rng.random() < 0.3:
        u = _bend(u, rng.normal(0, 0.25))
    if rng.random() < 0.2:
        square = rng.uniform(0.1, 0.5)  # bowls grow into the corners
        u, v = (
            u * np.sqrt(1 - square * np.clip(v, -1, 1) ** 2 / 2),
            v * np.sqrt(1 - square * np.clip(u, -1, 1) ** 2 / 2),
        )
    return u, v


def _bend(t: np.ndarray, amount: float) -> np.ndarray:
    """Move the middle of a coordinate, but not its ends."""
    return t + np.clip(amount, -0.45, 0.45) * np.clip(1 - t**2, 0, None)
