"""Metrics of cleaners on drawn scans."""

import numpy as np
import pytest

from inkbench.evaluation import cleaning


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "_SCANS", 3)


def test_doing_nothing_loses_no_ink_and_has_the_error_of_the_scan():
    scores = cleaning.drawn_scores(lambda scan: scan / np.float32(255))
    assert scores["test_drawn_rmse"] == scores["drawn_noisy_rmse"] > 0.05
    assert scores["test_drawn_ink_lost"] < 0.05


def test_a_blank_page_loses_all_ink():
    scores = cleaning.drawn_scores(lambda scan: np.ones(scan.shape, np.float32))
    assert scores["test_drawn_ink_lost"] == 1
