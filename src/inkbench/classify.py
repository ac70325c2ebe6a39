"""Classify letters or digits in images: `inkbench classify`."""

import contextlib
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from inkbench import datasets
from inkbench.datasets.specs import Spec
from inkbench.denoise import inputs, reading
from inkbench.errors import InkbenchError, print_error, shown

if TYPE_CHECKING:
    import keras


_MIN_AREA = 12  # pixels of a letter on a sheet; smaller components are specks
_MARGIN = 2  # pixels by which a letter of the dataset's size may differ from it
_EMPTY = "no letter in this image"


@dataclass(frozen=True)
class Settings:
    """How to find the letters (``notmnist``) or digits (``mnist``) of an image.

    ``sheet`` is None for an image of one letter, ``(0, 0)`` for letters separated by paper, or the
    rows and columns of a grid of equal cells. The ink is ``dark`` or ``light`` relative to the
    background; ``auto`` inspects the border, and the network decides where that is unclear.
    """

    dataset: str = "notmnist"
    sheet: tuple[int, int] | None = None
    ink: str = "auto"

    @property
    def spec(self) -> Spec:
        """Description of the dataset."""
        return datasets.spec(self.dataset)


def run(arguments: Sequence[str], model_file: Path | None, settings: Settings) -> bool:
    """Print file and position, label and probability of every letter, one per line.

    Returns
    -------
    bool
        Whether all images could be read.

    Raises
    ------
    InkbenchError
        If there is no suitable model.
    """
    from inkbench import chosen

    files, errors = inputs.sources(arguments)
    for error in errors:
        print_error(error)
    if not files:
        return False
    model, source = chosen.model(settings.dataset, "classification", model_file)
    print(source, file=sys.stderr)
    complete = not errors
    with reading.silenced_decoders():
        for path in files:
            try:
                for number, page in enumerate(reading.read(path), 1):
                    prefix = f"{shown(path)}{f'#{number}' if number > 1 else ''}"
                    for place, label, probability in _predict(model, page.pixels, settings):
                        print(f"{prefix}{place}\t{label}\t{probability:.3f}")
            except InkbenchError as error:
                complete = False
                message = str(error).removeprefix(f"{shown(path)}: ")
                print_error(f"{shown(path)}: {message}")
    return complete


def cut(page: np.ndarray, settings: Settings) -> Iterator[tuple[str, np.ndarray]]:
    """Cut a page, uint8 ``[h, w]``, into letters.

    Yields
    ------
    place, letter
        ``""`` for a single letter, ``[2,3]`` for a row and column, or ``[5]`` for the fifth letter;
        and uint8 ``[h, w]`` with white ink, as in the dataset. A letter comes twice, from dark and
        from light ink, if it fills its image so that the border does not tell.
    """
    rows, columns = settings.sheet or (1, 1)
    if not rows:
        yield from _scattered(page, settings)
        return
    if rows > page.shape[0] or columns > page.shape[1]:
        raise InkbenchError(
            f"{page.shape[1]}×{page.shape[0]} pixels are too few for a {rows}x{columns} grid"
        )
    blank = True
    for row, band in enumerate(np.array_split(page, rows), 1):
        for column, cell in enumerate(np.array_split(band, columns, axis=1), 1):
            for ink in _inks(cell, settings.ink):
                with contextlib.suppress(InkbenchError):  # an empty cell
                    letter = fitted(cell, replace(settings, ink=ink))
                    blank = False
                    yield f"[{row},{column}]" if settings.sheet else "", letter
    if blank:
        raise InkbenchError("no letters on this sheet" if settings.sheet else _EMPTY)


def _scattered(page: np.ndarray, settings: Settings) -> Iterator[tuple[str, np.ndarray]]:
    """Letters separated by paper, in reading order."""
    from scipy import ndimage

    light, ink = _light_ink(page, settings.ink)
    components, _ = ndimage.label(ink, np.ones((3, 3)))
    areas = np.bincount(components.ravel())[1:]
    boxes = list(itertools.compress(ndimage.find_objects(components), areas >= _MIN_AREA))
    if not boxes:
        raise InkbenchError("no letters on this sheet")
    boxes.sort(key=lambda box: box[0].start + box[0].stop)
    top, bottom, left = np.array([(y.start, y.stop, x.start) for y, x in boxes]).T
    centre = (top + bottom) / 2
    lines = np.cumsum(np.diff(centre, prepend=-np.inf) > 0.6 * np.median(bottom - top))
    for number, i in enumerate(np.lexsort((left, lines)), 1):
        yield f"[{number}]", _framed(light[boxes[i]], settings.spec)


def fitted(letter: np.ndarray, settings: Settings) -> np.ndarray:
    """Crop and resize an image of one letter as in the dataset: uint8 ``[h, w]``, white ink.

    An image that has this size already, and a letter of the dataset's size in it, is not resized.
    """
    spec = settings.spec
    is_sized = letter.shape == spec.image_shape
    ink_of = _inks(letter, settings.ink)[-1] if is_sized else settings.ink
    light, ink = _light_ink(letter, ink_of)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not len(rows):
        raise InkbenchError(_EMPTY)
    box = light[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if is_sized and abs(max(box.shape) - (spec.glyph_size or max(letter.shape))) <= _MARGIN:
        return 255 - letter if ink_of == "dark" else letter
    return _framed(box, spec)


def _inks(letter: np.ndarray, ink: str) -> tuple[str, ...]:
    """The ink that a letter may have; both kinds if its border does not tell."""
    if ink != "auto":
        return (ink,)
    light = (_border(letter) > _middle(letter)).mean()
    return ("dark", "light") if 0.05 < light < 0.95 else ("dark" if light > 0.5 else "light",)


def _border(page: np.ndarray) -> np.ndarray:
    return np.concatenate([page[0], page[-1], page[:, 0], page[:, -1]])


def _middle(page: np.ndarray) -> float:
    """Between the darkest and the brightest pixel."""
    return (float(page.min()) + float(page.max())) / 2


def _framed(box: np.ndarray, spec: Spec) -> np.ndarray:
    """Resize a letter to its size in the dataset, centred on black."""
    height, width = spec.image_shape
    scale = (spec.glyph_size or height) / max(box.shape)
    size = [max(1, round(side * scale)) for side in reversed(box.shape)]
    letter = Image.fromarray(box).resize(size, Image.Resampling.LANCZOS)
    frame = Image.new("L", (width, height))
    frame.paste(letter, ((width - size[0]) // 2, (height - size[1]) // 2))
    return np.asarray(frame)


def _light_ink(page: np.ndarray, ink: str) -> tuple[np.ndarray, np.ndarray]:
    """The page with white ink on black, its contrast stretched, and the mask of its ink."""
    from skimage.filters import threshold_otsu

    dark = ink == "dark" or (ink == "auto" and np.median(_border(page)) > _middle(page))
    light = (255 - page if dark else page).astype(np.float32)
    low, high = np.percentile(light, (2, 99.5))
    spread = max(high - low, 64)  # a smaller range may be noise on an empty page
    light = np.rint(((light - low) / spread).clip(0, 1) * 255).astype(np.uint8)
    if light.min() == light.max():
        return light, np.zeros(page.shape, bool)
    return light, light > max(threshold_otsu(light), 64)


def _predict(
    model: "keras.Model", pixels: np.ndarray, settings: Settings
) -> Iterator[tuple[str, str, float]]:
    """Position, label and probability of every letter on a page."""
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    places, letters = zip(*cut(grey, settings), strict=True)
    probabilities = np.asarray(model.predict_on_batch(np.stack(letters)))
    surest: dict[str, np.ndarray] = {}
    for place, row in zip(places, probabilities, strict=True):
        surest[place] = max(surest.get(place, row), row, key=np.max)
    for place, row in surest.items():
        yield place, settings.spec.classes[int(row.argmax())], float(row.max())
