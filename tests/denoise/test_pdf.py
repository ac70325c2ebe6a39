"""`reading.read` renders PDF pages as a viewer shows them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_pdfs import BLACK, WIDGET, one_page, pdf, stream

from inkbench.denoise.reading import Scan, read
from inkbench.denoise.writing import writing
from inkbench.errors import InkbenchError

APPEARANCE = b"/AP << /N %d 0 R >>"


def render(content: bytes, dpi: int = 72, name: str = "a.pdf") -> list[Scan]:
    Path(name).write_bytes(content)
    return list(read(Path(name), pdf_dpi=dpi))


def ink(content: bytes) -> int:
    """Dark pixels of the only page."""
    (scan,) = render(content)
    return int((scan.pixels < 128).any(-1).sum())


def error(content: bytes) -> str:
    with pytest.raises(InkbenchError) as raised:
        render(content)
    assert str(raised.value).startswith("a.pdf: ") and "\n" not in str(raised.value)
    return str(raised.value)


TEXT = b"/FT /Tx /T (name) /V (Hello World)"
TICK = b"/FT /Btn /T (agree) /V /Yes /AS /Yes /MK << /CA (4) >>"
FIELDS = {
    "text": (TEXT, b""),
    "text, to be drawn anew": (TEXT, b"/NeedAppearances true"),
    "text, stale appearance": (TEXT + b"/AP << /N 4 0 R >>", b"/NeedAppearances true"),
    "text in UTF-16": (b"/FT /Tx /T (name) /V <FEFF00480065006C006C006F>", b""),
    "text, several lines": (b"/FT /Tx /Ff 4096 /T (name) /V (Hello wide and open world)", b""),
    "text with appearance": (TEXT + APPEARANCE % 7, b""),
    "text in no form": (TEXT + APPEARANCE % 7, None),
    "text in no form, without appearance": (TEXT, None),
    "choice": (b"/FT /Ch /Ff 131072 /T (n) /V (Two) /Opt [(One) (Two)]", b""),
    "list": (b"/FT /Ch /T (n) /V (Two) /Opt [(One) (Two)]", b""),
    "ticked box": (TICK, b""),
    "ticked box with appearance": (TICK + b"/AP << /N << /Yes 7 0 R /Off 4 0 R >> >>", b""),
    "button": (b"/FT /Btn /Ff 65536 /T (b) /MK << /CA (Press) /BC [0] >>", b""),
    "signature": (b"/FT /Sig /T (s)" + APPEARANCE % 7, b""),
}


@pytest.mark.parametrize(("field", "form"), FIELDS.values(), ids=FIELDS)
def test_form_fields_are_drawn(field, form, here):
    assert ink(one_page([b"<< %s %s >>" % (WIDGET, field)], form)) > 50


@pytest.mark.parametrize("flag", [2, 32], ids=["hidden", "not for the screen"])
def test_hidden_form_fields_are_not_drawn(flag, here):
    widget = WIDGET.replace(b"/F 4", b"/F %d" % flag)
    assert ink(one_page([b"<< %s %s >>" % (widget, TEXT)], b"")) == 0


@pytest.mark.parametrize(
    "annotation",
    [
        b"/Square /C [0 0 0] /BS << /W 4 >>",
        b"/Ink /C [0 0 0] /InkList [[30 30 100 70 170 30]] /BS << /W 3 >>",
        b"/StrikeOut /C [0 0 0] /QuadPoints [20 80 180 80 20 20 180 20]",
        b"/FreeText /Contents (Hello note) /DA (/Helv 12 Tf 0 g)",
        b"/Stamp" + APPEARANCE % 7,
        b"/Line /L [30 30 170 70]" + APPEARANCE % 7,
    ],
)
def test_annotations_are_drawn(annotation, here):
    head = b"/Type /Annot /F 4 /Rect [20 20 180 80] /Subtype"
    assert ink(one_page([b"<< %s %s >>" % (head, annotation)])) > 50


@pytest.mark.parametrize("flags", [4, 2, 32], ids=["shown", "hidden", "not for the screen"])
def test_annotations_that_cannot_be_drawn_are_counted(flags, here):
    head = b"/Type /Annot /F %d /Rect [20 20 180 80] /Subtype" % flags
    kinds = [
        b"/Line /L [30 30 170 70]",
        b"/Polygon /Vertices [30 30 170 70 100 30]",
        b"/PolyLine /Vertices [30 30 170 70 100 30]",
        b"/Stamp /Name /Approved",
        b"/Link",
        b"/Square /C [0 0 0]",
        b"/Stamp" + APPEARANCE % 13,
    ]
    (scan,) = render(one_page([b"<< %s %s >>" % (head, kind) for kind in kinds]))
    assert scan.undrawn == (4 if flags == 4 else 0)


def test_form_that_only_adobe_draws_is_an_error(here):
    xfa = one_page([b"<< %s %s >>" % (WIDGET, TEXT)], b"/XFA 4 0 R", more=b"/NeedsRendering true")
    assert "XFA" in error(xfa)


@pytest.mark.parametrize(
    ("page", "shape"),
    [
        (b"/MediaBox [0 0 200 100] /UserUnit 2", (200, 400)),
        (b"/MediaBox [0 0 200 100] /UserUnit 0.5", (50, 100)),
        (b"/MediaBox [0 0 200 100] /CropBox [20 10 120 60]", (50, 100)),
        (b"/MediaBox [0 0 200 100] /CropBox [20 10 120 60] /Rotate 90", (100, 50)),
        (b"/MediaBox [0 0 200 100] /CropBox [-50 -50 900 60]", (60, 200)),
        (b"/MediaBox [-100 -50 100 50] /Rotate -90 /UserUnit 3", (600, 300)),
        (b"/MediaBox [200 100 0 0] /Rotate 180", (100, 200)),
    ],
)
def test_page_geometry_is_read_whole(page, shape, here):
    (scan,) = render(one_page(page=page))
    assert scan.pixels.shape[:2] == shape and scan.dpi == (72, 72)


def test_page_that_is_too_large_is_refused_before_any_is_rendered(here):
    content = pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 /MediaBox [0 0 40 20] >>",
            b"<< /Type /Page /Parent 2 0 R >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9000 9000] >>",
        ]
    )
    Path("a.pdf").write_bytes(content)
    with pytest.raises(InkbenchError, match=r"page 2 .*lower --dpi"):
        next(read(Path("a.pdf"), pdf_dpi=72))


@pytest.mark.parametrize("compressed", [False, True])
def test_user_unit_belongs_to_its_page(compressed, here):
    content = pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [5 0 R 7 0 R] /Count 3 /MediaBox [0 0 40 20] >>",
            b"<< /Type /Page /Parent 5 0 R /UserUnit 2.5 /Contents 4 0 R >>",
            stream(b"", BLACK),
            b"<< /Type /Pages /Parent 2 0 R /Kids [6 0 R 3 0 R] /Count 2 /Rotate 90 >>",
            b"<< /Type /Page /Parent 5 0 R >>",
            b"<< /Type /Page /Parent 2 0 R >>",
        ],
        compressed,
    )
    scans = render(content)
    assert [scan.pixels.shape[:2] for scan in scans] == [(40, 20), (100, 50), (20, 40)]
    assert [scan.pixels.mean() for scan in scans] == [255, 0, 255]


def test_memory_for_many_pages_is_bounded(here):
    pages = 250  # of 0.8 megabytes each
    noise = np.random.default_rng(0).integers(0, 256, (900, 900), np.uint8)
    with writing(Path("a.pdf"), force=False) as add:
        for _ in range(pages):
            add(noise, Scan(noise, (720, 720)))
    code = (
        "import re; from pathlib import Path; from inkbench.denoise.reading import read\n"
        "status = Path('/proc/self/status')\n"
        "def peak(): return re.search(r'VmHWM:\\s+(\\d+)', status.read_text())[1]\n"
        "for scan in read(Path('a.pdf'), 36):\n"
        "    print(int(scan.pixels.mean()), peak())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    greys, peaks = zip(*(map(int, line.split()) for line in done.stdout.splitlines()), strict=True)
    assert len(greys) == pages and set(greys) <= {126, 127, 128}
    assert peaks[-1] - peaks[99] < 20_000  # kilobytes
    assert peaks[-1] * 1024 < Path("a.pdf").stat().st_size


# A minimal PDF that asks for a password (RC4 with 40 bits).
ENCRYPTED = (
    b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n"
    b"4 0 obj<</Filter/%s/V 1/R 2/P -4/O<%s>/U<%s>>>endobj\n"
    b"trailer<</Root 1 0 R/Size 5/Encrypt 4 0 R/ID[<00><00>]>>\n%%%%EOF\n"
)


@pytest.mark.parametrize("handler", [b"Standard", b"Company.Own"])
def test_encrypted_pdf_is_an_error_with_a_way_out(handler, here):
    message = error(ENCRYPTED % (handler, b"00" * 32, b"11" * 32))
    assert "password" in message and "save a copy" in message


def test_encryption_without_a_password_is_no_obstacle(here):
    # The user's empty password opens it: /U is the padding of the PDF reference, encrypted.
    from hashlib import md5

    padding = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
    key = md5(padding + bytes(32) + (-4).to_bytes(4, "little", signed=True) + b"\0").digest()[:5]
    user = rc4(key, padding).hex().encode()
    (scan,) = render(ENCRYPTED % (b"Standard", b"00" * 32, user))
    assert scan.pixels.shape == (9, 9, 3)


def rc4(key: bytes, data: bytes) -> bytes:
    state, j, out = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


@pytest.mark.parametrize("before", [b"", b"\n", b"\xef\xbb\xbf", b"@PJL ENTER LANGUAGE=PDF\r\n"])
def test_header_may_follow_other_lines(before, here):
    assert len(render(before + one_page())) == 1


def test_text_that_names_a_header_is_no_pdf(here):
    assert "unknown format" in error(b"It begins with (%PDF-1.4), as every PDF does.\n" * 9)


def test_name_that_is_no_utf8_is_opened(here):
    assert len(render(one_page(), name=os.fsdecode(b"stra\xdfe.pdf"))) == 1


def test_damaged_page_is_an_error_that_names_the_file(here):
    assert "damaged" in error(one_page().replace(b"/Type /Page ", b"/Type /Pagf "))


def test_blank_page_stays_blank(here):
    (scan,) = render(one_page())
    assert np.unique(scan.pixels).tolist() == [255]
