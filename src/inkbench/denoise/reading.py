"""Read pages from untrusted image and PDF files, with one-line errors.

The content of a file decides its format, not its name. Its size is checked before decoding.
"""

import contextlib
import os
import re
import stat
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, ImageSequence, TiffImagePlugin

from inkbench.denoise import pdf
from inkbench.denoise.formats import FORMATS, kind, refusal
from inkbench.errors import InkbenchError, quiet_stderr, shown

MAX_PIXELS = 80_000_000  # an A3 page at 600 dpi has 70 million

_RAW = (".cr2", ".dng", ".nef")  # of cameras
_THUMBNAIL, _MASK = 1, 4  # NewSubfileType (TIFF 6.0, section 8): of another page
_SIDEWAYS = (5, 6, 7, 8)  # orientations that swap width and height (TIFF 6.0, section 8)
_DPI = (10, 4800)  # plausible resolutions
_OBLONG = (1.1, 4)  # pixels whose sides have such a ratio, as those of a fax, become square
_WHITES = (1, 255, 1023, 4095, 16383, 65535)  # brightest values of 1, 8, 10, … 16 bits
_SIGNED_WHITE = 32767
_WIDE = (2**31 - 1, 2**32 - 1)  # of 32 bits, if at least half of the range is used
_DARK = 64  # high bytes of 16 bits that are all below it need their low bytes, too

# Tags (TIFF 6.0, section 8, and Supplement 1).
_BITS, _PHOTOMETRIC, _PLANAR, _MAX_SAMPLE, _SAMPLE_FORMAT = 258, 262, 284, (281, 341), 339
_SUBFILE_TYPE, _SUBFILES = 254, 330
# Deep greys that Pillow can decode, but does not list: WhiteIsZero, big-endian and 64 bits.
for _order, _end in ((b"II", ""), (b"MM", "B")):
    for _kind, _bits, _mode, _raw in (
        (1, 12, "I;16", "I;12"),
        (1, 16, f"I;16{_end}", f"I;16{_end}"),
        (2, 16, "I", f"I;16{_end}S"),
        (1, 32, "I", f"I;32{_end}"),
        (2, 32, "I", f"I;32{_end}S"),
        (3, 32, "F", f"F;32{_end}F"),
        (3, 64, "F", f"F;64{_end}F"),
    ):
        for _zero in (0, 1):  # white, black
            _key = (_order, _zero, (_kind,), 1, (_bits,), ())
            TiffImagePlugin.OPEN_INFO.setdefault(_key, (_mode, _raw))


@dataclass(frozen=True)
class Scan:
    """One scanned page: uint8 ``[h, w]`` or ``[h, w, 3]``, upright, transparency on white."""

    pixels: np.ndarray
    dpi: tuple[float, float] | None = None  # horizontal, vertical
    exif: Image.Exif = field(default_factory=Image.Exif)  # or TIFF tags
    text: dict[str, str] = field(default_factory=dict)  # chunks of a PNG file
    undrawn: int = 0  # annotations of a PDF that cannot be drawn


def read(path: Path, pdf_dpi: int = 300) -> Iterator[Scan]:
    """Read the pages of an image file, or of a PDF rendered at a resolution, one at a time.

    Raises
    ------
    InkbenchError
        If the file or one of its pages cannot be read.
    """
    try:
        _check(path)
        if kind(path) == "PDF":
            for image, undrawn in pdf.pages(path, pdf_dpi, MAX_PIXELS):
                yield replace(_scan(image, path), undrawn=undrawn)
        else:
            for image in _frames(path):
                yield _scan(image, path)
    except InkbenchError as error:
        raise InkbenchError(f"{shown(path)}: {error}") from None
    except MemoryError:
        raise InkbenchError(f"{shown(path)}: too large for this machine's memory") from None
    except Exception as error:  # decoders raise undocumented errors for damaged files
        lines = str(error).splitlines() or [type(error).__name__]
        reason = getattr(error, "strerror", None) or lines[0][:120]
        raise InkbenchError(f"{shown(path)}: cannot be read ({reason})") from None


def _check(path: Path) -> None:
    """Refuse what is no regular file; reading a pipe or device might block forever."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise InkbenchError("not a regular file")
    if status.st_size == 0:
        raise InkbenchError("empty file")


def _frames(path: Path) -> Iterator[Image.Image]:
    """The pages of an image file, not yet decoded."""
    with path.open("rb") as file:  # from a path, Pillow maps files, and then forgets to turn them
        try:
            image = Image.open(file, formats=FORMATS)
        except Image.UnidentifiedImageError:
            raise InkbenchError(refusal(kind(path))) from None
        except Image.DecompressionBombError:
            raise InkbenchError("too many pixels; save it at a lower resolution") from None
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            is_thumbnail = image.tag_v2.get(_SUBFILE_TYPE, 0) & _THUMBNAIL
            if path.suffix.lower() in _RAW or (is_thumbnail and _SUBFILES in image.tag_v2):
                raise InkbenchError("a camera's raw file; export it as JPEG")
            yield from _tiff_pages(image)
        elif image.format != "MPO" and (count := getattr(image, "n_frames", 1)) > 1:
            raise InkbenchError(f"animated, with {count} frames; save one frame as an image")
        else:  # the other images of a phone's MPO are depth map and preview
            yield image


def _tiff_pages(image: TiffImagePlugin.TiffImageFile) -> Iterator[Image.Image]:
    for number, _ in enumerate(ImageSequence.Iterator(image)):
        _mend_tiles(image)
        if not image.tag_v2.get(_SUBFILE_TYPE, 0) & (_THUMBNAIL | _MASK) or number == 0:
            yield image
        image.info.clear()  # or a page without resolution keeps that of the page before


def _mend_tiles(image: ImageFile.ImageFile) -> None:
    """Correct the byte order and depth that Pillow assumes for some pages of a TIFF file."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or not image.tile:
        return
    if image.tile[0].codec_name == "libtiff":  # it swaps bytes itself
        _change(image, lambda raw: re.sub("(16|32|64)B", r"\1N", raw))
    elif image.tag_v2.get(_PLANAR) == 2 and image.tag_v2.get(_BITS, (8,))[0] == 16:
        order = "L" if image.tag_v2.prefix == b"II" else "B"
        _change(image, lambda raw: f"{raw};16{order}")


def _scan(image: Image.Image, path: Path) -> Scan:
    _check_size(image.size)
    deep_colour = image.mode.startswith("RGB") and ";16" in str(getattr(image, "tile", ""))
    dpi, exif = _dpi(image), image.getexif()
    text = {k: str(v) for k, v in getattr(image, "text", {}).items() if isinstance(k, str)}
    if dpi and exif.get(ExifTags.Base.Orientation) in _SIDEWAYS:
        dpi = dpi[::-1]
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if deep_colour and _is_dark(image):
        image = _sixteen_bits(image, path)
    pixels = _plain(image)
    if dpi and _OBLONG[0] < max(dpi) / min(dpi) < _OBLONG[1]:
        across, down = (max(dpi) / value for value in dpi)
        size = round(image.width * across), round(image.height * down)
        _check_size(size)
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
        dpi = (max(dpi), max(dpi))
    return Scan(pixels, dpi, exif, text)


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise InkbenchError(
            f"{width}×{height} pixels, the limit is {MAX_PIXELS / 1e6:.0f} million; save it at a "
            "lower resolution or in parts"
        )
    if not width * height:
        raise InkbenchError("has no pixels")


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
        return _deep(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        pixels = np.asarray(image)
        if pixels[..., 3].any() or not np.ptp(pixels, axis=(0, 1)).any():
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        # Otherwise all is transparent: a program left the alpha channel empty.
    mode = "L" if image.mode in ("1", "L") else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels * np.uint8(255) if pixels.max() == 1 else pixels


def _deep(image: Image.Image) -> np.ndarray:
    """Convert greys of more than 8 bits to uint8."""
    values, tags = np.asarray(image), getattr(image, "tag_v2", {})
    if image.mode == "I" and tags.get(_SAMPLE_FORMAT, (1,))[0] == 1:
        values = values.view(np.uint32)  # Pillow has signed ones only
    tops = [np.max(tags[tag]) for tag in _MAX_SAMPLE if tag in tags]
    if tags.get(_SAMPLE_FORMAT, (1,))[0] == 2 or values.max() == _SIGNED_WHITE:
        tops.append(_SIGNED_WHITE)
    scaled = _scaled(values, *tops)
    return 255 - scaled if tags.get(_PHOTOMETRIC) == 0 else scaled


def _scaled(values: np.ndarray, *tops: float) -> np.ndarray:
    """Convert integers or floats to uint8.

    White is the smallest usual maximum, or one of ``tops``, that no value exceeds.
    """
    if not np.isfinite(values).all():
        raise InkbenchError("has NaN or infinite pixels; save it with 8 bits")
    floats = values.dtype.kind == "f"
    low, high = float(values.min()), float(values.max())
    margin = 1.01 if floats else 1  # resized pages overshoot
    tops = (*_WHITES, *tops, *(top for top in _WIDE if high > top / 2))
    white = min((top for top in tops if top > 0 and high <= top * margin), default=high)
    if low < white * (1 - margin) or (floats and white > _WHITES[-1]):
        ranges = f"0 to 1, 255 or {_WHITES[-1]}; save it with 8 bits"
        raise InkbenchError(f"pixel values from {low:g} to {high:g}; expected {ranges}")
    return np.rint((values * np.float32(255 / white)).clip(0, 255)).astype(np.uint8)


def _is_dark(image: Image.Image) -> bool:
    """Whether high bytes show little of a page; on transparent paper, there may be black only."""
    channels: Any = image.getextrema()
    return all(high < _DARK for _, high in channels[:3]) and all(a == b for a, b in channels[3:])


def _sixteen_bits(image: Image.Image, path: Path) -> Image.Image:
    """RGB of 16 bits in a smaller range. Pillow keeps the high bytes; this adds the low ones."""

    def low_bytes(raw: str) -> str:
        return raw[:-1] + ("L" if raw.endswith("B") or sys.byteorder + raw[-1] == "bigN" else "B")

    with path.open("rb") as file, Image.open(file, formats=FORMATS) as low:
        low.seek(image.tell())
        _mend_tiles(low)
        _change(low, low_bytes)
        ImageOps.exif_transpose(low, in_place=True)
        high_bytes, rest = (np.asarray(part.convert("RGB"), np.uint16) for part in (image, low))
    scaled = Image.fromarray(_scaled(high_bytes * np.uint16(256) + rest))
    if image.mode == "RGBA":
        scaled.putalpha(image.getchannel("A"))
    return scaled


def _change(image: ImageFile.ImageFile, change: Callable[[str], str]) -> None:
    """Change the raw mode of the tiles of an image that is not yet decoded."""
    for number, tile in enumerate(image.tile):
        raw, *rest = [tile.args] if isinstance(tile.args, str) else tile.args or [""]
        image.tile[number] = tile._replace(args=(change(raw), *rest))


@contextlib.contextmanager
def silenced_decoders() -> Iterator[None]:
    """Hide the messages of image libraries about damaged files; our own errors replace them."""
    stderr = sys.stderr
    stderr.flush()
    with (
        warnings.catch_warnings(),
        open(os.dup(2), "w", buffering=1, errors="backslashreplace") as messages,
        quiet_stderr(),  # libtiff writes to the file descriptor
    ):
        warnings.filterwarnings("ignore", module="PIL")
        try:
            if stderr is sys.__stderr__:
                sys.stderr = messages
            yield
        finally:
            sys.stderr = stderr
            messages.flush()
