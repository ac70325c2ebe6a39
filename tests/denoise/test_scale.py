"""The measured letter height decides the scale of the network's input."""

import numpy as np
import pytest
from drawn_pages import BackgroundDivision, letter_page
from PIL import Image
from scipy.ndimage import minimum_filter

from inkbench.denoise import scale
from inkbench.denoise.page import clean


def test_factor_is_one_for_pages_like_the_training_data(page: Image.Image) -> None:
    assert scale.factor(np.asarray(page)) == 1


@pytest.mark.parametrize("times", [2, 4])
def test_factor_shrinks_large_letters(times: int) -> None:
    size = (200 * times, 540 * times)
    large = np.asarray(letter_page(*size, size=20 * times))
    reference = scale.letter_height(np.asarray(letter_page()))
    assert scale.letter_height(large) * scale.factor(large) == pytest.approx(scale.TARGET)
    assert scale.letter_height(large) == pytest.approx(times * reference, rel=0.15)


def test_factor_enlarges_small_print() -> None:
    assert 1 < scale.factor(np.asarray(letter_page(300, 400, size=9))) <= scale.LARGEST


def test_letter_height_of_a_page_measured_at_reduced_size() -> None:
    large = np.asarray(letter_page(2000, 4000, size=60))
    small = scale.letter_height(np.asarray(letter_page(800, 1200, size=60)))
    assert scale.letter_height(large) == pytest.approx(small, rel=0.15)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (400, 300)])
def test_factor_without_letters_follows_the_resolution(shape: tuple[int, int]) -> None:
    blank = np.full(shape, 230, np.uint8)
    assert scale.letter_height(blank) is None
    assert scale.factor(blank) == 1
    assert scale.factor(blank, dpi=290) == pytest.approx(0.5)


def test_factor_of_noise_stays_within_limits() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    assert scale.SMALLEST <= scale.factor(noise) <= scale.LARGEST


def test_clean_returns_a_large_page_sharp_and_white() -> None:
    original = np.asarray(letter_page(900, 1200, size=60))
    cleaned, factor = clean(BackgroundDivision(), original)
    assert factor < 0.6
    assert cleaned.shape == original.shape
    ink = original < 60
    assert cleaned[ink].mean() < 25
    paper = minimum_filter(original, 9) > 180
    assert (cleaned[paper] > 250).mean() > 0.99
    # Sharp edges have few grey pixels between ink and paper.
    grey = [np.mean((page > 60) & (page < 180)) for page in (original, cleaned)]
    assert grey[1] < 1.5 * grey[0]


def test_clean_limits_the_network_input(monkeypatch: pytest.MonkeyPatch, page: Image.Image) -> None:
    monkeypatch.setattr("inkbench.denoise.page._MAX_INPUT", page.width * page.height // 4)
    cleaned, factor = clean(BackgroundDivision(), np.asarray(page))
    assert factor == pytest.approx(0.5) and cleaned.shape == (420, 540)
