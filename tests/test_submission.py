"""Kaggle gets what it asks for: the format, the sizes, the ids; and always the same bytes."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from inkbench import grade, layout, submission
from inkbench.datasets.common import store
from inkbench.datasets.common.store import Page
from inkbench.errors import InkbenchError
from inkbench.models.common import storage

RNG = np.random.default_rng(0)
PAGES = [
    Page("1", RNG.integers(0, 256, (3, 5), np.uint8), None, "fold", -1),
    Page("16", RNG.integers(0, 256, (2, 4), np.uint8), None, "coffee", -1),
]


class White:
    """A model that makes every page white."""

    layers = ()

    def predict_on_batch(self, pages: np.ndarray) -> np.ndarray:
        return np.ones((*pages.shape[:3], 1), np.float32)


def scaled(page: np.ndarray) -> np.ndarray:
    return page / np.float32(200) - np.float32(0.1)  # some of it outside of [0, 1]


def test_every_pixel_has_a_row_with_its_place_counted_from_one(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv.gz"
    assert submission.write(path, PAGES, scaled) == 15 + 8
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert lines[0] == "id,value"
    places = [f"1_{r}_{c}" for r in (1, 2, 3) for c in (1, 2, 3, 4, 5)]
    places += [f"16_{r}_{c}" for r in (1, 2) for c in (1, 2, 3, 4)]
    assert [line.split(",")[0] for line in lines[1:]] == places
    values = np.array([float(line.split(",")[1]) for line in lines[1:]])
    expected = np.concatenate([scaled(page.noisy).clip(0, 1).ravel() for page in PAGES])
    assert np.abs(values - expected).max() <= 0.5e-4


def test_the_bytes_are_the_same_whenever_and_wherever_it_is_made(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        submission.write(tmp_path / folder / "s.gz", PAGES, scaled)
    assert (tmp_path / "a/s.gz").read_bytes() == (tmp_path / "b/s.gz").read_bytes()
    assert (tmp_path / "a/s.gz").read_bytes()[4:8] == bytes(4)  # gzip's time stamp


def test_a_submission_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(page: np.ndarray) -> np.ndarray:
        raise InkbenchError("no")

    with pytest.raises(InkbenchError):
        submission.write(tmp_path / "s.gz", PAGES, fail)
    assert not list(tmp_path.iterdir())


def test_the_grader_reads_it(tmp_path: Path) -> None:
    one, other = tmp_path / "one.gz", tmp_path / "other.gz"
    submission.write(one, PAGES, lambda page: np.full(page.shape, 0.5))
    submission.write(other, PAGES, lambda page: np.full(page.shape, 0.75))
    assert grade.grade(one, other) == pytest.approx(0.25)


@pytest.mark.parametrize(("source", "label"), [("real", ""), ("synthetic", "SYNTHETIC DATA")])
def test_what_is_made_from_stand_in_pages_says_so(
    source: str, label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "_pages", lambda: PAGES)
    monkeypatch.setattr(store, "load_card", lambda _: {"data_source": source})
    monkeypatch.setattr(storage, "load", lambda _: White())
    card = submission.make("documents-unet", tmp_path)
    assert card == {"data_source": source, "pages": 2, "rows": 23, "variant": "documents-unet"}
    assert ("SYNTHETIC DATA" in submission.told(card, tmp_path)) is (source == "synthetic")
    inside = (tmp_path / "submission.csv.gz").read_bytes()[10:50]
    assert (b"synthetic" in inside) is (source == "synthetic")


def test_without_kaggles_pages_there_is_a_card_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "load_card", lambda _: {"data_source": "real"})
    card = submission.make("documents-unet", tmp_path)
    assert card["rows"] == 0
    assert "test.zip" in submission.told(card, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["submission.json"]


def test_a_rehearsal_is_graded_without_kaggle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = [np.full((4, 6), 255, np.uint8), np.full((2, 6), 204, np.uint8)]
    pages = [Page(str(n), np.zeros_like(page), page, "fold", n) for n, page in enumerate(clean)]
    places = []
    monkeypatch.setattr(store, "load_pages", lambda *place: places.append(place) or pages)
    monkeypatch.setattr(store, "load_card", lambda _: {"data_source": "synthetic"})
    monkeypatch.setattr(storage, "load", lambda _: White())
    told = submission.rehearse("documents-unet-mlebench", "mlebench", tmp_path)
    assert places == [("documents", "test", "mlebench")]
    assert "36 rows of 2 synthetic pages" in told
    score = grade.grade(tmp_path / "submission.csv.gz", tmp_path / "answers.csv.gz")
    assert score == pytest.approx(np.sqrt(0.2**2 * 12 / 36))


def test_kaggles_pages_are_found_where_preprocess_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = layout.processed("documents")
    folder.mkdir(parents=True)
    store.save_pages(folder, store.UNLABELLED, PAGES)
    assert [page.name for page in submission._pages()] == ["1", "16"]
