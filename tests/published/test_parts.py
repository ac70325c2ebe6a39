"""What the claims train and test on, without a network: tiles, folders, draws."""

import gzip

import numpy as np
import pytest
from scipy.stats import binom

from inkbench import params, published
from inkbench.errors import InkbenchError
from inkbench.published import digits, letters, notmnist_80_images

SMALL = gzip.compress(bytes(1000))


def test_claims_are_those_of_params(root):
    assert sorted(params.load(root / "params.yaml").published) == published.claims()


def test_tiles_are_the_bytes_of_the_archive(project):
    content = gzip.decompress((project / "data/raw/notmnist/notMNIST_small.tar.gz").read_bytes())
    tiles = letters.tiles(50)
    assert tiles.shape == (50, 28, 28)
    assert tiles.tobytes() == content[16 : 16 + 50 * 784]


def _damaged(whole: bytes) -> bytes:
    """A stream that deflate cannot read, behind gzip's header."""
    return whole[:10] + b"\xff" * 20 + whole[30:]


@pytest.mark.parametrize("damage", [lambda whole: whole[:3000], _damaged, lambda _: SMALL])
def test_tiles_rejects_damaged_or_small_archive(project, monkeypatch, damage):
    path = project / "data/raw/notmnist/notMNIST_small.tar.gz"
    path.write_bytes(damage(path.read_bytes()))
    monkeypatch.setattr(letters, "archive", lambda: path)
    with pytest.raises(InkbenchError, match=r"notMNIST_small\.tar\.gz"):
        letters.tiles(50)


def test_read_keeps_duplicates_with_equal_keys(project):
    data = letters.read(None)
    assert len(data.images) == len(data.labels) == 122
    assert len(np.unique(data.keys)) == 120


@pytest.mark.parametrize("part", [letters.read, letters.tiles])
def test_claims_of_letters_refuse_a_limit_that_leaves_too_few(project, part):
    with pytest.raises(InkbenchError, match=r"notMNIST_small\.tar\.gz: only 39 .*train_limit"):
        part(39)


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


def test_train_shows_every_digit_in_every_epoch(root):
    settings = params.load(root / "params.yaml").claim("mnist-logits")
    settings = settings.model_copy(update={"epochs": 2, "batch_size": 4})
    images = np.zeros((5, 28, 28), np.uint8)
    model = digits.build(settings, logits=False, code=2)
    shown: list[int] = []
    data = digits.Digits(images, images, images[:, 0, 0])
    digits.train(model, data, settings, False, shown.append, "")
    assert shown == [0, 4, 8, 10]
