"""Write cleaned pages atomically, and overwrite files only on request."""

import contextlib
import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from PIL import Image, PdfParser, PngImagePlugin, TiffImagePlugin

from inkbench import disk
from inkbench.denoise.inputs import comparison
from inkbench.denoise.reading import Scan
from inkbench.errors import InkbenchError, shown

_QUALITY = 92  # of JPEG, also inside PDF: no visible ringing around letters
_COMPARED = 1400  # pixels: largest side of a page in a before/after image
_MAX_POINTS = 14_400  # of a page's side (PDF 1.7, annex C.2); a larger page has larger units
_GAP = 12  # pixels between before and after
_LONGEST = 65_500  # pixels: a side of a JPEG image, also inside PDF
_MAX_TEXT = 4000  # characters; longer metadata is dropped
# Kept tags: title, camera, date, author. Dropped: location, previews and pixel encoding.
_KEPT = (0x010D, 0x010E, 0x010F, 0x0110, 0x011D, 0x0132, 0x013B, 0x8298)
_EXIF_IFD, _KEPT_EXIF = 0x8769, (0x9003, 0x9004, 0x9010, 0x9011)
_DATE, _DATE_TAKEN = 0x0132, 0x9003
# Keywords that the PNG specification defines (section 11.3.3.2); others may hold a location.
_KEYWORDS = {
    *("Title", "Author", "Description", "Copyright", "Creation Time", "Software", "Disclaimer"),
    *("Warning", "Source", "Comment"),
}


Add = Callable[[np.ndarray, Scan], None]  # a page and the metadata of its scan


@contextlib.contextmanager
def writing(
    target: Path, force: bool, instead: Callable[[], Path | None] = lambda: None
) -> Iterator[Add]:
    """Yield a function that appends a page to a file; the file appears if the block succeeds.

    The page is uint8 ``[h, w]`` or ``[h, w, 3]``, its scan has the metadata. If ``instead`` then
    names another file, that is copied, and the pages are dropped.

    Raises
    ------
    InkbenchError
        If the file exists, cannot be written, or cannot hold several pages.
    """
    _refuse_existing(target, force)
    with disk.writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    formats = {".tif": _tiff, ".tiff": _tiff, ".pdf": _pdf}
    with disk.new_file(target) as scratch:
        with formats.get(target.suffix.lower(), _picture)(scratch, target) as add:
            yield add
        if original := instead():
            shutil.copyfile(original, scratch)
        _refuse_existing(target, force)


@contextlib.contextmanager
def without_leftovers(targets: Iterable[PurePath]) -> Iterator[None]:
    """Remove the scratch files of killed processes, before the block and after it."""
    import psutil

    paths = [path for path in targets if isinstance(path, Path)]
    others = set(psutil.pids()) - {os.getpid()}  # they may be writing the same files
    _remove_leftovers(paths, others)
    try:
        yield
    finally:
        _remove_leftovers(paths, others)


def _remove_leftovers(paths: list[Path], others: set[int]) -> None:
    """Remove the scratch files of results and of their comparisons, one page number at a time."""
    disk.remove_leftovers(paths, others)
    number = 1
    while disk.remove_leftovers((comparison(path, number) for path in paths), others):
        number += 1  # comparisons are numbered without gaps


def check_size(target: Path, page: np.ndarray) -> None:
    """Raise an error if a file cannot hold a page, whatever its content."""
    is_jpeg = target.suffix.lower() in (".jpg", ".jpeg", ".pdf")
    if is_jpeg and max(page.shape) > _LONGEST:
        raise InkbenchError(f"{shown(target)}: longer than JPEG allows; choose .png or .tif")


def _refuse_existing(target: Path, force: bool) -> None:
    if target.is_dir():
        raise InkbenchError(f"{shown(target)}: is a folder")
    if os.path.lexists(target) and not force:
        raise InkbenchError(
            f"{shown(target)}: exists; use --force to overwrite it, or --resume to skip it"
        )


class _TiffWriter(TiffImagePlugin.AppendingTiffWriter):
    """Finds the end of the list of pages from the page before, not from the first one."""

    _end = 0

    def skipIFDs(self) -> None:
        if self._end:
            self.f.seek(self._end)
        super().skipIFDs()
        self._end = self.whereToWriteNewIFDOffset or 0


@contextlib.contextmanager
def _tiff(file: Path, target: Path) -> Iterator[Add]:
    def add(page: np.ndarray, scan: Scan) -> None:
        tags = _kept(scan.exif)
        if taken := tags.pop(_EXIF_IFD, {}).get(_DATE_TAKEN):  # libtiff writes no Exif data
            tags.setdefault(_DATE, taken)
        options = {"compression": "tiff_lzw", "exif": tags, "dpi": scan.dpi}
        Image.fromarray(page).save(tiff, "TIFF", **options)
        if stream.seek(0, os.SEEK_END) >= 2**32:
            raise InkbenchError(f"{shown(target)}: more than 4 GB, TIFF's limit; choose .pdf")
        tiff.newFrame()

    with file.open("w+b") as stream:
        tiff = _TiffWriter(stream)
        try:
            yield add
        finally:
            tiff.isFirst = True  # its finaliser does nothing: it would seek in a closed file


@contextlib.contextmanager
def _pdf(file: Path, target: Path) -> Iterator[Add]:
    """Write each page at once: Pillow's own ``append`` rewrites all earlier ones."""
    name = PdfParser.PdfName

    def add(page: np.ndarray, scan: Scan) -> None:
        if page.ndim == 3 and (page == page[..., :1]).all():
            page = page[..., 0]
        image, jpeg = Image.fromarray(page), _jpeg(page)
        across, down = scan.dpi or (150, 150)
        size = [image.width * 72 / across, image.height * 72 / down]  # points
        unit = max(1, *(side / _MAX_POINTS for side in size))
        size = [side / unit for side in size]
        picture = document.write_obj(
            None,
            stream=jpeg,
            Type=name("XObject"),
            Subtype=name("Image"),
            Width=image.width,
            Height=image.height,
            ColorSpace=name("DeviceGray" if image.mode == "L" else "DeviceRGB"),
            BitsPerComponent=8,
            Filter=name("DCTDecode"),
        )
        contents = document.write_obj(None, stream=b"%f 0 0 %f 0 0 cm /page Do" % tuple(size))
        document.pages.append(
            document.write_page(
                None,
                MediaBox=[0, 0, *size],
                Resources=PdfParser.PdfDict(XObject=PdfParser.PdfDict(page=picture)),
                Contents=contents,
                **({"UserUnit": unit} if unit > 1 else {}),
            )
        )

    with file.open("w+b") as stream:
        document = PdfParser.PdfParser(f=stream, mode="w+b")
        stream.write(b"%PDF-1.6\n%\xe2\xe3\xcf\xd3\n")  # the second line marks a binary file
        document.pages_ref = document.next_object_id(0)
        document.info["Title"] = shown(target.stem)
        yield add
        document.root_ref = document.write_obj(None, Type=name("Catalog"), Pages=document.pages_ref)
        tree = {"Type": name("Pages"), "Count": len(document.pages), "Kids": document.pages}
        document.write_obj(document.pages_ref, **tree)
        document.write_xref_and_trailer()


@contextlib.contextmanager
def _picture(file: Path, target: Path) -> Iterator[Add]:
    def add(page: np.ndarray, scan: Scan) -> None:
        exif = _kept(scan.exif) or b""
        if file.exists():
            raise InkbenchError(
                f"{shown(target)}: this format holds one page, but the input has several; "
                "choose .tif or .pdf"
            )
        if target.suffix.lower() == ".png":
            options = {"pnginfo": _chunks(scan.text), "dpi": scan.dpi, "exif": exif}
            Image.fromarray(page).save(file, "PNG", **options)
        else:
            file.write_bytes(_jpeg(page, exif=exif, dpi=scan.dpi or (0, 0)))

    file.touch()  # an error if the folder may not be written
    file.unlink()
    yield add


def _jpeg(page: np.ndarray, **options: Any) -> bytes:
    """The content of a JPEG file. Pillow itself does not notice a full disk."""
    stream = io.BytesIO()
    Image.fromarray(page).save(stream, "JPEG", quality=_QUALITY, subsampling=0, **options)
    return stream.getvalue()


def _kept(exif: Image.Exif) -> Image.Exif:
    kept = Image.Exif()
    text = {tag: exif[tag] for tag in _KEPT if isinstance(exif.get(tag), str)}
    for tag, value in text.items():
        if len(value) <= _MAX_TEXT:
            kept[tag] = value.encode("latin-1", "replace")  # as Pillow reads it; it writes ASCII
    details = exif.get_ifd(_EXIF_IFD)
    times = {tag: details[tag] for tag in _KEPT_EXIF if isinstance(details.get(tag), str)}
    if times:
        kept[_EXIF_IFD] = times
    return kept


def _chunks(text: dict[str, str]) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    for key, value in text.items():
        if key.title() in _KEYWORDS and len(value) <= _MAX_TEXT:
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
