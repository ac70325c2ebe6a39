"""What the claims are made of, without a network: bytes, folders, draws."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from inkbench import params, published
from inkbench.errors import InkbenchError
from inkbench.published import letters, notmnist_80_images


def test_every_claim_of_params_has_a_module_and_every_module_a_claim(root: Path):
    assert sorted(params.load(root / "params.yaml").published) == published.claims()


def test_squares_are_the_archives_own_bytes_after_sixteen(project: Path):
    content = gzip.decompress((project / "data/raw/notmnist/notMNIST_small.tar.gz").read_bytes())
    squares = letters.tiles(50)
    assert squares.shape == (50, 28, 28)
    assert squares.tobytes() == content[16 : 16 + 50 * 784]


def test_squares_of_a_damaged_archive_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch):
    path = project / "data/raw/notmnist/notMNIST_small.tar.gz"
    path.write_bytes(path.read_bytes()[:3000])
    monkeypatch.setattr(letters, "archive", lambda: path)
    with pytest.raises(InkbenchError, match=r"notMNIST_small\.tar\.gz"):
        letters.tiles(50)


def test_copies_are_read_too_and_known_as_copies(project: Path):
    data = letters.read(None)
    assert len(data.images) == len(data.labels) == 122
    assert len(np.unique(data.keys)) == 120


def test_a_limit_takes_some_of_every_kind_whatever_the_order(project: Path):
    data = letters.read(60)
    assert len(data.images) == 60 and len(np.unique(data.labels)) == 10
    assert (letters.read(60).images == data.images).all()


def test_validation_is_drawn_from_all_files_and_test_is_kept_from_training(project: Path):
    data = letters.read(None)
    folders = notmnist_80_images.split(data, np.random.default_rng(0))
    assert not np.isin(folders.test, folders.train).any()
    assert np.isin(folders.validation, folders.train).any()
    assert not np.isin(data.keys[folders.unseen], data.keys[folders.train]).any()


def test_draws_spread_as_draws_do():
    low, high, chances = notmnist_80_images.spread(750_000, 1_000_000)
    many = binom(80, 0.75)  # what drawing from very many comes to
    assert (low, high) == tuple(many.ppf([0.025, 0.975]) / 80)
    assert chances.sum() == pytest.approx(1)
    np.testing.assert_allclose(chances, many.pmf(np.arange(81)), atol=1e-4)
