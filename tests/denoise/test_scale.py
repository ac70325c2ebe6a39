"""Letters are measured, so that any page is shown to the network at the size that it knows."""

import numpy as np
import pytest
from drawn_pages import letter_page
from PIL import Image
from scipy.ndimage import minimum_filter

from inkbench.denoise import scale
from inkbench.denoise.page import clean


def test_a_page_like_those_of_the_dataset_is_left_alone(page: Image.Image) -> None:
    assert scale.factor(np.asarray(page)) == 1


@pytest.mark.parametrize("times", [2, 4])
def test_an_enlarged_page_is_shrunk_to_known_letters(times: int) -> None:
    size = (200 * times, 540 * times)
    large = np.asarray(letter_page(*size, size=20 * times))
    known = scale.letter_height(np.asarray(letter_page()))
    assert scale.letter_height(large) * scale.factor(large) == pytest.approx(scale.TARGET)
    assert scale.letter_height(large) == pytest.approx(times * known, rel=0.15)


def test_small_print_is_enlarged() -> None:
    assert 1 < scale.factor(np.asarray(letter_page(300, 400, size=9))) <= scale.LARGEST


def test_a_page_too_large_to_measure_whole_is_measured_all_the_same() -> None:
    large = np.asarray(letter_page(2000, 4000, size=60))
    small = scale.letter_height(np.asarray(letter_page(800, 1200, size=60)))
    assert scale.letter_height(large) == pytest.approx(small, rel=0.15)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (400, 300)])
def test_a_page_without_letters_is_taken_by_its_resolution(shape: tuple[int, int]) -> None:
    blank = np.full(shape, 230, np.uint8)
    assert scale.letter_height(blank) is None
    assert scale.factor(blank) == 1
    assert scale.factor(blank, dpi=290) == pytest.approx(0.5)


def test_noise_is_not_taken_for_an_extreme_scale() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    assert scale.SMALLEST <= scale.factor(noise) <= scale.LARGEST


def test_a_large_page_comes_back_sharp_and_white(model) -> None:
    original = np.asarray(letter_page(900, 1200, size=60))
    cleaned, factor = clean(model, original)
    assert factor < 0.6
    assert cleaned.shape == original.shape
    ink = original < 60
    assert cleaned[ink].mean() < 25
    paper = minimum_filter(original, 9) > 180
    assert (cleaned[paper] > 250).mean() > 0.99
    # Edges as narrow as the original's: hardly more grey between ink and paper.
    between = [np.mean((page > 60) & (page < 180)) for page in (original, cleaned)]
    assert between[1] < 1.5 * between[0]


def test_a_factor_that_is_given_is_used(page: Image.Image, model) -> None:
    assert clean(model, np.asarray(page), factor=0.5)[1] == 0.5


def test_a_poster_is_shown_no_larger_than_memory_allows(
    monkeypatch: pytest.MonkeyPatch, page: Image.Image, model
) -> None:
    from inkbench.denoise import page as cleaning

    monkeypatch.setattr(cleaning, "_MOST_SHOWN", page.width * page.height // 4)
    cleaned, factor = clean(model, np.asarray(page))
    assert factor == pytest.approx(0.5) and cleaned.shape == (420, 540)
