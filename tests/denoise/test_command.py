"""`inkbench denoise` from input files to output files."""

import colorsys
import errno
import functools
import io
import json
import os
import pty
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import tqdm
from drawn_pages import BackgroundDivision, letter_page
from PIL import Image, PngImagePlugin

from helpers import contents, inkbench
from inkbench.datasets.synthetic.texture import mottle
from inkbench.denoise import page as page_module
from inkbench.denoise.page import clean
from inkbench.denoise.remote import modified

pytestmark = pytest.mark.usefixtures("without_network")


@pytest.fixture
def scan(here: Path, page: Image.Image) -> Path:
    path = here / "scan.png"
    page.save(path, dpi=(300, 300))
    return path


def errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if "error:" in line]


def test_denoise_whitens_paper_and_keeps_ink(scan, capsys):
    assert inkbench("denoise", "scan.png", "-o", "out") == 0
    before, after = (np.asarray(Image.open(path)) for path in (scan, "out/scan.png"))
    assert after.shape == before.shape
    assert (after[before > 180] > 235).mean() > 0.97 and after[before < 40].max() < 60
    output = capsys.readouterr()
    assert "scan.png → out/scan.png (1 page" in output.out
    assert "model: for tests" in output.err


def test_metadata_is_kept_except_location_and_orientation(here):
    exif, text = Image.Exif(), PngImagePlugin.PngInfo()
    exif[0x010E], exif[0x0112] = "minutes of June", 6
    exif.get_ifd(0x8769)[0x9003] = "2020:06:01 12:00:00"
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    text.add_text("Author", "Lindqvist")
    text.add_text("Location", "59.3 N")
    text.add_itxt("XML:com.adobe.xmp", "<exif:GPSLatitude>59.3</exif:GPSLatitude>")
    letter_page(60, 90).save("a.png", exif=exif, dpi=(300, 300), pnginfo=text)
    letter_page(60, 90).save("a.jpg", exif=exif, dpi=(150, 150))
    letter_page(60, 90).save("a.tif", tiffinfo={0x010E: "minutes of June"}, dpi=(200, 200))
    assert inkbench("denoise", "a.png", "a.tif", "a.jpg", "-o", "out") == 0
    for suffix, dpi in (("png", 300), ("tif", 200), ("jpg", 150)):
        with Image.open(f"out/a.{suffix}") as image:
            kept = image.getexif()
            assert image.info["dpi"][0] == pytest.approx(dpi, rel=1e-3)
            assert kept[0x010E] == "minutes of June"
            if suffix != "tif":
                assert image.size == (60, 90)  # upright
                assert kept.get_ifd(0x8769)[0x9003] == "2020:06:01 12:00:00"
                assert 0x0112 not in kept and not kept.get_ifd(0x8825)
            if suffix == "png":
                assert image.text == {"Author": "Lindqvist"}


def test_existing_output_needs_force(scan, capsys):
    Path("out").mkdir()
    Path("out/scan.png").write_text("precious")
    assert inkbench("denoise", "scan.png", "-o", "out") == 1
    assert Path("out/scan.png").read_text() == "precious"
    (error,) = errors(capsys)
    assert "out/scan.png" in error and "--force" in error
    assert inkbench("denoise", "scan.png", "-o", "out", "--force") == 0
    assert Image.open("out/scan.png").size == (540, 420)


def test_damaged_file_does_not_stop_the_others(scan, capsys):
    Path("bad.png").write_bytes(scan.read_bytes()[:2000])
    assert inkbench("denoise", "bad.png", "missing.png", "scan.png", "-o", "out") == 1
    lines = errors(capsys)
    assert sorted(line.split(":")[2].strip() for line in lines) == ["bad.png", "missing.png"]
    assert [path.name for path in Path("out").iterdir()] == ["scan.png"]


@pytest.mark.parametrize("options", [[], ["--compare"]])
def test_several_pages_into_a_png_fail_without_leftovers(options, here, page, capsys):
    page.save("a.tif", save_all=True, append_images=[page])
    assert inkbench("denoise", "a.tif", "-o", "out.png", *options) == 1
    (error,) = errors(capsys)
    assert "out.png" in error and ".tif or .pdf" in error
    assert list(Path().iterdir()) == [Path("a.tif")]


def test_description_too_long_for_jpeg_is_dropped(here, page):
    page.save("a.tif", tiffinfo={0x010E: "x" * 70_000, 0x0131: "scanner"})
    assert inkbench("denoise", "a.tif", "-o", "out.jpg") == 0
    assert 0x010E not in Image.open("out.jpg").getexif()


def test_output_name_too_long_gives_one_error(scan, capsys):
    assert inkbench("denoise", "scan.png", "-o", "x" * 300 + ".png") == 2
    assert len(errors(capsys)) == 1


@pytest.mark.parametrize(
    ("letter", "suffix"), [("x", "png"), ("é", "jpg"), ("x", "tif"), ("é", "pdf")]
)
def test_names_of_255_bytes_are_read_and_written(letter, suffix, here, page):
    room = 255 - len(f".{suffix}")
    name = f"{letter * (room // len(letter.encode()))}.{suffix}"
    page.save(f"a.{suffix}")
    Path(f"a.{suffix}").rename(name)
    assert inkbench("denoise", name, "-o", "out", "--compare") == 0
    assert len(list(Path("out").iterdir())) == 2 and Path("out", name).is_file()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_output_that_cannot_be_encoded_stops_nothing(encoding, here, page, monkeypatch):
    names = ["a.png", "Straße 書.png", os.fsdecode(b"\xff.png"), "b.png"]
    for name in names:
        page.save(name)
    Path("bad 書.png").write_text("text")
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding) for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    assert inkbench("denoise", *names, "bad 書.png", "-o", "out") == 1
    for stream in streams.values():
        stream.flush()
    printed, messages = (stream.buffer.getvalue() for stream in streams.values())
    assert len(list(Path("out").iterdir())) == 4
    assert b"4 of 5 cleaned" in printed and b"\\u2192" in printed and b"\\u66f8" in printed
    assert b"bad \\u66f8.png: " in messages


@pytest.mark.parametrize(("grey", "suffix"), [(255, "png"), (0, "png"), (255, "pdf"), (200, "tif")])
def test_page_of_one_colour_is_cleaned_and_said(grey, suffix, here, page, capsys):
    blank = Image.new("L", page.size, grey)
    more = {"save_all": True, "append_images": [page.copy()]} if suffix != "png" else {}
    blank.save(f"a.{suffix}", **more)
    page.save("b.png")
    assert inkbench("denoise", f"a.{suffix}", "b.png", "-o", "out", "--dpi", "72") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "single colour: page 1)" in lines[0] and "colour" not in lines[1]


@pytest.mark.parametrize("suffix", ["webp", "jp2", "BMP"])
def test_unknown_picture_suffix_of_the_output_is_refused(suffix, scan, capsys):
    assert inkbench("denoise", "scan.png", "-o", f"clean.{suffix}") == 2
    (error,) = errors(capsys)
    assert f"clean.{suffix}" in error and ".pdf" in error and ".tif" in error
    assert list(Path().iterdir()) == [Path("scan.png")]


def test_what_cannot_be_read_in_a_folder_sets_the_exit_code(here, page, capsys):
    Path("scans").mkdir()
    page.save("scans/a.png")
    page.save("scans/b.pnm", "PPM")
    Path("scans/notes.txt").write_text("text")
    assert inkbench("denoise", "scans", "-o", "out") == 0
    assert "scans/notes.txt" in capsys.readouterr().err
    Path("scans/c.heic").write_bytes(b"\0\0\0\x18ftypheic")
    assert inkbench("denoise", "scans", "-o", "out", "--force") == 1
    (error,) = errors(capsys)
    assert "scans/c.heic" in error


def test_decoder_messages_are_hidden(here, page, capfd):
    page.save("a.tif", compression="tiff_lzw")
    Path("a.tif").write_bytes(Path("a.tif").read_bytes()[:9000])
    assert inkbench("denoise", "a.tif", "-o", "out") == 1
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2 and lines[1].startswith("inkbench: error: a.tif: ")


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_tiff_keeps_its_pages(here, page):
    page.save("a.tif", save_all=True, append_images=[page.rotate(180)], dpi=(300, 300))
    assert inkbench("denoise", "a.tif", "-o", "out") == 0
    with Image.open("out/a.tif") as image:
        assert image.n_frames == 2
        image.seek(1)
        assert image.size == page.size and image.info["dpi"][0] == 300


def test_pdf_keeps_pages_and_paper_size(here, page):
    import pypdfium2

    page.save("a.pdf", save_all=True, append_images=[page], resolution=150)
    assert inkbench("denoise", "a.pdf", "-o", "out", "--dpi", "150") == 0
    document = pypdfium2.PdfDocument("out/a.pdf")
    assert len(document) == 2
    assert document[1].get_size() == pytest.approx((540 * 72 / 150, 420 * 72 / 150), abs=0.5)


def test_comparison_does_not_appear_without_its_result(scan, monkeypatch):
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if target.name == "scan.png":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    assert inkbench("denoise", "scan.png", "-o", "out", "--compare") == 1
    assert not list(Path("out").iterdir())


def test_page_that_is_too_long_for_jpeg_is_refused_before_it_is_cleaned(here, capsys, monkeypatch):
    Image.new("L", (65_501, 9), 200).save("a.png")
    monkeypatch.setattr("inkbench.denoise.command.clean", None)
    assert inkbench("denoise", "a.png", "-o", "a.jpg") == 1
    (error,) = errors(capsys)
    assert "a.jpg: longer" in error


def test_modified_is_none_in_a_folder_that_may_not_be_searched(scan, monkeypatch):
    def denied(path: Path) -> bool:  # root can search every folder
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "is_file", denied)
    assert modified(scan) is None


@pytest.mark.parametrize(("option", "value"), [("--jobs", "2"), ("--address", "auto")])
def test_option_without_effect_on_a_single_file_is_named(option, value, scan, capsys):
    assert inkbench("denoise", "scan.png", "-o", "out", option, value) == 0
    assert f"{option} has no effect" in capsys.readouterr().err


def test_summary_is_printed_even_if_the_report_cannot_be_written(scan, capsys, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("inkbench.records.write_json", full)
    assert inkbench("denoise", "scan.png", "-o", "out", "--report", "r.json") == 2
    assert "1 of 1 cleaned" in capsys.readouterr().out


def test_report_of_an_interrupted_run_is_kept_by_the_resumed_one(here, page, monkeypatch):
    def interrupted(*arguments: object, **options: object) -> object:
        if Path("out/b.png").exists():
            raise KeyboardInterrupt
        return clean(*arguments, **options)

    for name in "abcd":
        page.save(f"{name}.png")
    command = ["denoise", *(f"{name}.png" for name in "abcd"), "-o", "out", "--report", "r.json"]
    with monkeypatch.context() as patch:
        patch.setattr("inkbench.denoise.command.clean", interrupted)
        assert inkbench(*command) == 130
    first = json.loads(Path("r.json").read_text())
    assert [entry["input"] for entry in first["cleaned"]] == ["a.png", "b.png"]
    assert inkbench(*command, "--resume") == 0
    second = json.loads(Path("r.json").read_text())
    assert second["cleaned"][:2] == first["cleaned"]
    assert [entry["input"] for entry in second["cleaned"]] == [f"{name}.png" for name in "abcd"]
    assert second["cleaned before"] == ["a.png", "b.png"]


@pytest.fixture
def cleaner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are cleaned as scans, whose predicted paper is grey."""
    monkeypatch.setattr(page_module, "cleans_scans", lambda _: True)
    sheet = np.array([0.8, 0.8, 0.8, 1], np.float32)
    monkeypatch.setattr(
        page_module, "paper", lambda _, small: np.broadcast_to(sheet, (*small.shape[:2], 4))
    )


@pytest.mark.usefixtures("cleaner")
def test_network_input_is_not_named_if_all_pages_are_left(here, capsys):
    page = np.where(np.asarray(letter_page()) < 100, 0, 255).astype(np.uint8)
    Image.fromarray(page).save("white.png")
    letter_page().save("grey.png")
    assert inkbench("denoise", "white.png", "grey.png", "-o", "out") == 0
    white, grey = capsys.readouterr().out.splitlines()[:2]
    assert "left as scanned" in white and "network" not in white and "network" in grey


@pytest.mark.usefixtures("cleaner")
@pytest.mark.parametrize("kind", ["text", "white text", "photograph"])
def test_invert_dark_inverts_print_and_says_so_but_no_photograph(kind, here, capsys):
    page = 255 - np.asarray(letter_page())
    if kind == "white text":  # on black
        page = np.where(page > 155, 255, 0).astype(np.uint8)
    if kind == "photograph":
        page = 70 + 50 * mottle(page.shape, 40, np.random.default_rng(0))
        page[:60] = 0
        page = page.clip(0, 255).astype(np.uint8)
    Image.fromarray(page).save("a.png")
    arguments = ["a.png", "-o", "out", "--invert-dark", "--report", "r.json"]
    assert inkbench("denoise", *arguments) == 0
    inverted = kind != "photograph"
    assert ("inverted" in capsys.readouterr().out) == inverted
    (cleaned,) = json.loads(Path("r.json").read_text())["cleaned"]
    assert cleaned["pages"][0]["inverted"] == inverted
    after = np.asarray(Image.open("out/a.png"))
    assert np.median(after) > 200 if inverted else np.array_equal(after, page)


def test_compare_places_input_beside_output(scan):
    assert inkbench("denoise", "scan.png", "-o", "out", "--compare") == 0
    image = np.asarray(Image.open("out/scan-compare.png"))
    assert image.shape == (420, 2 * 540 + 12)
    assert np.array_equal(image[:, :540], np.asarray(Image.open(scan)))
    assert np.array_equal(image[:, -540:], np.asarray(Image.open("out/scan.png")))


@pytest.mark.parametrize("factor", [1, 0.5])
def test_colour_page_keeps_ink_hue_and_whitens_tinted_paper(factor):
    grey = np.asarray(letter_page()).astype(np.float32) / 255
    grey[:, 390:420] = 0.8  # no text there
    yellowish = np.array([1, 0.93, 0.75], np.float32)
    page = grey[..., None] * yellowish
    inks = {(40, 60): (0.75, 0.1, 0.15), (300, 330): (0.1, 0.2, 0.7)}
    for (top, bottom), ink in inks.items():
        page[top:bottom, 400:406] = ink * yellowish
    pixels = np.rint(page * 255).astype(np.uint8)
    grey_result = clean(BackgroundDivision(), pixels, factor=factor, grey=True).pixels
    result = clean(BackgroundDivision(), pixels, factor=factor).pixels
    luma = result @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - grey_result)[:, :380].max() <= 2
    paper = result[grey > 0.72]
    assert np.median(paper) == 255 and np.abs(np.ptp(paper, axis=-1)).mean() < 3
    for (top, bottom), ink in inks.items():
        colour = result[top + 5 : bottom - 5, 402:404].reshape(-1, 3).mean(0) / 255
        shift = colorsys.rgb_to_hsv(*colour)[0] - colorsys.rgb_to_hsv(*ink)[0]
        assert abs((shift + 0.5) % 1 - 0.5) < 0.03


def test_output_is_in_colour_unless_grey_is_asked_for(here):
    Image.merge("RGB", [letter_page()] * 3).save("a.png")
    assert inkbench("denoise", "a.png", "-o", "grey", "--grey") == 0
    assert inkbench("denoise", "a.png", "-o", "colour") == 0
    assert [Image.open(f"{folder}/a.png").mode for folder in ("grey", "colour")] == ["L", "RGB"]


def test_every_command_of_the_documentation_works(here, root, page):
    text = (root / "docs/denoise.md").read_text(encoding="utf-8")
    Path("scans").mkdir()
    for name in ("scan.png", "letter.jpg", "scans/one.png", "scans/two.tif", "photo.jpg"):
        page.save(name)
    page.save("contract.pdf")
    commands = re.findall(r"^inkbench (denoise (?!.*(?:--jobs|s3://)).*)$", text, re.M)
    assert len(commands) >= 5
    for command in commands:
        assert inkbench(*shlex.split(command, comments=True)) == 0, command


@pytest.mark.parametrize(
    ("report", "fact"),
    [
        ("scan.png", "scan.png"),
        ("scan.json", "is an input"),
        ("folder.json", "is a folder"),
        ("scan.png/r.json", "cannot be written"),
        ("s3://b/r.json", "local file"),
    ],
)
def test_report_replaces_no_page_and_is_refused_before_any_work(report, fact, here, page, capsys):
    for name in ("scan.png", "scan.json"):
        page.save(here / name, "PNG")
    Path("folder.json").mkdir()
    before = contents(here)
    arguments = ["scan.png", "scan.json", "-o", "out", "--report", report]
    assert inkbench("denoise", *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert fact in line and contents(here) == before


def test_report_of_a_name_that_is_not_utf8(here, page):
    name = os.fsdecode(b"x\xff.png")
    page.save(here / name)
    (here / "out").mkdir()
    (here / "out" / name).mkdir()
    assert inkbench("denoise", name, "-o", "out", "--force", "--report", "new/r.json") == 1
    (error,) = json.loads((here / "new/r.json").read_text())["errors"]
    assert r"x\xff.png" in error


def test_progress_is_shown_on_a_terminal(here, page, monkeypatch):
    always = functools.partial(tqdm.tqdm, mininterval=0)  # also if cleaning takes no time
    monkeypatch.setattr("tqdm.tqdm", always)
    for name in "abc":
        page.save(here / f"{name}.png")
    terminal, end = pty.openpty()
    stderr = os.dup(2)
    os.dup2(end, 2)
    try:
        assert inkbench("denoise", "a.png", "b.png", "c.png", "-o", "out") == 0
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(end)
    shown = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert re.search("[123]/3", shown)
