"""Name the letters in images: `inkbench classify`."""

import contextlib
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from inkbench import datasets
from inkbench.datasets.specs import Spec
from inkbench.denoise import inputs, reading
from inkbench.denoise.inputs import shown
from inkbench.errors import InkbenchError, complain

if TYPE_CHECKING:
    import keras


Ink = Literal["auto", "dark", "light"]
_FEWEST_PIXELS = 12  # of a sheet's letter; less is a speck


@dataclass(frozen=True)
class Settings:
    """How to look at an image.

    Attributes
    ----------
    dataset
        ``notmnist`` (letters) or ``mnist`` (digits).
    sheet
        None: an image is one letter. ``(0, 0)``: it holds several, with paper between them.
        Otherwise rows and columns of a grid of equal cells.
    ink
        Whether letters are darker or lighter than their ground; ``auto`` looks at the border.
    """

    dataset: str = "notmnist"
    sheet: tuple[int, int] | None = None
    ink: Ink = "auto"

    @property
    def spec(self) -> Spec:
        """Description of the dataset."""
        return datasets.spec(self.dataset)


def run(arguments: Sequence[str], model_file: Path | None, settings: Settings) -> bool:
    """Print a line for every letter of every image: where, label, probability.

    Returns
    -------
    bool
        Whether all images could be read.

    Raises
    ------
    InkbenchError
        If there is no model for it.
    """
    from inkbench import chosen

    files, unusable = inputs.sources(arguments)
    for error in unusable:
        complain(error)
    if not files:
        return False
    model, whence = chosen.model(settings.dataset, "classification", model_file)
    print(whence, file=sys.stderr)
    sound = not unusable
    with reading.silenced_decoders():
        for path in files:
            try:
                for number, page in enumerate(reading.read(path), 1):
                    where = f"{shown(path)}{f'#{number}' if number > 1 else ''}"
                    for place, label, probability in _named(model, page.pixels, settings):
                        print(f"{where}{place}\t{label}\t{probability:.3f}")
            except InkbenchError as error:
                sound = False
                text = str(error)
                complain(error if text.startswith(shown(path)) else f"{shown(path)}: {text}")
    return sound


def cut(page: np.ndarray, settings: Settings) -> Iterator[tuple[str, np.ndarray]]:
    """Find the letters of an image.

    Parameters
    ----------
    page
        uint8 ``[h, w]``.
    settings
        What to expect.

    Yields
    ------
    place, letter
        ``""`` or such as ``[2,3]`` (row and column, or ``[5]`` for the fifth one), and uint8
        ``[28, 28]``, ink white as in the datasets.
    """
    if settings.sheet is None:
        yield "", fitted(page, settings)
        return
    rows, columns = settings.sheet
    if not rows:
        yield from _scattered(page, settings)
        return
    if rows > page.shape[0] or columns > page.shape[1]:
        raise InkbenchError(
            f"{page.shape[1]}×{page.shape[0]} pixels cannot hold {rows}×{columns} letters"
        )
    blank = True
    for row, band in enumerate(np.array_split(page, rows), 1):
        for column, cell in enumerate(np.array_split(band, columns, axis=1), 1):
            with contextlib.suppress(InkbenchError):  # an empty cell
                letter = fitted(cell, settings)
                blank = False
                yield f"[{row},{column}]", letter
    if blank:
        raise InkbenchError("no letters on this sheet")


def _scattered(page: np.ndarray, settings: Settings) -> Iterator[tuple[str, np.ndarray]]:
    """Letters with paper between them, in reading order: rows first."""
    from scipy import ndimage

    light = _light_ink(page, settings.ink)
    ink = light > _threshold(light)
    found, _ = ndimage.label(ink, np.ones((3, 3)))
    area = np.bincount(found.ravel())[1:]
    boxes = [
        box
        for box, size in zip(ndimage.find_objects(found), area, strict=True)
        if size >= _FEWEST_PIXELS
    ]
    if not boxes:
        raise InkbenchError("no letters on this sheet")
    height = np.median([box[0].stop - box[0].start for box in boxes])
    boxes.sort(key=lambda box: (box[0].start + box[0].stop) / 2)
    line, last, lines = 0, -math.inf, []
    for box in boxes:
        middle = (box[0].start + box[0].stop) / 2
        line += middle - last > 0.6 * height
        last = middle
        lines.append(line)
    order = sorted(range(len(boxes)), key=lambda i: (lines[i], boxes[i][1].start))
    for number, i in enumerate(order, 1):
        yield f"[{number}]", _framed(light[boxes[i]], settings.spec)


def fitted(letter: np.ndarray, settings: Settings) -> np.ndarray:
    """Bring an image of one letter into the datasets' form: uint8 ``[28, 28]``, ink white.

    An image that has that size already is taken as it is, unless its ink is said to be dark.
    """
    if letter.shape == settings.spec.image_shape:
        return 255 - letter if settings.ink == "dark" else letter
    light = _light_ink(letter, settings.ink)
    ink = light > _threshold(light)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not len(rows):
        raise InkbenchError("an empty image: there is no letter on it")
    box = light[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _framed(box, settings.spec)


def _framed(box: np.ndarray, spec: Spec) -> np.ndarray:
    """A letter's box, enlarged to touch the frame as those of the dataset do, on black."""
    height, width = spec.image_shape
    scale = (spec.glyph_size or height) / max(box.shape)
    size = [max(1, round(side * scale)) for side in reversed(box.shape)]
    letter = Image.fromarray(box).resize(size, Image.Resampling.LANCZOS)
    frame = Image.new("L", (width, height))
    frame.paste(letter, ((width - size[0]) // 2, (height - size[1]) // 2))
    return np.asarray(frame)


def _light_ink(page: np.ndarray, ink: Ink) -> np.ndarray:
    """The page with its ink white and its ground black."""
    border = np.concatenate([page[0], page[-1], page[:, 0], page[:, -1]])
    dark = ink == "dark" or (ink == "auto" and np.median(border) > 127)
    light = (255 - page if dark else page).astype(np.float32)
    low, high = np.percentile(light, (2, 99.5))
    spread = max(high - low, 64)  # little more than that may be noise on an empty page
    return np.rint(((light - low) / spread).clip(0, 1) * 255).astype(np.uint8)


def _threshold(light: np.ndarray) -> float:
    from skimage.filters import threshold_otsu

    return max(float(threshold_otsu(light)), 64.0) if light.min() < light.max() else 255.0


def _named(
    model: "keras.Model", pixels: np.ndarray, settings: Settings
) -> Iterator[tuple[str, str, float]]:
    """Place, label and probability of every letter on a page."""
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    places, letters = zip(*cut(grey, settings), strict=True)
    probabilities = np.asarray(model.predict_on_batch(np.stack(letters)))
    for place, row in zip(places, probabilities, strict=True):
        yield place, settings.spec.classes[int(row.argmax())], float(row.max())
