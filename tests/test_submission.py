"""Kaggle submissions: format, sizes, ids, reproducible bytes, and the label of synthetic data."""

import gzip

import numpy as np
import pytest

from helpers import stage
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


class WhiteModel:
    """A model that makes every page white."""

    layers = ()

    def predict_on_batch(self, pages: np.ndarray) -> np.ndarray:
        return np.ones((*pages.shape[:3], 1), np.float32)


def scaled(page: np.ndarray) -> np.ndarray:
    """A restoration with values outside of [0, 1]."""
    return page / np.float32(200) - np.float32(0.1)


def test_write_gives_each_pixel_a_row_numbered_from_one(tmp_path):
    path = tmp_path / "submission.csv.gz"
    assert submission.write(path, PAGES, scaled) == 15 + 8
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert lines[0] == "id,value"
    ids = [f"1_{r}_{c}" for r in (1, 2, 3) for c in (1, 2, 3, 4, 5)]
    ids += [f"16_{r}_{c}" for r in (1, 2) for c in (1, 2, 3, 4)]
    assert [line.split(",")[0] for line in lines[1:]] == ids
    values = np.array([float(line.split(",")[1]) for line in lines[1:]])
    expected = np.concatenate([scaled(page.noisy).clip(0, 1).ravel() for page in PAGES])
    assert np.abs(values - expected).max() <= 0.5e-4 + 1e-7  # half a step, float32 rounding


def test_write_is_reproducible(tmp_path):
    for name in "ab":
        submission.write(tmp_path / name, PAGES, scaled)
    content = (tmp_path / "a").read_bytes()
    assert content == (tmp_path / "b").read_bytes()
    assert content[4:8] == bytes(4)  # gzip's time stamp


@pytest.mark.parametrize("source", ["real", "synthetic"])
def test_make_labels_synthetic_data(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = layout.processed("documents")
    folder.mkdir(parents=True)
    store.save_pages(folder, store.UNLABELLED, PAGES)
    monkeypatch.setattr(store, "load_card", lambda _: {"data_source": source})
    monkeypatch.setattr(storage, "load", lambda _: WhiteModel())
    card = submission.make("documents-unet", tmp_path)
    assert card == {"data_source": source, "pages": 2, "rows": 23, "variant": "documents-unet"}
    synthetic = source == "synthetic"
    assert ("SYNTHETIC" in submission.summary(card, tmp_path)) is synthetic
    stored_name = (tmp_path / "submission.csv.gz").read_bytes()[10:50]
    assert (b"synthetic" in stored_name) is synthetic


def test_make_writes_only_the_card_without_kaggles_pages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "load_card", lambda _: {"data_source": "real"})
    card = submission.make("documents-unet", tmp_path)
    assert card["rows"] == 0
    assert "test.zip" in submission.summary(card, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["submission.json"]


def test_rehearse_writes_files_that_grade_accepts(tmp_path, monkeypatch):
    clean = [np.full((4, 6), 255, np.uint8), np.full((2, 6), 204, np.uint8)]
    pages = [Page(str(n), np.zeros_like(page), page, "fold", n) for n, page in enumerate(clean)]
    requests = []
    monkeypatch.setattr(store, "load_pages", lambda *request: requests.append(request) or pages)
    monkeypatch.setattr(store, "load_card", lambda _: {"data_source": "synthetic"})
    monkeypatch.setattr(storage, "load", lambda _: WhiteModel())
    message = submission.rehearse("documents-unet-mlebench", "mlebench", tmp_path)
    assert requests == [("documents", "test", "mlebench")]
    assert "36 rows of 2 synthetic pages" in message
    score = grade.grade(tmp_path / "submission.csv.gz", tmp_path / "answers.csv.gz")
    assert score == pytest.approx(np.sqrt(0.2**2 * 12 / 36))


@pytest.mark.parametrize("variant", ["documents-scans", "notmnist-cnn", "no-such"])
def test_stage_refuses_a_variant_that_does_not_restore_grey_pages(
    variant, root, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    monkeypatch.setattr(submission, "make", lambda *_: pytest.fail("started"))
    assert stage("submission", variant) == 2
    error = capsys.readouterr().err
    assert variant in error and error.count("\n") == 1


def test_rehearse_without_the_model_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "load_pages", lambda *_: [])
    monkeypatch.setattr(store, "load_card", lambda _: {"data_source": "real"})
    with pytest.raises(InkbenchError, match="no such model"):
        submission.rehearse("documents-unet", store.PAGE_DISJOINT, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_rehearse_refuses_a_damaged_dataset_before_it_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = layout.processed("documents")
    folder.mkdir(parents=True)
    store.save_pages(folder, "test", PAGES)
    (folder / "dataset.json").write_text("{}")
    with pytest.raises(InkbenchError, match=r"dataset\.json"):
        submission.rehearse("documents-unet", store.PAGE_DISJOINT, tmp_path / "out")
    assert not (tmp_path / "out").exists()
