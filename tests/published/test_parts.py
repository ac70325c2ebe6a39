"""What the claims train and test on, without a network: tiles, folders, draws."""

import gzip

import numpy as np
import pytest
from scipy.stats import binom

from inkbench import params, published
from inkbench.errors import InkbenchError
from inkbench.published import letters, notmnist_80_images


def test_claims_are_those_of_params(root):
    assert sorted(params.load(root / "params.yaml").published) == published.claims()


def test_tiles_are_the_bytes_of_the_archive(project):
    content = gzip.decompress((project / "data/raw/notmnist/notMNIST_small.tar.gz").read_bytes())
    tiles = letters.tiles(50)
    assert tiles.shape == (50, 28, 28)
    assert tiles.tobytes() == content[16 : 16 + 50 * 784]


@pytest.mark.parametrize("content", [None, gzip.compress(bytes(1000))])
def test_tiles_rejects_damaged_or_small_archive(project, monkeypatch, content):
    path = project / "data/raw/notmnist/notMNIST_small.tar.gz"
    path.write_bytes(content or path.read_bytes()[:3000])
    monkeypatch.setattr(letters, "archive", lambda: path)
    with pytest.raises(InkbenchError, match=r"notMNIST_small\.tar\.gz"):
        letters.tiles(50)


def test_read_keeps_duplicates_with_equal_keys(project):
    data = letters.read(None)
    assert len(data.images) == len(data.labels) == 122
    assert len(np.unique(data.keys)) == 120


def test_read_samples_all_classes_with_a_limit(project):
    data = letters.read(60)
    assert len(data.images) == 60 and len(np.unique(data.labels)) == 10
    assert (letters.read(60).images == data.images).all()


def test_split_leaks_training_files_into_validation_only(project):
    data = letters.read(None)
    folders = notmnist_80_images.split(data, np.random.default_rng(0))
    assert not np.isin(folders.test, folders.train).any()
    assert np.isin(folders.validation, folders.train).any()
    assert not np.isin(data.keys[folders.unseen], data.keys[folders.train]).any()


def test_spread_of_many_images_is_binomial():
    low, high, probabilities = notmnist_80_images.spread(750_000, 1_000_000)
    expected = binom(80, 0.75)
    assert (low, high) == tuple(expected.ppf([0.025, 0.975]) / 80)
    assert probabilities.sum() == pytest.approx(1)
    np.testing.assert_allclose(probabilities, expected.pmf(np.arange(81)), atol=1e-4)
