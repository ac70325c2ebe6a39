"""`reading.read` turns image and PDF files into pages, or gives one error that names the file."""

import errno
import io
import os
import random
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin, TiffImagePlugin

from inkbench.denoise import reading
from inkbench.denoise.reading import Scan, read
from inkbench.errors import InkbenchError

GREYS = np.arange(0, 240, dtype=np.uint8).reshape(12, 20)


def read_one(path: Path) -> Scan:
    (scan,) = read(path)
    return scan


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def error(path: Path) -> str:
    with pytest.raises(InkbenchError) as raised:
        list(read(path))
    message = str(raised.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "pgm"])
def test_grey_images_are_read_unchanged(suffix, tmp_path):
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(GREYS), lossless=True)
    pixels = read_one(path).pixels
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]  # WebP has no grey mode
    assert np.array_equal(grey, GREYS)


def test_format_is_detected_from_the_content(tmp_path):
    path = tmp_path / "really-a-png.jpg"
    Image.fromarray(GREYS).save(path, "PNG")
    assert np.array_equal(read_one(path).pixels, GREYS)


@pytest.mark.parametrize(
    ("suffix", "white", "kind"),
    [("png", 65535, "uint16"), ("tif", 4095, "uint16"), ("tif", 1, "float32")],
)
def test_deep_greys_are_scaled_to_8_bits(suffix, white, kind, tmp_path):
    deep = (GREYS / 239 * white).astype(kind)
    pixels = read_one(save(tmp_path / f"a.{suffix}", Image.fromarray(deep))).pixels
    assert np.abs(pixels - GREYS / 239 * 255).max() <= 1


@pytest.mark.parametrize(
    ("value", "fact"), [(np.nan, "NaN"), (np.inf, "infinite"), (-5, "-5"), (1e9, "1e+09")]
)
def test_invalid_pixel_values_are_named(value, fact, tmp_path):
    values = GREYS.astype(np.float32)
    values[3, 4] = value
    assert fact in error(save(tmp_path / "a.tif", Image.fromarray(values)))


@pytest.mark.parametrize(
    ("suffix", "mode", "colour", "expected"),
    [
        ("png", "RGBA", (0, 0, 0, 0), [255, 255, 255]),  # transparency shows white
        ("png", "LA", (0, 51), [204, 204, 204]),
        ("png", "P", "red", [255, 0, 0]),
        ("tif", "CMYK", (0, 255, 255, 0), [255, 0, 0]),
        ("tif", "1", 1, 255),
    ],
)
def test_other_modes_are_converted(suffix, mode, colour, expected, tmp_path):
    path = save(tmp_path / f"a.{suffix}", Image.new(mode, (1, 1), colour))
    assert read_one(path).pixels[0, 0].tolist() == expected


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_exif_orientation_turns_pixels_and_resolution(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    Image.fromarray(TURNS[orientation](GREYS)).save(path, exif=exif, dpi=(300, 280))
    scan = read_one(path)
    assert np.abs(scan.pixels - GREYS.astype(int)).max() <= 12
    assert scan.dpi == (280, 300)


TURNS = {  # how a page is stored with this orientation
    1: lambda page: page,
    2: np.fliplr,
    3: lambda page: np.rot90(page, 2),
    4: np.flipud,
    5: lambda page: np.swapaxes(page, 0, 1),
    6: np.rot90,
    7: lambda page: np.swapaxes(np.rot90(page, 2), 0, 1),
    8: lambda page: np.rot90(page, -1),
}
COLOURS = np.stack([GREYS, 255 - GREYS, GREYS // 2, 255 - GREYS // 3], -1)
PAGES = {
    "1": GREYS > 100,
    "L": GREYS,
    "P": GREYS,
    "I;16": GREYS.astype(np.uint16) * 257,
    "F": GREYS.astype(np.float32) / 255,
    "LA": COLOURS[..., 2:],
    "RGB": COLOURS[..., :3],
    "RGBA": COLOURS,
    "CMYK": COLOURS,
}
COMPRESSIONS = ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "zstd")


def stored(mode: str, page: np.ndarray) -> Image.Image:
    if mode in ("1", "I;16", "F"):
        return Image.fromarray(np.ascontiguousarray(page))
    image = Image.frombytes(mode, page.shape[1::-1], page.tobytes())
    if mode == "P":
        image.putpalette([value for n in range(256) for value in (n, 255 - n, n // 2)])
    return image


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("compression", [*COMPRESSIONS, "group3", "group4", "jpeg"])
def test_tiff_orientation_is_applied_whatever_the_mode_and_compression(
    compression, orientation, tmp_path
):
    path, first = tmp_path / "a.tif", Image.new("L", (7, 5), 200)
    only = {"group3": ["1"], "group4": ["1"], "jpeg": ["L", "RGB"]}
    for mode in only.get(compression, PAGES):
        upright = stored(mode, PAGES[mode])
        turned = stored(mode, TURNS[orientation](PAGES[mode]))
        options = {"compression": compression, "tiffinfo": {274: orientation}, "dpi": (300, 280)}
        with TiffImagePlugin.AppendingTiffWriter(path, new=True) as tiff:
            for image, more in ((turned, options), (first, {}), (turned, options)):
                image.save(tiff, "TIFF", **more)
                tiff.newFrame()
        scan, _, later = read(path)
        upright.save(path, compression=compression)
        expected = read_one(path).pixels.astype(int)
        assert np.abs(scan.pixels - expected).max() <= (12 if compression == "jpeg" else 0), mode
        assert np.array_equal(scan.pixels, later.pixels)
        assert scan.dpi == later.dpi == ((280, 300) if orientation > 4 else (300, 280))


DEPTHS = {
    "8 bits": GREYS,
    "16 bits": GREYS.astype(np.uint16) * 257,
    "10 in 16 bits": GREYS.astype(np.uint16) * 4,
    "12 in 16 bits": GREYS.astype(np.uint16) * 16,
    "32 bits": GREYS.astype(np.uint32) * 0x1010101,
    "32 bits, signed": GREYS.astype(np.int32) * 0x808080,
    "16 bits, signed": GREYS.astype(np.int16) * 128,
    "8 in 16 bits": GREYS.astype(np.uint16),
    "8 in 32 bits": GREYS.astype(np.uint32),
    "8 in 32 bits, signed": GREYS.astype(np.int32),
    "floats to 1": GREYS.astype(np.float32) / 255,
    "floats to 255": GREYS.astype(np.float32),
    "floats of 64 bits": GREYS / 255,
}


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_tiff_values_have_their_photometric_meaning_at_every_depth(
    depth, photometric, byteorder, compression, tmp_path
):
    values = DEPTHS[depth]
    white = values.flat[-1] / 239 * 255
    if photometric == "miniswhite":
        values = (white - values).astype(values.dtype)
    options = {"photometric": photometric, "byteorder": byteorder, "compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    assert np.abs(read_one(tmp_path / "a.tif").pixels.astype(int) - GREYS).max() <= 1


def test_tag_of_the_largest_value_gives_the_range(tmp_path):
    values = GREYS.astype(np.uint16) * 2
    tifffile.imwrite(tmp_path / "a.tif", values, extratags=[(281, "H", 1, 510, True)])
    assert np.abs(read_one(tmp_path / "a.tif").pixels.astype(int) - GREYS).max() <= 1


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("factor", [257, 16, 1])
def test_colours_of_16_bits_have_their_range(factor, planar, tmp_path):
    colours = np.stack([GREYS, 239 - GREYS, GREYS // 2], -1)
    values = colours.astype(np.uint16) * factor
    planes = np.moveaxis(values, -1, 0) if planar == "separate" else values
    for byteorder in "<>":
        path, options = tmp_path / "a.tif", {"planarconfig": planar, "byteorder": byteorder}
        tifffile.imwrite(path, np.ascontiguousarray(planes), photometric="rgb", **options)
        assert np.abs(read_one(path).pixels.astype(int) - colours).max() <= 1
    path = tmp_path / "a.png"
    path.write_bytes(png_of_16_bits(values))
    assert np.abs(read_one(path).pixels.astype(int) - colours).max() <= 1


def png_of_16_bits(values: np.ndarray) -> bytes:
    rows = values.astype(">u2").reshape(len(values), -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    kind = 2 if values.shape[2] == 3 else 6  # without and with alpha
    head = struct.pack(">IIBBBBB", values.shape[1], len(values), 16, kind, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n"
    for name, content in ((b"IHDR", head), (b"IDAT", zlib.compress(data)), (b"IEND", b"")):
        check = struct.pack(">I", zlib.crc32(name + content))
        out += struct.pack(">I", len(content)) + name + content + check
    return out


STROKES = {  # grey levels and alpha
    "black on transparent": (GREYS * 0, GREYS),
    "dark on transparent": (GREYS // 5, GREYS),
    "alpha left empty": (GREYS, GREYS * 0),
    "nothing": (GREYS * 0, GREYS * 0),
}


@pytest.mark.parametrize(("grey", "alpha"), STROKES.values(), ids=STROKES)
def test_transparency_of_16_bits_is_that_of_8(grey, alpha, tmp_path):
    values = np.stack([grey, grey, grey, alpha], -1)
    expected = read_one(save(tmp_path / "a.png", Image.fromarray(values))).pixels
    png, tif = tmp_path / "b.png", tmp_path / "b.tif"
    png.write_bytes(png_of_16_bits(values.astype(np.uint16) * 257))
    options = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
    tifffile.imwrite(tif, values.astype(np.uint16) * 257, **options)
    for path in (png, tif):
        assert np.array_equal(read_one(path).pixels, expected)


@pytest.mark.parametrize("alpha", [0, 65535])
def test_small_values_with_one_alpha_are_not_black(alpha, tmp_path):
    values = np.stack([GREYS, GREYS, GREYS, GREYS], -1).astype(np.uint16)
    values[..., 3] = alpha
    (tmp_path / "a.png").write_bytes(png_of_16_bits(values))
    assert np.array_equal(read_one(tmp_path / "a.png").pixels, values[..., :3])


def test_pages_of_one_file_have_the_same_white(tmp_path):
    path, top = tmp_path / "a.tif", GREYS.astype(np.uint16)
    with tifffile.TiffWriter(path) as tiff:
        for white in (33_000, 32_000):
            tiff.write(np.minimum(top * 256, white).astype(np.uint16))
    first, second = (scan.pixels.astype(int) for scan in read(path))
    assert np.abs(first - second).max() < 8


@pytest.mark.parametrize("suffix", ["png", "pgm", "tif"])
@pytest.mark.parametrize("white", [1, 255])
def test_small_values_in_16_bits_are_not_black(suffix, white, tmp_path):
    values = GREYS if white == 255 else (GREYS > 100).astype(np.uint16)
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(values.astype(np.uint16)))
    assert np.array_equal(read_one(path).pixels, values * (255 // white))


def test_zeros_and_ones_in_8_bits_are_black_and_white(tmp_path):
    path = save(tmp_path / "a.png", Image.fromarray((GREYS > 100).astype(np.uint8)))
    assert np.array_equal(read_one(path).pixels, (GREYS > 100) * 255)


@pytest.mark.parametrize(
    ("suffix", "mode"), [("png", "RGBA"), ("png", "LA"), ("tif", "RGBA"), ("bmp", "RGBA")]
)
def test_picture_that_is_all_transparent_is_opaque(suffix, mode, tmp_path):
    image = Image.fromarray(GREYS).convert(mode)
    image.putalpha(0)
    pixels = read_one(save(tmp_path / f"a.{suffix}", image)).pixels
    assert np.array_equal(pixels[..., 0], GREYS)


def test_palette_that_is_all_transparent_is_opaque(tmp_path):
    image = Image.fromarray(GREYS).convert("P")
    path = save(tmp_path / "a.png", image, transparency=bytes(256))
    assert np.array_equal(read_one(path).pixels[..., 0], GREYS)


def test_tiff_page_without_resolution_has_none(tmp_path):
    path = tmp_path / "a.tif"
    page = Image.fromarray(GREYS)
    with TiffImagePlugin.AppendingTiffWriter(path) as tiff:
        no_unit = {"resolution_unit": 1, "x_resolution": 1, "y_resolution": 1}
        third = {"dpi": (200, 200), "description": "third"}
        for options in ({"dpi": (300, 300)}, {}, third, no_unit):
            page.save(tiff, "TIFF", **options)
            tiff.newFrame()
    facts = [(scan.dpi, scan.exif.get(270)) for scan in read(path)]
    assert facts == [((300, 300), None), (None, None), ((200, 200), "third"), (None, None)]


@pytest.mark.parametrize(
    ("dpi", "shape"), [((204, 98), (25, 20)), ((204, 391), (12, 38)), ((204, 196), (12, 20))]
)
@pytest.mark.parametrize("orientation", TURNS)
def test_oblong_pixels_of_a_fax_become_square(dpi, shape, orientation, tmp_path):
    fax = Image.fromarray(TURNS[orientation](GREYS > 100))
    stored_dpi = dpi[::-1] if orientation > 4 else dpi
    options = {"compression": "group4", "tiffinfo": {274: orientation}, "dpi": stored_dpi}
    scan = read_one(save(tmp_path / "a.tif", fax, **options))
    assert scan.pixels.shape == shape
    assert scan.dpi == (dpi if shape == GREYS.shape else (max(dpi), max(dpi)))
    assert scan.pixels[0].max() < 60 and scan.pixels[-1].min() > 200


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp", "gif", "ppm"])
def test_picture_that_names_a_pdf_header_is_a_picture(suffix, tmp_path):
    image, header = Image.fromarray(GREYS).convert("RGB"), "\n%PDF-1.4\n"
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", header)
    if suffix == "ppm":
        path = tmp_path / "a.ppm"
        path.write_bytes(b"P6 #%PDF-1.4\n# \n20 12 255\n" + image.tobytes())
    else:
        exif = Image.Exif()
        exif[0x010E] = header
        options = {"pnginfo": note, "comment": header, "exif": exif}
        if suffix == "tif":
            options = {"description": header}
        path = save(tmp_path / f"a.{suffix}", image, **options)
    if suffix not in ("bmp", "tif"):
        assert b"%PDF-" in path.read_bytes()[:1024]
    assert read_one(path).pixels.shape[:2] == (12, 20)


def test_damaged_picture_that_names_a_pdf_header_is_no_pdf(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n drawn from scan.pdf (%PDF-1.4)" * 9)
    assert "PDF-" not in error(path) and "damaged PDF" not in error(path)


def test_tiff_thumbnails_are_skipped(tmp_path):
    path = tmp_path / "a.tif"
    with TiffImagePlugin.AppendingTiffWriter(path) as tiff:
        for grey, subfile in [(10, 0), (20, 1), (30, 0)]:
            page = Image.new("L", (4, 4), grey)
            page.save(tiff, "TIFF", tiffinfo={254: subfile})
            tiff.newFrame()
    assert [scan.pixels[0, 0] for scan in read(path)] == [10, 30]


def test_tiff_transparency_mask_is_no_page(tmp_path):
    path = tmp_path / "a.tif"
    with TiffImagePlugin.AppendingTiffWriter(path) as tiff:
        for subfile in (0, 4):
            Image.fromarray(GREYS).save(tiff, "TIFF", tiffinfo={254: subfile})
            tiff.newFrame()
    assert len(list(read(path))) == 1


@pytest.mark.parametrize("name", ["a.NEF", "a.tif"])
def test_raw_file_of_a_camera_is_an_error(name, tmp_path):
    kind = 0 if name == "a.NEF" else 1  # a thumbnail, with the photograph in a subfile
    with tifffile.TiffWriter(tmp_path / name) as tiff:
        tiff.write(GREYS, subifds=1, subfiletype=kind)
        tiff.write(GREYS)
    assert "raw" in error(tmp_path / name) and "JPEG" in error(tmp_path / name)


def test_tiff_page_cycle_ends(tmp_path):
    path = save(tmp_path / "a.tif", Image.fromarray(GREYS))
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * count, first)  # the next page is this one
    path.write_bytes(content)
    assert len(list(read(path))) == 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp", "webp"])
def test_truncated_file_is_an_error(suffix, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    content = save(tmp_path / f"a.{suffix}", Image.fromarray(noise)).read_bytes()
    for part in (0.1, 0.6, 0.9):
        path = tmp_path / f"b.{suffix}"
        path.write_bytes(content[: int(len(content) * part)])
        assert error(path)


def test_empty_text_and_pipe_are_errors(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").write_text("text\n" * 50)
    os.mkfifo(tmp_path / "c.png")
    assert "empty" in error(tmp_path / "a.png")
    assert "PNG, JPEG, TIFF" in error(tmp_path / "b.png")
    assert "regular file" in error(tmp_path / "c.png")


def test_unreadable_file_gives_the_reason(tmp_path, monkeypatch):
    def denied(*_: object) -> None:  # root can read every file
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    path = save(tmp_path / "a.png", Image.fromarray(GREYS))
    monkeypatch.setattr(Path, "open", denied)
    assert "Permission denied" in error(path)


@pytest.mark.parametrize(
    ("brand", "name"),
    [(b"heic", "HEIC"), (b"mif1", "HEIC"), (b"avif", "AVIF"), (b"isom", "unknown format")],
)
def test_photo_of_a_phone_is_named_with_a_way_out(brand, name, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(99))
    message = error(path)
    assert name in message and ("export" in message) == (name != "unknown format")


def test_text_chunk_counts_no_annotations(tmp_path):
    note = PngImagePlugin.PngInfo()
    note.add_text("undrawn", "many")
    path = save(tmp_path / "a.png", Image.fromarray(GREYS), pnginfo=note)
    assert read_one(path).undrawn == 0


def test_mpo_preview_is_skipped(tmp_path):
    large, preview = Image.new("L", (40, 30), 90), Image.new("L", (8, 6), 90)
    path = tmp_path / "a.jpg"
    large.save(path, "MPO", save_all=True, append_images=[preview])
    assert read_one(path).pixels.shape[:2] == (30, 40)


def test_animation_is_an_error(tmp_path):
    frames = [Image.fromarray(GREYS), Image.fromarray(255 - GREYS)]
    for suffix in ("gif", "png", "webp"):
        options = {"save_all": True, "append_images": frames[1:]}
        assert "2 frames" in error(save(tmp_path / f"a.{suffix}", frames[0], **options))


@pytest.mark.parametrize("sides", [(60_000, 60_000), (12_000, 10_000)])
def test_decompression_bomb_is_refused_by_its_header(sides, tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 %d %d 255\n" % sides)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        assert "lower resolution" in error(path)


def test_pdf_pages_are_rendered_at_the_given_resolution(tmp_path, monkeypatch):
    path = tmp_path / "a.pdf"
    pages = [Image.new("L", (144, 72), grey) for grey in (0, 200)]
    pages[0].save(path, save_all=True, append_images=pages[1:], resolution=72)
    scans = list(read(path, pdf_dpi=144))
    assert [scan.pixels.shape for scan in scans] == [(144, 288, 3)] * 2
    assert [int(scan.pixels.mean()) for scan in scans] == [0, 200]
    assert scans[0].dpi == (144, 144)
    monkeypatch.setattr(reading, "MAX_PIXELS", 10_000)
    assert "--dpi" in error(path)
    path.write_bytes(path.read_bytes()[:300])
    assert "damaged PDF" in error(path)


def seeds() -> list[bytes]:
    """Small valid files of every format."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 31, 3), np.uint8)
    colour, exif = Image.fromarray(noise), Image.Exif()
    deep = Image.fromarray(noise[..., 0].astype(np.uint16))
    exif[0x0112], exif[0x010E] = 3, "a page"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    images = (
        (colour, "PNG", {"dpi": (300, 300), "exif": exif}),
        (colour.convert("P"), "PNG", {"transparency": 3}),
        (deep, "PNG", {}),
        (colour, "JPEG", {"exif": exif}),
        (colour.convert("CMYK"), "JPEG", {"progressive": True}),
        (colour, "TIFF", {"compression": "tiff_lzw", "exif": exif}),
        (colour.convert("1"), "TIFF", {"compression": "group4"}),
        (colour, "TIFF", {"save_all": True, "append_images": [colour, colour]}),
        (colour, "WEBP", {"exif": exif}),
        (colour, "BMP", {}),
        (colour, "GIF", {}),
        (colour, "PPM", {}),
    )
    files = [io.BytesIO() for _ in images]
    for file, (image, kind, options) in zip(files, images, strict=True):
        image.save(file, kind, **options)
    return [file.getvalue() for file in files]


def mutated(content: bytes, generator: random.Random) -> bytes:
    """A damaged file: changed, deleted, inserted or truncated bytes."""
    damaged = bytearray(content)
    for _ in range(generator.choice([1, 1, 2, 5, 20])):
        at = generator.randrange(len(damaged) or 1)
        extreme = generator.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
        match generator.randrange(5):
            case 0:
                damaged[at : at + 1] = generator.randbytes(1)
            case 1:
                damaged[at : at + 4] = extreme
            case 2:
                del damaged[at : at + generator.randrange(1, 40)]
            case 3:
                damaged[at:at] = damaged[: generator.randrange(1, 60)]
            case 4 if generator.random() < 0.3:
                del damaged[at:]
    return bytes(damaged)


def test_damaged_files_raise_only_inkbench_errors(tmp_path, monkeypatch):
    """INKBENCH_FUZZ sets the number of damaged files; 10,000 take about ten seconds."""
    warnings.simplefilter("ignore")
    monkeypatch.setattr(reading, "MAX_PIXELS", 1_000_000)
    files, generator, path = seeds(), random.Random(0), tmp_path / "damaged"
    outcomes = {"read": 0, "refused": 0}
    for number in range(int(os.environ.get("INKBENCH_FUZZ", "1000"))):
        path.write_bytes(mutated(files[number % len(files)], generator))
        try:
            for scan in read(path):
                assert scan.pixels.dtype == np.uint8 and scan.pixels.size
            outcomes["read"] += 1
        except InkbenchError as exception:
            assert "\n" not in str(exception)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 50  # both outcomes are tested
