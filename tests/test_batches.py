"""Every epoch is a pure function of (seed, epoch), and shows what params.yaml says."""

import dataclasses

import numpy as np
import pytest

from inkbench import batches, params
from inkbench.datasets import store
from inkbench.datasets.background import with_background
from inkbench.datasets.store import Images, Page
from inkbench.errors import InkbenchError
from inkbench.params import Augment, Noise, Patches, Variant

RNG = np.random.default_rng(0)
LETTERS = Images(
    images=RNG.integers(0, 256, (12, 28, 28), np.uint8),
    labels=np.arange(12, dtype=np.uint8) % 10,
    groups=np.arange(12),
)
PAGES = [
    Page(f"{i}", RNG.integers(0, 256, (h, 70), np.uint8), np.full((h, 70), i, np.uint8), "fold", i)
    for i, h in enumerate((40, 60))
]


def _variant(root, name: str, **changes) -> Variant:
    variant = params.load(root / "params.yaml").train[name]
    return variant.model_copy(update=changes)


@pytest.fixture
def letters(monkeypatch):
    monkeypatch.setattr(store, "load_images", lambda dataset, part: LETTERS)


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.setattr(store, "load_pages", lambda dataset, part, split: PAGES)


def test_an_epoch_shows_every_image_once_with_its_label(root, letters):
    data = batches.load(_variant(root, "notmnist-resnet", augment=Augment()), classes=10)
    images, labels = data.epoch("label", 0)
    assert data.count == 12
    for image, label in zip(images, labels, strict=True):
        (index,) = np.flatnonzero((LETTERS.images == image).all(axis=(1, 2)))
        assert LETTERS.labels[index] == label


def test_epochs_repeat_by_number_and_differ_between_numbers(root, letters):
    variant = _variant(root, "notmnist-resnet")
    first, again = (batches.load(variant, 10).epoch("label", 3) for _ in range(2))
    other = batches.load(variant, 10).epoch("label", 4)
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_noise_is_on_the_input_and_not_on_the_target(root, letters):
    variant = _variant(root, "mnist-denoising-ae", noise=Noise(gaussian=0.5, salt_pepper=0.1))
    inputs, targets = batches.load(variant, 10).epoch("image", 0)
    assert sorted(map(bytes, targets)) == sorted(map(bytes, LETTERS.images))
    assert np.abs(inputs.astype(int) - targets).mean() > 20


def test_targets_are_ink_in_0_to_1_cut_where_asked(root, letters):
    grey = batches.load(_variant(root, "notmnist-dense-ae"), 10)
    (_, targets) = next(iter(grey.batched(grey.valid("image"), "image")))
    assert np.allclose(targets, LETTERS.images / 255)
    cut = dataclasses.replace(grey, binarise=True)
    (_, targets) = next(iter(cut.batched(cut.valid("image"), "image")))
    assert np.array_equal(targets, LETTERS.images >= 128)


def test_patches_pair_a_window_of_the_page_with_the_same_window_of_its_clean_twin(root, pages):
    variant = _variant(root, "documents-unet", patches=Patches(size=32, per_page=10))
    inputs, targets = batches.load(variant, 0).epoch("image", 0)
    assert inputs.shape == (20, 32, 32, 2) and targets.shape == (20, 32, 32, 1)
    for patch, target in zip(inputs, targets, strict=True):
        page = with_background(PAGES[target[0, 0, 0]].noisy)  # the clean page's grey names it
        windows = np.lib.stride_tricks.sliding_window_view(page, (32, 32), axis=(0, 1))
        flips = [patch[::down, ::right] for down in (1, -1) for right in (1, -1)]
        assert any((windows == flip.transpose(2, 0, 1)).all(axis=(2, 3, 4)).any() for flip in flips)


def test_warping_moves_whole_pixels_exactly():
    class Half:  # draws a shift of +1 pixel to the right, 0 down
        draws = iter([0, 0, 0, 0, -1.0, 0])

        def uniform(self, low, high, count):
            return np.full(count, next(self.draws))

    image = np.zeros((1, 5, 5), np.uint8)
    image[0, 2, 2] = 200
    moved = batches.warped(image, Augment(shift=1), Half())
    assert moved[0, 2, 3] == 200 and moved.sum() == 200


def test_warping_keeps_letters_in_the_middle():
    blob = np.zeros((50, 28, 28), np.uint8)
    blob[:, 8:20, 8:20] = 255
    moved = batches.warped(blob, Augment(shift=2, rotate=10), np.random.default_rng(0))
    centres = (moved * np.arange(28)).sum((1, 2)) / moved.sum((1, 2))
    assert np.abs(centres - 13.5).max() <= 2.1
    assert len({image.tobytes() for image in moved}) == 50


def test_an_empty_part_is_named(root, monkeypatch):
    empty = Images(*(array[:0] for array in (LETTERS.images, LETTERS.labels, LETTERS.groups)))
    monkeypatch.setattr(store, "load_images", lambda dataset, part: empty)
    with pytest.raises(InkbenchError, match=r"processed/notmnist/train\.npz: no images"):
        batches.load(_variant(root, "notmnist-cnn"), 10)


def test_a_label_beyond_the_classes_is_named(root, letters):
    with pytest.raises(InkbenchError, match=r"label 9 does not fit the 5 classes"):
        batches.load(_variant(root, "notmnist-cnn"), 5)
