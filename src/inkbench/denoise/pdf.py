"""Render the pages of a PDF file with PDFium."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image, PdfParser

from inkbench.errors import InkbenchError

if TYPE_CHECKING:
    import pypdfium2

_REOPENED = 50  # pages: PDFium keeps the data of all that it rendered until the file is closed


def pages(path: Path, dpi: int, max_pixels: int) -> Iterator[tuple[Image.Image, int]]:
    """Render the pages of a PDF as a viewer shows them, one at a time, in one thread at a time.

    With each comes the number of its annotations that cannot be drawn.

    Raises
    ------
    InkbenchError
        If the file is damaged or encrypted, or a page has more than ``max_pixels``.
    """
    import pypdfium2

    with path.open("rb") as file:  # PDFium itself opens only names in UTF-8
        document = _opened(file)
        try:
            units = _user_units(document, file)  # a point is 1/72 inch
            scales = [dpi / 72 * units.get(number, 1) for number in range(len(document))]
            if not scales:
                raise InkbenchError("a PDF without pages")
            for number, scale in enumerate(scales):  # before any work
                width, height = (side * scale for side in document.get_page_size(number))
                if width * height > max_pixels:
                    size = f"{width:.0f}×{height:.0f}"
                    raise InkbenchError(f"page {number + 1} would have {size} pixels; lower --dpi")
            for number, scale in enumerate(scales):
                if number and not number % _REOPENED:
                    document.close()
                    document = _opened(file)
                with contextlib.closing(document[number]) as page:
                    image, undrawn = page.render(scale=scale).to_pil(), _undrawn(page)
                image.info["dpi"] = (dpi, dpi)
                yield image, undrawn
        except pypdfium2.PdfiumError as error:
            raise InkbenchError(f"a damaged PDF ({error})") from None
        finally:
            document.close()


def _opened(file: BinaryIO) -> "pypdfium2.PdfDocument":
    import pypdfium2
    from pypdfium2 import raw

    try:
        document = pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            reason = "encrypted; open it with its password and save a copy without one"
            raise InkbenchError(reason) from None
        raise InkbenchError("a damaged PDF") from None
    if document.get_formtype() == raw.FORMTYPE_XFA_FULL:
        document.close()
        raise InkbenchError("an XFA form, which only Adobe's reader draws; print it to a PDF there")
    # Form fields are drawn by this environment, also those that no form lists.
    config = raw.FPDF_FORMFILLINFO(version=2)
    environment = raw.FPDFDOC_InitFormFillEnvironment(document, config)
    document.formenv = pypdfium2.PdfFormEnv(environment, config)
    return document


def _undrawn(page: "pypdfium2.PdfPage") -> int:
    """How many visible annotations PDFium cannot draw: shapes and stamps without appearance."""
    from pypdfium2 import raw

    shapes = (raw.FPDF_ANNOT_LINE, raw.FPDF_ANNOT_POLYGON, raw.FPDF_ANNOT_POLYLINE)
    marks = (raw.FPDF_ANNOT_STAMP, raw.FPDF_ANNOT_CARET)
    count = 0
    for number in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        kind, flags = raw.FPDFAnnot_GetSubtype(annotation), raw.FPDFAnnot_GetFlags(annotation)
        hidden = flags & (raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW)
        length = raw.FPDFAnnot_GetAP(annotation, raw.FPDF_ANNOT_APPEARANCEMODE_NORMAL, None, 0)
        count += kind in shapes + marks and not hidden and length <= 2  # bytes of an empty string
        raw.FPDFPage_CloseAnnot(annotation)
    return count


def _user_units(document: "pypdfium2.PdfDocument", file: BinaryIO) -> dict[int, float]:
    """The factor of each page whose unit is not a point (UserUnit), which PDFium ignores."""
    file.seek(0)
    before = b""
    while block := before + file.read(2**20):
        if b"UserUnit" in block or b"ObjStm" in block:
            break
        if len(block) == len(before):
            return {}
        before = block[-8:]
    with tempfile.TemporaryFile() as plain:
        document.save(plain)  # without compressed objects, which Pillow cannot read
        plain.flush()
        try:
            with contextlib.closing(PdfParser.PdfParser(f=plain)) as parser:
                entries = [parser.read_indirect(page) for page in parser.pages]
        except Exception:  # PDFium renders more than Pillow's parser reads
            return {}
    units = {n: entry.get(b"UserUnit") for n, entry in enumerate(entries)}
    return {n: unit for n, unit in units.items() if isinstance(unit, int | float) and unit > 0}
