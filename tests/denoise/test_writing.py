"""`writing.writing` appends pages to a file, which appears when it is complete."""

import contextlib
import cProfile
import os
import pstats
import tracemalloc
from pathlib import Path

import numpy as np
import pypdfium2
import pytest

from inkbench.denoise.reading import Scan, read
from inkbench.denoise.writing import writing
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
