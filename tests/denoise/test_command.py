"""`inkbench denoise`, from files to files."""

import colorsys
import itertools
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from drawn_pages import letter_page
from PIL import Image, PngImagePlugin

from helpers import inkbench
from inkbench.denoise.page import clean

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def scan(here: Path, page: Image.Image) -> Path:
    path = here / "scan.png"
    page.save(path, dpi=(300, 300))
    return path


def complaints(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if "error:" in line]


def test_a_scan_becomes_black_on_white(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inkbench("denoise", "scan.png", "-o", "out") == 0
    before, after = (np.asarray(Image.open(path)) for path in (scan, "out/scan.png"))
    assert after.shape == before.shape
    assert (after[before > 180] > 235).mean() > 0.97 and after[before < 40].max() < 60
    said = capsys.readouterr()
    assert "scan.png → out/scan.png (1 page, seen at 100% of its size)" in said.out
    assert "model: the tests' own" in said.err


def test_resolution_and_what_the_page_is_are_kept_but_not_where(here: Path) -> None:
    exif, notes = Image.Exif(), PngImagePlugin.PngInfo()
    exif[0x010E], exif[0x0112] = "minutes of June", 6
    exif.get_ifd(0x8769)[0x9003] = "2020:06:01 12:00:00"
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    notes.add_text("Author", "Lindqvist")
    letter_page(60, 90).save("a.png", exif=exif, dpi=(300, 300), pnginfo=notes)
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
                assert image.text["Author"] == "Lindqvist"


def test_nothing_is_overwritten_unless_told(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/scan.png").write_text("mine")
    assert inkbench("denoise", "scan.png", "-o", "out") == 1
    assert Path("out/scan.png").read_text() == "mine"
    assert complaints(capsys) == ["inkbench: error: out/scan.png: exists; --force writes over it"]
    assert inkbench("denoise", "scan.png", "-o", "out", "--force") == 0
    assert Image.open("out/scan.png").size == (540, 420)


def test_a_scan_is_not_replaced_even_by_force(
    scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = scan.read_bytes()
    assert inkbench("denoise", "scan.png", "-o", ".", "--force") == 1
    assert scan.read_bytes() == before
    assert "choose another -o" in complaints(capsys)[0]


def test_a_bad_file_is_one_line_and_the_rest_goes_on(
    scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.png").write_bytes(scan.read_bytes()[:2000])
    arguments = ["bad.png", "missing.png", "scan.png", "-o", "out", "--jobs", "2"]
    assert inkbench("denoise", *arguments) == 1
    lines = complaints(capsys)
    assert sorted(line.split(":")[2].strip() for line in lines) == ["bad.png", "missing.png"]
    assert [path.name for path in Path("out").iterdir()] == ["scan.png"]


def test_a_page_that_fails_leaves_neither_result_nor_sheet(
    here: Path, page: Image.Image, capsys: pytest.CaptureFixture[str]
) -> None:
    page.save("a.tif", save_all=True, append_images=[page])
    assert inkbench("denoise", "a.tif", "-o", "out.png", "--compare") == 1
    assert "end its name in .tif or .pdf" in complaints(capsys)[0]
    assert list(Path().iterdir()) == [Path("a.tif")]


def test_a_description_too_long_for_a_jpeg_is_left_out(here: Path, page: Image.Image) -> None:
    page.save("a.tif", tiffinfo={0x010E: "x" * 70_000, 0x0131: "scanner"})
    assert inkbench("denoise", "a.tif", "-o", "out.jpg") == 0
    assert 0x010E not in Image.open("out.jpg").getexif()


def test_a_name_that_is_too_long_is_one_line(
    scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inkbench("denoise", "scan.png", "-o", "x" * 300 + ".png") == 2
    assert len(complaints(capsys)) == 1


def test_decoders_do_not_talk_past_us(
    here: Path, page: Image.Image, capfd: pytest.CaptureFixture[str]
) -> None:
    page.save("a.tif", compression="tiff_lzw")
    Path("a.tif").write_bytes(Path("a.tif").read_bytes()[:9000])
    assert inkbench("denoise", "a.tif", "-o", "out") == 1
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2 and lines[1].startswith("inkbench: error: a.tif: ")


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_the_pages_of_a_tiff_stay_together(here: Path, page: Image.Image) -> None:
    page.save("a.tif", save_all=True, append_images=[page.rotate(180)], dpi=(300, 300))
    assert inkbench("denoise", "a.tif", "-o", "out") == 0
    with Image.open("out/a.tif") as image:
        assert image.n_frames == 2
        image.seek(1)
        assert image.size == page.size and image.info["dpi"][0] == 300


def test_several_pages_do_not_fit_into_a_png(
    here: Path, page: Image.Image, capsys: pytest.CaptureFixture[str]
) -> None:
    page.save("a.tif", save_all=True, append_images=[page])
    assert inkbench("denoise", "a.tif", "-o", "out.png") == 1
    assert "end its name in .tif or .pdf" in complaints(capsys)[0]
    assert list(Path().iterdir()) == [Path("a.tif")]  # nothing half-written either


def test_pdf_goes_in_and_out(here: Path, page: Image.Image) -> None:
    import pypdfium2

    page.save("a.pdf", save_all=True, append_images=[page], resolution=150)
    assert inkbench("denoise", "a.pdf", "-o", "out", "--dpi", "150") == 0
    document = pypdfium2.PdfDocument("out/a.pdf")
    assert len(document) == 2
    assert document[1].get_size() == pytest.approx((540 * 72 / 150, 420 * 72 / 150), abs=0.5)


def test_images_go_into_a_pdf(scan: Path) -> None:
    assert inkbench("denoise", "scan.png", "-o", "clean.pdf") == 0
    assert Path("clean.pdf").read_bytes().startswith(b"%PDF-")


def test_before_and_after_stand_side_by_side(scan: Path) -> None:
    assert inkbench("denoise", "scan.png", "-o", "out", "--compare") == 0
    sheet = np.asarray(Image.open("out/scan-compare.png"))
    assert sheet.shape == (420, 2 * 540 + 12)
    assert np.array_equal(sheet[:, :540], np.asarray(Image.open(scan)))
    assert np.array_equal(sheet[:, -540:], np.asarray(Image.open("out/scan.png")))


@pytest.mark.parametrize("factor", [1, 0.5])
def test_colours_keep_their_hue_on_paper_that_loses_its_own(factor: float, model) -> None:
    grey = np.asarray(letter_page()).astype(np.float32) / 255
    grey[:, 390:420] = 0.8  # no text there
    yellowish = np.array([1, 0.93, 0.75], np.float32)
    page = grey[..., None] * yellowish
    inks = {(40, 60): (0.75, 0.1, 0.15), (300, 330): (0.1, 0.2, 0.7)}
    for (top, bottom), ink in inks.items():
        page[top:bottom, 400:406] = ink * yellowish
    pixels = np.rint(page * 255).astype(np.uint8)
    grey_result, _ = clean(model, pixels, factor=factor)
    result, _ = clean(model, pixels, factor=factor, keep_colour=True)
    luma = result @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - grey_result)[:, :380].max() <= 2
    ground = result[grey > 0.72]
    assert np.median(ground) == 255 and np.abs(np.ptp(ground, axis=-1)).mean() < 3
    for (top, bottom), ink in inks.items():
        seen = result[top + 5 : bottom - 5, 402:404].reshape(-1, 3).mean(0) / 255
        turned = colorsys.rgb_to_hsv(*seen)[0] - colorsys.rgb_to_hsv(*ink)[0]
        assert abs((turned + 0.5) % 1 - 0.5) < 0.03


def test_colour_is_asked_for(here: Path) -> None:
    Image.merge("RGB", [letter_page()] * 3).save("a.png")
    assert inkbench("denoise", "a.png", "-o", "grey") == 0
    assert inkbench("denoise", "a.png", "-o", "colour", "--keep-colour") == 0
    assert [Image.open(f"{folder}/a.png").mode for folder in ("grey", "colour")] == ["L", "RGB"]


@pytest.mark.parametrize(
    "wrong", [["--jobs", "0"], ["--scale", "nan"], ["--dpi", "9999"], ["--scale", "0"]]
)
def test_impossible_values_are_refused(
    wrong: list[str], scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inkbench("denoise", "scan.png", "-o", "out", *wrong) == 2
    assert f"argument {wrong[0]}: " in capsys.readouterr().err
    assert not Path("out").exists()


def test_every_command_of_the_manual_works(here: Path, root: Path, page: Image.Image) -> None:
    manual = (root / "docs/denoise.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", manual, re.S)
    lines = list(itertools.chain(*(block.splitlines() for block in blocks)))
    commands = [shlex.split(line, comments=True) for line in lines]
    Path("scans").mkdir()
    for name in ("scan.png", "letter.jpg", "scans/one.png", "scans/two.tif", "photo.jpg"):
        page.save(name)
    page.save("contract.pdf")
    cleaning = [command for command in commands if command[:2] == ["inkbench", "denoise"]]
    assert len(cleaning) >= 5
    for command in cleaning:
        assert inkbench(*command[1:]) == 0, command
