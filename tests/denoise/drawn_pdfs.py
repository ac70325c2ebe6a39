"""PDF files that are written here, object by object."""

import zlib
from collections.abc import Sequence

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
WIDGET = b"/Type /Annot /Subtype /Widget /F 4 /Rect [20 20 180 80] /DA (/Helv 12 Tf 0 g)"
BLACK = b"0 0 1000 1000 re f"


def pdf(objects: Sequence[bytes], compressed: bool = False) -> bytes:
    """A file of objects from number 1, of which the first is the catalog.

    ``compressed`` puts those without a stream into an object stream, as in PDF 1.5.
    """
    out, rows, packed = b"%PDF-1.7\n", [(0, 0, 65535)], []
    for number, content in enumerate(objects, 1):
        if compressed and b"stream" not in content:
            rows.append((2, len(objects) + 1, len(packed)))
            packed.append((number, content))
        else:
            rows.append((1, len(out), 0))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    if not compressed:
        start, size = len(out), len(rows)
        out += b"xref\n0 %d\n" % size + b"".join(
            b"%010d %05d %c \n" % (offset, generation, b"fn"[kind])
            for kind, offset, generation in rows
        )
        end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        return out + end % (size, start)
    heads, body = b"", b""
    for number, content in packed:
        heads += b"%d %d " % (number, len(body))
        body += content + b"\n"
    rows.append((1, len(out), 0))
    head = b"/Type /ObjStm /N %d /First %d /Filter /FlateDecode" % (len(packed), len(heads))
    out += b"%d 0 obj\n%s\nendobj\n" % (len(rows) - 1, stream(head, zlib.compress(heads + body)))
    start = len(out)
    rows.append((1, start, 0))
    table = b"".join(
        kind.to_bytes(1) + where.to_bytes(4) + index.to_bytes(2) for kind, where, index in rows
    )
    head = b"/Type /XRef /Size %d /W [1 4 2] /Root 1 0 R" % len(rows)
    out += b"%d 0 obj\n%s\nendobj\n" % (len(rows) - 1, stream(head, table))
    return out + b"startxref\n%d\n%%%%EOF\n" % start


def stream(head: bytes, data: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(data), data)


def one_page(
    annotations: Sequence[bytes] = (),
    form: bytes | None = None,
    page: bytes = b"",
    more: bytes = b"",
) -> bytes:
    """A page of 200×100 points without contents. The annotations are objects from number 6.

    ``form`` completes the document's AcroForm, which lists all annotations as fields; None leaves
    it out. The object after the annotations is a form XObject that is all black; ``more`` completes
    the catalog.
    """
    names = b" ".join(b"%d 0 R" % (6 + number) for number in range(len(annotations)))
    fonts = b"<< /Font << /Helv 5 0 R >> >>"
    acro = b"" if form is None else b"/AcroForm << /Fields [%s] /DR %s %s >>" % (names, fonts, form)
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R %s %s >>" % (acro, more),
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R %s /Contents 4 0 R /Resources %s /Annots [%s] >>"
            % (page or b"/MediaBox [0 0 200 100]", fonts, names),
            stream(b"", b""),
            FONT,
            *annotations,
            stream(b"/Type /XObject /Subtype /Form /BBox [0 0 160 60]", BLACK),
        ]
    )
