"""The measured letter height decides the scale of the network's input."""

import numpy as np
import pytest
from drawn_pages import BackgroundDivision, letter_page
from PIL import ImageDraw, ImageFont
from scipy.ndimage import minimum_filter

from inkbench.denoise import scale
from inkbench.denoise.page import clean


def factor(page: np.ndarray, dpi: float | None = None) -> float:
    return scale.measure(page, dpi).factor


def height(page: np.ndarray) -> float | None:
    return scale.letter_height(page)[0]


def test_factor_is_one_for_pages_like_the_training_data(page):
    assert scale.measure(np.asarray(page)).factor == 1


@pytest.mark.parametrize("times", [2, 4])
def test_factor_shrinks_large_letters(times):
    size = (1150 * times, 540 * times)
    large = np.asarray(letter_page(*size, size=20 * times))
    reference = height(np.asarray(letter_page()))
    assert height(large) * factor(large) == pytest.approx(scale.TARGET)
    assert height(large) == pytest.approx(times * reference, rel=0.15)


def test_factor_enlarges_small_print():
    assert 1 < factor(np.asarray(letter_page(300, 400, size=9))) <= scale.LARGEST


def test_letter_height_of_a_page_measured_at_reduced_size():
    large = np.asarray(letter_page(2000, 4000, size=60))
    small = height(np.asarray(letter_page(800, 1200, size=60)))
    assert height(large) == pytest.approx(small, rel=0.15)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (400, 300)])
def test_factor_without_letters_follows_the_resolution(shape):
    blank = np.full(shape, 230, np.uint8)
    assert height(blank) is None
    assert factor(blank) == 1
    assert factor(blank, dpi=290) == pytest.approx(0.5)


def test_factor_without_letters_ignores_the_resolution_that_a_camera_writes():
    photo = np.full((3000, 4000), 230, np.uint8)
    assert factor(photo, dpi=72) == factor(photo) < 0.5


def test_factor_of_noise_stays_within_limits():
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    assert scale.SMALLEST <= factor(noise) <= scale.LARGEST


def test_clean_returns_a_large_page_sharp_and_white():
    original = np.asarray(letter_page(900, 1200, size=60))
    cleaned = clean(BackgroundDivision(), original, factor=0.4)
    cleaned = cleaned.pixels
    assert cleaned.shape == original.shape
    ink = original < 60
    assert cleaned[ink].mean() < 25
    paper = minimum_filter(original, 9) > 180
    assert (cleaned[paper] > 250).mean() > 0.99
    # Sharp edges have few grey pixels between ink and paper.
    grey = [np.mean((page > 60) & (page < 180)) for page in (original, cleaned)]
    assert grey[1] < 1.5 * grey[0]


def test_clean_limits_the_network_input(monkeypatch, page):
    monkeypatch.setattr("inkbench.denoise.page._MAX_INPUT", page.width * page.height // 4)
    cleaned = clean(BackgroundDivision(), np.asarray(page))
    assert cleaned.scale.factor == pytest.approx(0.5) and cleaned.pixels.shape == (420, 540)


@pytest.mark.parametrize(("size", "rows_of_dots"), [(36, 300), (20, 500)])
def test_grain_and_halftone_do_not_change_the_factor(size, rows_of_dots):
    page = np.asarray(letter_page(1200, 1000, size=size))
    rng = np.random.default_rng(0)
    grain = (page + rng.normal(0, 12, page.shape)).clip(0, 255).astype(np.uint8)
    rows, columns = np.mgrid[:rows_of_dots, :1000]
    halftone = page.copy()
    halftone[400 : 400 + rows_of_dots] = np.where(
        np.sin(rows * 1.2) * np.sin(columns * 1.2) > 0.2, 60, 220
    )
    for spoilt in (grain, halftone):
        assert factor(spoilt) == pytest.approx(factor(page), rel=0.2)


def test_headline_does_not_change_the_height():
    page = letter_page(1200, 1000, size=20)
    ImageDraw.Draw(page).text((40, 100), "INVOICE", 0, ImageFont.load_default(120))
    assert height(np.asarray(page)) == pytest.approx(
        height(np.asarray(letter_page(1200, 1000, size=20))), rel=0.1
    )


def test_unsure_measurement_never_enlarges():
    rng = np.random.default_rng(1)
    blots = np.full((800, 800), 230, np.uint8)
    for row, column in rng.integers(0, 780, (400, 2)):
        side = int(rng.integers(3, 20))
        blots[row : row + side, column : column + side] = 40
    measured = scale.measure(blots)
    assert measured.confidence < 1 and measured.factor <= 1
