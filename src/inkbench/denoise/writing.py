"""Write cleaned pages atomically, and overwrite files only on request."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

from inkbench import disk
from inkbench.denoise.inputs import shown
from inkbench.denoise.reading import Scan
from inkbench.errors import InkbenchError

_QUALITY = 92  # of JPEG, also inside PDF: no visible ringing around letters
_COMPARED = 1400  # pixels: largest side of a page in a before/after image
_GAP = 12  # pixels between before and after
_MAX_TEXT = 4000  # characters; longer metadata is dropped
# Kept tags: title, camera, date, author. Dropped: location, previews and pixel encoding.
_KEPT = (0x010D, 0x010E, 0x010F, 0x0110, 0x011D, 0x0132, 0x013B, 0x8298)
_EXIF_IFD, _KEPT_EXIF = 0x8769, (0x9003, 0x9004, 0x9010, 0x9011)


@contextlib.contextmanager
def writing(target: Path, force: bool) -> Iterator[Callable[[np.ndarray, Scan], None]]:
    """Yield a function that appends a page to a file; the file appears if the block succeeds.

    The page is uint8 ``[h, w]`` or ``[h, w, 3]``, its scan has the metadata.

    Raises
    ------
    InkbenchError
        If the file exists, cannot be written, or cannot hold several pages.
    """
    _refuse_existing(target, force)
    with disk.writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with disk.new_file(target) as scratch:
        scratch.unlink(missing_ok=True)
        yield functools.partial(_append, scratch, target)
        _refuse_existing(target, force)


def _refuse_existing(target: Path, force: bool) -> None:
    if target.is_dir():
        raise InkbenchError(f"{shown(target)}: is a folder")
    if os.path.lexists(target) and not force:
        raise InkbenchError(f"{shown(target)}: exists; use --force to overwrite it")


def _append(file: Path, target: Path, page: np.ndarray, scan: Scan) -> None:
    image, exif, suffix = Image.fromarray(page), _kept(scan.exif), target.suffix.lower()
    append = file.exists()
    if suffix in (".tif", ".tiff"):
        with file.open("r+b" if append else "w+b") as stream:
            tiff = TiffImagePlugin.AppendingTiffWriter(stream)
            image.save(tiff, "TIFF", compression="tiff_lzw", exif=exif, dpi=scan.dpi)
            tiff.newFrame()
            del tiff  # its finaliser seeks: on Python 3.13, a closed file would cause a warning
    elif suffix == ".pdf":
        title, dpi = None if append else shown(target.stem), scan.dpi or (150, 150)
        image.save(file, "PDF", append=append, dpi=dpi, quality=_QUALITY, title=title)
    elif append:
        raise InkbenchError(
            f"{shown(target)}: this format holds one page, but the input has several; "
            "choose .tif or .pdf"
        )
    elif suffix == ".png":
        image.save(file, "PNG", pnginfo=_chunks(scan.text), dpi=scan.dpi, exif=exif or b"")
    else:
        options = {"quality": _QUALITY, "subsampling": 0, "dpi": scan.dpi or (0, 0)}
        image.save(file, "JPEG", exif=exif or b"", **options)


def _kept(exif: Image.Exif) -> Image.Exif:
    kept = Image.Exif()
    text = {tag: exif[tag] for tag in _KEPT if isinstance(exif.get(tag), str)}
    kept.update({tag: value for tag, value in text.items() if len(value) <= _MAX_TEXT})
    details = exif.get_ifd(_EXIF_IFD)
    times = {tag: details[tag] for tag in _KEPT_EXIF if isinstance(details.get(tag), str)}
    if times:
        kept.get_ifd(_EXIF_IFD).update(times)
    return kept


def _chunks(text: dict[str, str]) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    for key, value in text.items():
        if len(value) <= _MAX_TEXT and 0 < len(key.encode("latin-1", "replace")) < 80:
            chunks.add_itxt(key, value)
    return chunks


def side_by_side(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Draw a before/after image, in colour if ``before`` is, of two pages of the same size."""
    height, width = before.shape[:2]
    shrink = min(1, _COMPARED / height, _COMPARED / width)
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    mode = "RGB" if before.ndim == 3 else "L"
    canvas = Image.new(mode, (2 * size[0] + _GAP, size[1]), "#8d99ae")
    for column, pixels in enumerate((before, after)):
        image = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
        canvas.paste(image, (column * (size[0] + _GAP), 0))
    return np.asarray(canvas)
