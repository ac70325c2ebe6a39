"""The background estimate and the baseline that divides by it."""

import numpy as np
import pytest

from inkbench.datasets.common.background import without_background


def test_without_background_turns_grey_paper_white():
    assert (without_background(np.full((40, 60), 170, np.uint8)) == 1).all()


def test_without_background_divides_ink_by_paper():
    page = np.full((80, 80), 200, np.uint8)
    page[40:43, 40:43] = 50
    result = without_background(page)
    assert result[41, 41] == pytest.approx(50 / 200)
    assert result[0, 0] == 1


def test_without_background_of_black_page_is_finite():
    assert np.isfinite(without_background(np.zeros((40, 40), np.uint8))).all()
