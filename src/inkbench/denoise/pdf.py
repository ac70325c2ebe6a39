"""Pages of a PDF file, drawn by PDFium."""

import threading
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from inkbench.errors import InkbenchError

_POINTS = 72  # an inch
_pdfium = threading.Lock()  # the library knows no threads


def pages(path: Path, dpi: int, most_pixels: int) -> Iterator[Image.Image]:
    """Draw the pages of a PDF, one at a time.

    Parameters
    ----------
    path
        The file.
    dpi
        Resolution.
    most_pixels
        A page that would have more is refused.

    Raises
    ------
    InkbenchError
        If the file is damaged or locked, or a page too large.
    """
    with _pdfium:
        document = _opened(path)
        count = len(document)
    try:
        if not count:
            raise InkbenchError("a PDF without pages")
        for number in range(count):
            with _pdfium:
                image = _drawn(document, number, dpi / _POINTS, most_pixels)
            image.info["dpi"] = (dpi, dpi)
            yield image
    finally:
        with _pdfium:
            document.close()


def _opened(path: Path):
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise InkbenchError("locked with a password; save a copy without one") from None
        raise InkbenchError("a damaged PDF") from None


def _drawn(document, number: int, scale: float, most_pixels: int) -> Image.Image:
    page = document[number]
    try:
        width, height = (side * scale for side in page.get_size())
        if width * height > most_pixels:
            size = f"{width:.0f}×{height:.0f}"
            raise InkbenchError(f"page {number + 1} would be {size} pixels; choose a lower --dpi")
        return page.render(scale=scale).to_pil()
    finally:
        page.close()
