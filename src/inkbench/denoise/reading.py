"""Read pages from untrusted image and PDF files, with one-line errors.

The content of a file decides its format, not its name. Its size is checked before decoding.
"""

import contextlib
import itertools
import os
import stat
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from inkbench.denoise import pdf
from inkbench.denoise.inputs import shown
from inkbench.errors import InkbenchError

MAX_PIXELS = 80_000_000  # an A3 page at 600 dpi has 70 million

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF")
_REDUCED = 1  # NewSubfileType (TIFF 6.0, section 8): a thumbnail of another page
_DPI = (10, 4800)  # plausible resolutions


@dataclass(frozen=True)
class Scan:
    """One scanned page: uint8 ``[h, w]`` or ``[h, w, 3]``, upright, transparency on white."""

    pixels: np.ndarray
    dpi: tuple[float, float] | None = None  # horizontal, vertical
    exif: Image.Exif = field(default_factory=Image.Exif)  # or TIFF tags
    text: dict[str, str] = field(default_factory=dict)  # chunks of a PNG file


def read(path: Path, pdf_dpi: int = 300) -> Iterator[Scan]:
    """Read the pages of an image file, or of a PDF rendered at a resolution, one at a time.

    Raises
    ------
    InkbenchError
        If the file or one of its pages cannot be read.
    """
    try:
        start = _start(path)
        pages = pdf.pages(path, pdf_dpi, MAX_PIXELS) if b"%PDF-" in start else _frames(path)
        for image in pages:
            yield _scan(image)
    except InkbenchError as error:
        raise InkbenchError(f"{shown(path)}: {error}") from None
    except MemoryError:
        raise InkbenchError(f"{shown(path)}: too large for this machine's memory") from None
    except Exception as error:  # decoders raise undocumented errors for damaged files
        lines = str(error).splitlines() or [type(error).__name__]
        reason = getattr(error, "strerror", None) or lines[0][:120]
        raise InkbenchError(f"{shown(path)}: cannot be read ({reason})") from None


def _start(path: Path) -> bytes:
    """First bytes of a regular file; reading a pipe or device might block forever."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise InkbenchError("not a regular file")
    if status.st_size == 0:
        raise InkbenchError("empty file")
    with path.open("rb") as file:
        return file.read(1024)


def _frames(path: Path) -> Iterator[Image.Image]:
    """The pages of an image file, not yet decoded."""
    try:
        image = Image.open(path, formats=_FORMATS)
    except Image.UnidentifiedImageError:
        raise InkbenchError(
            "unknown format; expected PNG, JPEG, TIFF, WebP, BMP, PNM or PDF"
        ) from None
    except Image.DecompressionBombError:
        raise InkbenchError("too many pixels; save it at a lower resolution") from None
    with image:
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            yield from _tiff_pages(image)
        elif image.format != "MPO" and (count := getattr(image, "n_frames", 1)) > 1:
            raise InkbenchError(f"animated, with {count} frames; save one frame as an image")
        else:  # the other images of a phone's MPO are depth map and preview
            yield image


def _tiff_pages(image: TiffImagePlugin.TiffImageFile) -> Iterator[Image.Image]:
    with contextlib.suppress(EOFError):
        for number in itertools.count():
            image.seek(number)
            if not image.tag_v2.get(254, 0) & _REDUCED or number == 0:
                yield image


def _scan(image: Image.Image) -> Scan:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InkbenchError(
            f"{width}×{height} pixels, the limit is {MAX_PIXELS / 1e6:.0f} million; save it at a "
            "lower resolution or in parts"
        )
    if not width * height:
        raise InkbenchError("has no pixels")
    dpi, exif, size = _dpi(image), image.getexif(), image.size
    text = {k: str(v) for k, v in getattr(image, "text", {}).items() if isinstance(k, str)}
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.size != size and dpi:
        dpi = dpi[::-1]
    return Scan(_plain(image), dpi, exif, text)


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        horizontal, vertical = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    plausible = all(_DPI[0] <= value <= _DPI[1] for value in (horizontal, vertical))
    return (horizontal, vertical) if plausible else None


def _plain(image: Image.Image) -> np.ndarray:
    """Convert any mode to 8-bit grey or RGB, with transparency on white."""
    if image.mode.startswith(("I", "F")):
        return _scaled(np.asarray(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    mode = "L" if image.mode in ("1", "L") else "RGB"
    return np.asarray(image if image.mode == mode else image.convert(mode))


def _scaled(values: np.ndarray) -> np.ndarray:
    """Convert integer or float greys to uint8; their maximum decides which value is white."""
    if not np.isfinite(values).all():
        raise InkbenchError("has NaN or infinite pixels")
    low, high = float(values.min()), float(values.max())
    whites = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (4095.0, 65535.0)
    white = next((white for white in whites if high <= white), None)
    if low < 0 or white is None:
        ranges = " or ".join(f"{white:g}" for white in whites)
        raise InkbenchError(f"pixel values from {low:g} to {high:g}; expected 0 to {ranges}")
    return np.rint(values * np.float32(255 / white)).astype(np.uint8)


@contextlib.contextmanager
def silenced_decoders() -> Iterator[None]:
    """Hide the messages of image libraries about damaged files; our own errors replace them."""
    stderr, saved = sys.stderr, os.dup(2)
    stderr.flush()
    with (
        warnings.catch_warnings(),
        open(os.devnull, "wb") as devnull,
        open(saved, "w", buffering=1, errors="backslashreplace") as messages,
    ):
        warnings.filterwarnings("ignore", module="PIL")
        os.dup2(devnull.fileno(), 2)  # libtiff writes to the file descriptor
        try:
            if stderr is sys.__stderr__:
                sys.stderr = messages
            yield
        finally:
            sys.stderr = stderr
            messages.flush()
            os.dup2(saved, 2)
