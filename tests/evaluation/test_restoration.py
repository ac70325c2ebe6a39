"""Metrics of restored pages."""

import numpy as np
import pytest

from inkbench import models, restore
from inkbench.datasets.common.store import Page
from inkbench.evaluation import restoration
from inkbench.evaluation.restoration import Restored

RNG = np.random.default_rng(4)


def _page(name: str, noise: str, shape: tuple[int, int] = (20, 30)) -> Page:
    clean = np.where(RNG.random(shape) < 0.1, 0, 255).astype(np.uint8)
    noisy = (clean * 0.8).astype(np.uint8)
    return Page(name, noisy, clean, noise, 0)


def _restored(page: Page, error: float) -> Restored:
    """A page whose output differs from the target by ``error`` everywhere."""
    clean = page.clean / np.float32(255)
    return Restored(page, clean, np.abs(clean - np.float32(error)), clean, clean)


SMALL, LARGE = _page("1", "fold", (10, 10)), _page("2", "coffee", (30, 10))
PAGES = [_restored(SMALL, 0.1), _restored(LARGE, 0.2)]  # 100 and 300 pixels


def test_restore_bounds_the_tiles_of_a_cleaner(monkeypatch):
    """Their size limits the memory."""
    model = models.build("scan_unet", (None, None, 6), 0, {"first": 2, "width": 2, "levels": 2})
    tiles = []
    tiled = restore._tiled
    monkeypatch.setattr(restore, "_tiled", lambda *a: tiles.append(a[-1]) or tiled(*a))
    page = np.full((70, 90), 200, np.uint8)
    whole, cut = restore.restore(model, page), restore.restore(model, page, tile=64)
    assert tiles == [restore.TILE, 64]
    assert np.abs(whole - cut).max() < 1 / 255


def test_pooled_rmse_matches_manual_calculation():
    rmse = restoration.pooled_rmse([np.zeros((2, 2))], [np.array([[0.3, 0], [0, 0.4]])])
    assert rmse == pytest.approx(0.25)


def test_mlebench_rmse_is_pooled_over_all_pages():
    answers, submission = ([RNG.random((4, 3)), RNG.random((2, 5))] for _ in range(2))
    expected = restoration.pooled_rmse(answers, submission)
    assert restoration.mlebench_rmse(answers, submission) == pytest.approx(expected)


def test_scores_pool_rmse_over_pixels_and_average_psnr_over_pages():
    scores = restoration.scores(PAGES)
    expected = np.sqrt((100 * 0.01 + 300 * 0.04) / 400)
    assert scores["test_rmse"] == pytest.approx(expected, rel=1e-5)
    assert scores["test_psnr"] == pytest.approx(-10 * np.log10([0.01, 0.04]).mean(), rel=1e-5)


def test_scores_of_perfect_page_are_finite():
    scores = restoration.scores([_restored(SMALL, 0)])
    assert (scores["test_rmse"], scores["test_psnr"], scores["test_ssim"]) == (0, 100, 1)


def test_scores_report_rmse_by_noise_and_height():
    scores = restoration.scores([*PAGES, _restored(_page("3", "fold", (30, 10)), 0.2)])
    assert scores["test_rmse_coffee"] == pytest.approx(0.2)
    assert scores["test_rmse_30"] == pytest.approx(0.2)
    assert scores["test_rmse_10"] == pytest.approx(0.1)
    assert scores["test_rmse_fold"] == pytest.approx(np.sqrt((100 * 0.01 + 300 * 0.04) / 400))


def test_scores_noisy_rmse_is_that_of_noisy_page():
    scores = restoration.scores([Restored.by(lambda noisy: noisy / np.float32(255), SMALL)])
    assert scores["noisy_rmse"] == scores["test_rmse"]
    expected = np.sqrt(np.mean((SMALL.clean / 255 - SMALL.noisy / 255) ** 2))
    assert scores["noisy_rmse"] == pytest.approx(expected, rel=1e-5)


def test_per_page_has_one_row_per_page():
    table = restoration.per_page(PAGES)
    assert [row[:3] for row in table.rows] == [["1", "fold", 10], ["2", "coffee", 30]]
    rmse = [row[table.columns.index("rmse")] for row in table.rows]
    assert rmse == pytest.approx([0.1, 0.2])


def test_selected_has_best_median_worst_and_typical_page_of_each_noise():
    errors = {"fold": (0.1, 0.2, 0.3), "coffee": (0.4, 0.5, 0.6), "wrinkle": (0.7, 0.8, 0.9)}
    pages = [
        _restored(_page(f"{noise}{error}", noise), error)
        for noise, levels in errors.items()
        for error in levels
    ]
    arrays = restoration.selected(pages)
    assert dict(zip(arrays["names"], arrays["role"], strict=True)) == {
        "fold0.1": "best",
        "fold0.2": "typical",
        "coffee0.5": "median",
        "wrinkle0.8": "typical",
        "wrinkle0.9": "worst",
    }
    for i, name in enumerate(arrays["names"]):
        page = next(restored.page for restored in pages if restored.page.name == name)
        assert np.array_equal(arrays[f"clean_{i}"], page.clean)
        assert arrays[f"restored_{i}"].dtype == np.uint8


def test_selected_accepts_a_single_page():
    assert list(restoration.selected(PAGES[:1])["role"]) == ["best"]
