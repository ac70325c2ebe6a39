"""Paper without its ink, ink without its paper."""

import numpy as np
import pytest

from inkbench.datasets.common.background import without_background


def test_grey_paper_turns_white():
    assert (without_background(np.full((40, 60), 170, np.uint8)) == 1).all()


def test_ink_keeps_the_share_of_light_that_it_lets_through():
    page = np.full((80, 80), 200, np.uint8)
    page[40:43, 40:43] = 50
    found = without_background(page)
    assert found[41, 41] == pytest.approx(50 / 200)
    assert found[0, 0] == 1


def test_a_black_page_divides_by_nothing():
    assert np.isfinite(without_background(np.zeros((40, 40), np.uint8))).all()
