"""`writing.writing` appends pages to a file, which appears when it is complete."""

import contextlib
import cProfile
import io
import os
import pstats
import tracemalloc
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image, JpegImagePlugin

from inkbench import disk
from inkbench.denoise.inputs import comparison
from inkbench.denoise.reading import Scan, read
from inkbench.denoise.writing import check_size, without_leftovers, writing
from inkbench.errors import InkbenchError

PAGE = np.tile(np.arange(100, dtype=np.uint8), (150, 1))


def write(path: Path, *scans: Scan) -> None:
    with writing(path, force=False) as add:
        for scan in scans:
            add(scan.pixels, scan)


@pytest.mark.parametrize("name", ["a.pdf", "a.TIF"])
def test_pages_keep_their_order_colour_and_resolution(name, here):
    pages = [PAGE, np.stack([PAGE, 255 - PAGE, PAGE], -1), PAGE[:75]]
    write(Path(name), Scan(pages[0], (150, 150)), Scan(pages[1], (150, 75)), Scan(pages[2]))
    scans = list(read(Path(name), pdf_dpi=150))
    if name == "a.pdf":  # rendered with square pixels
        assert [scan.pixels.shape[:2] for scan in scans] == [(150, 100), (300, 100), (75, 100)]
        scans[1] = Scan(scans[1].pixels[::2])
    else:
        assert [scan.dpi for scan in scans] == [(150, 150), (150, 150), None]
        scans[1] = Scan(scans[1].pixels[::2])
    for page, scan in zip(pages, scans, strict=True):
        pixels = scan.pixels if scan.pixels.ndim == page.ndim else scan.pixels[..., 0]
        assert np.abs(pixels.astype(int) - page).mean() < 3


def test_pdf_is_valid_for_other_readers(here):
    from PIL import PdfParser

    write(Path("Straße (1).pdf"), *[Scan(PAGE, (72, 72))] * 3)
    with PdfParser.PdfParser("Straße (1).pdf") as parser:
        assert len(parser.pages) == 3
    document = pypdfium2.PdfDocument("Straße (1).pdf")
    assert document.get_metadata_value("Title") == "Straße (1)"
    assert document[2].get_size() == (100, 150)


def test_pdf_page_beyond_200_inches_keeps_its_size(here):
    write(Path("a.pdf"), Scan(np.zeros((30, 4000), np.uint8), (10, 10)))  # 400 inches wide
    width, height = pypdfium2.PdfDocument("a.pdf")[0].get_size()
    assert (width, height) == pytest.approx((14_400, 108))
    (scan,) = read(Path("a.pdf"), pdf_dpi=10)
    assert scan.pixels.shape[:2] == (30, 4000)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("changed", [None, "2024:02:03 00:00:00"])
def test_date_of_a_photograph_is_kept(changed, suffix, here):
    exif, taken = Image.Exif(), "2020:06:01 12:00:00"
    exif.get_ifd(0x8769)[0x9003] = taken
    if changed:
        exif[0x0132] = changed
    Image.fromarray(PAGE).save("photo.jpg", exif=exif)
    (scan,) = read(Path("photo.jpg"))
    write(Path(f"a.{suffix}"), scan)
    with Image.open(f"a.{suffix}") as image:
        kept = image.getexif()
        if suffix == "tif":
            assert kept[0x0132] == (changed or taken)
        else:
            assert kept.get(0x0132) == changed
            assert kept.get_ifd(0x8769)[0x9003] == taken


@pytest.mark.parametrize("name", ["a.pdf", "a.tif", "a.png", "a.jpg"])
def test_error_between_pages_leaves_nothing(name, here):
    with pytest.raises(InkbenchError), writing(Path(name), force=False) as add:
        add(PAGE, Scan(PAGE))
        raise InkbenchError
    assert not list(here.iterdir())


def test_many_pictures_need_no_open_files(here):
    before = len(os.listdir("/dev/fd"))
    with contextlib.ExitStack() as pictures:
        for number in range(50):
            pictures.enter_context(writing(Path(f"{number}.png"), force=False))(PAGE, Scan(PAGE))
        assert len(os.listdir("/dev/fd")) < before + 10
    assert len(list(here.iterdir())) == 50


def leave(path: Path, process: int = 0) -> Path:
    """What another process leaves behind if it is killed while it writes a file."""
    with disk.new_file(path) as scratch:
        left = scratch.with_name(scratch.name.replace(f".{os.getpid()}.", f".{process}."))
        left.touch()
        scratch.touch()
    path.unlink()
    return left


def test_leftovers_of_all_comparisons_are_removed(here):
    paths = [here / "a.tif", *(comparison(here / "a.tif", number) for number in (1, 2, 3))]
    left, other = [leave(path) for path in paths], leave(here / "b.png")
    with without_leftovers([here / "a.tif"]):
        assert list(here.iterdir()) == [other]
        leave(paths[0])
    assert len(left) == 4 and list(here.iterdir()) == [other]


def test_without_leftovers_keeps_what_another_run_is_writing(here):
    written = leave(here / "a.tif", process=1)
    with without_leftovers([here / "a.tif"]):
        pass
    assert list(here.iterdir()) == [written]


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("name", ["a.pdf", "a.tif", "a.png", "a.jpg"])
def test_writing_leaves_no_truncated_file_on_a_full_disk(name, here):
    noise = np.random.default_rng(0).integers(0, 256, (99, 99), np.uint8)
    with pytest.raises(InkbenchError, match=f"{name}: no room"):
        write(Path(name), Scan(noise))
    assert not list(here.iterdir())


@pytest.mark.parametrize("suffix", ["pdf", "tif", "png", "jpg"])
def test_writing_refuses_a_folder_that_cannot_be_written_before_any_page(suffix):
    path = Path(f"/proc/a.{suffix}")  # root may write everywhere else
    with pytest.raises(InkbenchError, match=str(path)), writing(path, force=False):
        pytest.fail("a page would be cleaned in vain")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_writing_keeps_accents_in_metadata(suffix, here):
    exif = Image.Exif()
    exif[0x013B] = "Müller".encode()
    Image.fromarray(PAGE).save(f"a.{suffix}", exif=exif)
    write(Path(f"b.{suffix}"), *read(Path(f"a.{suffix}")))
    assert "Müller\0".encode() in Path(f"b.{suffix}").read_bytes()


@pytest.mark.parametrize("grey", [True, False])
def test_pdf_pages_without_colour_are_grey_and_others_keep_sharp_colours(grey, here):
    page = np.stack([PAGE, PAGE if grey else 255 - PAGE, PAGE], -1)
    write(Path("a.pdf"), Scan(page))
    content = Path("a.pdf").read_bytes()
    with Image.open(io.BytesIO(content[content.index(b"\xff\xd8") :])) as image:
        assert image.mode == ("L" if grey else "RGB")
        assert grey or JpegImagePlugin.get_sampling(image) == 0


@pytest.mark.parametrize("suffix", ["jpg", "PDF"])
def test_check_size_refuses_pages_that_are_too_long_for_jpeg(suffix):
    page = np.zeros((65_501, 1), np.uint8)
    check_size(Path("a.png"), page)
    check_size(Path(f"a.{suffix}"), page[1:])
    with pytest.raises(InkbenchError, match=r"longer .*\.png or \.tif"):
        check_size(Path(f"a.{suffix}"), page)


@pytest.mark.parametrize("suffix", ["pdf", "tif"])
def test_work_and_memory_for_a_page_do_not_grow(suffix, here):
    def cost(pages: int) -> tuple[float, int]:
        """Calls of Python functions for one page, and peak memory for all."""
        tracemalloc.start()
        with writing(here / f"{pages}.{suffix}", force=False) as add:
            for _ in range(pages - 1):
                add(noise, Scan(noise))
            with cProfile.Profile() as profile:
                add(noise, Scan(noise))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return pstats.Stats(profile).total_calls, peak

    noise = np.random.default_rng(0).integers(0, 256, (60, 60), np.uint8)
    cost(2)  # imports
    (few, small), (many, large) = cost(20), cost(200)
    assert many < 1.1 * few and large < small + 500_000
    assert sum(1 for _ in read(here / f"200.{suffix}", 72)) == 200
