"""Metrics of cleaned pages."""

import numpy as np
import pandas
import pytest

from inkbench.datasets.common.store import Page
from inkbench.evaluation import restoration
from inkbench.evaluation.restoration import Restored

RNG = np.random.default_rng(4)


def _page(name: str, noise: str, shape: tuple[int, int] = (20, 30)) -> Page:
    clean = np.where(RNG.random(shape) < 0.1, 0, 255).astype(np.uint8)
    noisy = (clean * 0.8).astype(np.uint8)
    return Page(name, noisy, clean, noise, 0)


def _off_by(error: float):
    """A restorer that knows the answer and misses it by ``error`` everywhere."""

    def restored(page: Page) -> Restored:
        clean = page.clean / np.float32(255)
        return Restored(page, clean, np.abs(clean - np.float32(error)), clean, clean)

    return restored


SMALL, LARGE = _page("1", "fold", (10, 10)), _page("2", "coffee", (30, 10))


def test_rmse_by_hand():
    found = restoration.pooled_rmse([np.zeros((2, 2))], [np.array([[0.3, 0], [0, 0.4]])])
    assert found == pytest.approx(0.25)


def test_rmse_pools_pixels_so_that_large_pages_count_for_more():
    pages = [_off_by(0.1)(SMALL), _off_by(0.2)(LARGE)]  # 100 and 300 pixels
    expected = np.sqrt((100 * 0.01 + 300 * 0.04) / 400)
    assert restoration.scores(pages)["test_rmse"] == pytest.approx(expected, rel=1e-5)


def test_mlebench_rmse_is_that_of_one_long_column():
    answers, submission = ([RNG.random((4, 3)), RNG.random((2, 5))] for _ in range(2))
    table = pandas.DataFrame(
        {
            "answer": np.concatenate([page.ravel() for page in answers]),
            "value": np.concatenate([page.ravel() for page in submission]),
        }
    )
    expected = ((table.answer - table.value) ** 2).mean() ** 0.5
    assert restoration.mlebench_rmse(answers, submission) == pytest.approx(expected)


def test_psnr_is_the_mean_of_the_pages():
    pages = [_off_by(0.1)(SMALL), _off_by(0.01)(LARGE)]
    assert restoration.scores(pages)["test_psnr"] == pytest.approx((20 + 40) / 2, rel=1e-5)


def test_a_perfect_page_has_finite_psnr_and_full_similarity():
    scores = restoration.scores([_off_by(0)(SMALL)])
    assert (scores["test_rmse"], scores["test_psnr"], scores["test_ssim"]) == (0, 100, 1)


def test_ssim_is_of_the_restored_page():
    from skimage.metrics import structural_similarity

    page = _off_by(0.2)(LARGE)
    expected = structural_similarity(page.clean, page.output, data_range=1)
    assert restoration.scores([page])["test_ssim"] == pytest.approx(expected, rel=1e-4)


def test_rmse_by_noise_and_by_height():
    pages = [_off_by(0.1)(SMALL), _off_by(0.2)(LARGE), _off_by(0.2)(_page("3", "fold", (30, 10)))]
    scores = restoration.scores(pages)
    assert scores["test_rmse_coffee"] == pytest.approx(0.2)
    assert scores["test_rmse_30"] == pytest.approx(0.2)
    assert scores["test_rmse_10"] == pytest.approx(0.1)
    assert scores["test_rmse_fold"] == pytest.approx(np.sqrt((100 * 0.01 + 300 * 0.04) / 400))


def test_untouched_page_is_the_noisy_one():
    page = Restored.by(lambda noisy: noisy / np.float32(255), SMALL)
    scores = restoration.scores([page])
    assert scores["untouched_rmse"] == scores["test_rmse"]
    expected = np.sqrt(np.mean((SMALL.clean / 255 - SMALL.noisy / 255) ** 2))
    assert scores["untouched_rmse"] == pytest.approx(expected, rel=1e-5)


def test_table_has_a_row_a_page():
    table = restoration.per_page([_off_by(0.1)(SMALL), _off_by(0.2)(LARGE)])
    assert [row[:3] for row in table.rows] == [["1", "fold", 10], ["2", "coffee", 30]]
    rmse = [row[table.columns.index("rmse")] for row in table.rows]
    assert rmse == pytest.approx([0.1, 0.2])


def test_chosen_pages_are_best_median_worst_and_one_of_each_noise():
    errors = {"fold": (0.1, 0.2, 0.3), "coffee": (0.4, 0.5, 0.6), "wrinkle": (0.7, 0.8, 0.9)}
    pages = [
        _off_by(error)(_page(f"{noise}{error}", noise))
        for noise, levels in errors.items()
        for error in levels
    ]
    found = restoration.chosen(pages)
    shown = dict(zip(found["names"], found["role"], strict=True))
    assert shown == {
        "fold0.1": "best",
        "fold0.2": "typical",
        "coffee0.5": "median",
        "wrinkle0.8": "typical",
        "wrinkle0.9": "worst",
    }


def test_chosen_pages_keep_arrays_and_names_in_step():
    pages = [_off_by(0.1)(SMALL), _off_by(0.2)(LARGE)]
    found = restoration.chosen(pages)
    for i, name in enumerate(found["names"]):
        page = SMALL if name == "1" else LARGE
        assert np.array_equal(found[f"clean_{i}"], page.clean)
        assert found[f"restored_{i}"].dtype == np.uint8


def test_one_page_is_enough():
    assert list(restoration.chosen([_off_by(0.1)(SMALL)])["role"]) == ["best"]
