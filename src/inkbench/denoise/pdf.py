"""Render the pages of a PDF file with PDFium."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from inkbench.errors import InkbenchError

_pdfium = threading.Lock()  # PDFium is not thread-safe


def pages(path: Path, dpi: int, max_pixels: int) -> Iterator[Image.Image]:
    """Render the pages of a PDF, one at a time.

    Raises
    ------
    InkbenchError
        If the file is damaged or encrypted, or a page has more than ``max_pixels``.
    """
    import pypdfium2

    try:
        with _pdfium:
            document = pypdfium2.PdfDocument(path)
            count = len(document)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise InkbenchError("protected by a password; save a copy without one") from None
        raise InkbenchError("a damaged PDF") from None
    scale = dpi / 72  # a point is 1/72 inch
    try:
        if not count:
            raise InkbenchError("a PDF without pages")
        for number in range(count):
            with _pdfium, contextlib.closing(document[number]) as page:
                width, height = (side * scale for side in page.get_size())
                if width * height > max_pixels:
                    size = f"{width:.0f}×{height:.0f}"
                    raise InkbenchError(f"page {number + 1} would have {size} pixels; lower --dpi")
                image = page.render(scale=scale).to_pil()
            image.info["dpi"] = (dpi, dpi)
            yield image
    finally:
        with _pdfium:
            document.close()
