"""An epoch is a pure function of (seed, epoch) and follows params.yaml."""

from types import SimpleNamespace

import numpy as np
import pytest

from inkbench import params
from inkbench.datasets.common import store
from inkbench.datasets.common.background import with_background
from inkbench.datasets.common.store import Images, Page
from inkbench.errors import InkbenchError
from inkbench.params import Augment, Drawn, Noise, Patches, Variant
from inkbench.training import batches

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


def test_epoch_has_every_image_once_with_its_label(root, letters):
    data = batches.load(_variant(root, "notmnist-resnet", augment=Augment()), classes=10)
    images, labels = data.epoch("label", 0)
    assert data.count == 12
    for image, label in zip(images, labels, strict=True):
        (index,) = np.flatnonzero((LETTERS.images == image).all(axis=(1, 2)))
        assert LETTERS.labels[index] == label


def test_epoch_is_repeatable_and_differs_from_other_epochs(root, letters):
    variant = _variant(root, "notmnist-resnet")
    first, second = (batches.load(variant, 10).epoch("label", 3) for _ in range(2))
    other = batches.load(variant, 10).epoch("label", 4)
    assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_epoch_adds_noise_to_inputs_but_not_to_targets(root, letters):
    variant = _variant(root, "mnist-denoising-ae", noise=Noise(gaussian=0.5, salt_pepper=0.1))
    inputs, targets = batches.load(variant, 10).epoch("image", 0)
    assert sorted(map(bytes, targets)) == sorted(map(bytes, LETTERS.images))
    assert np.abs(inputs.astype(int) - targets).mean() > 20


def test_batched_scales_targets_to_0_to_1_and_binarises_them_on_request(root, letters):
    grey = _variant(root, "notmnist-dense-ae")
    arrays = batches.load(grey, 10).valid("image")
    (_, targets) = next(iter(batches.batched(arrays, "image", grey)))
    assert np.allclose(targets, LETTERS.images / 255)
    binary = grey.model_copy(update={"binarise": True})
    (_, targets) = next(iter(batches.batched(arrays, "image", binary)))
    assert np.array_equal(targets, LETTERS.images >= 128)


def test_batched_has_no_tuner_that_every_iteration_would_wait_for(root, letters):
    variant = _variant(root, "notmnist-dense-ae")
    arrays = batches.load(variant, 10).valid("image")
    assert batches.batched(arrays, "image", variant).options().autotune.enabled is False


def test_patch_is_one_window_of_the_noisy_page_its_background_and_the_clean_page(root, monkeypatch):
    """Each clean page is the negative of its noisy one, and so must be each patch."""
    noisy = RNG.integers(0, 256, (2, 40, 50), np.uint8)
    pages = [Page(str(i), page, 255 - page, "fold", i) for i, page in enumerate(noisy)]
    monkeypatch.setattr(store, "load_pages", lambda dataset, part, split: pages)
    variant = _variant(root, "documents-unet", patches=Patches(size=32, per_page=10))
    inputs, targets = batches.load(variant, 0).epoch("image", 0)
    assert inputs.shape == (20, 32, 32, 2)
    assert np.array_equal(targets, 255 - inputs[..., :1])
    channels = np.stack([with_background(page) for page in noisy])
    windows = np.lib.stride_tricks.sliding_window_view(channels, (32, 32), axis=(1, 2))
    for patch in inputs.transpose(0, 3, 1, 2):
        flips = [patch[:, ::down, ::right] for down in (1, -1) for right in (1, -1)]
        assert any((windows == flip).all(axis=(3, 4, 5)).any() for flip in flips)


def test_warped_shifts_by_whole_pixels_exactly():
    draws = iter([0, 0, 0, 0, -1.0, 0])  # a shift of +1 pixel to the right, 0 down
    generator = SimpleNamespace(uniform=lambda low, high, count: np.full(count, next(draws)))
    image = np.zeros((1, 5, 5), np.uint8)
    image[0, 2, 2] = 200
    moved = batches.warped(image, Augment(shift=1), generator)
    assert moved[0, 2, 3] == 200 and moved.sum() == 200


def test_warped_keeps_letters_near_the_centre():
    blob = np.zeros((50, 28, 28), np.uint8)
    blob[:, 8:20, 8:20] = 255
    moved = batches.warped(blob, Augment(shift=2, rotate=10), np.random.default_rng(0))
    centres = (moved * np.arange(28)).sum((1, 2)) / moved.sum((1, 2))
    assert np.abs(centres - 13.5).max() <= 2.1
    assert len({image.tobytes() for image in moved}) == 50


def test_load_names_an_empty_part(root, monkeypatch):
    empty = Images(*(array[:0] for array in (LETTERS.images, LETTERS.labels, LETTERS.groups)))
    monkeypatch.setattr(store, "load_images", lambda dataset, part: empty)
    with pytest.raises(InkbenchError, match=r"processed/notmnist/train\.npz: no images"):
        batches.load(_variant(root, "notmnist-cnn"), 10)


def test_load_names_a_label_that_is_not_a_class(root, letters):
    with pytest.raises(InkbenchError, match=r"label 9 does not fit the 5 classes"):
        batches.load(_variant(root, "notmnist-cnn"), 5)


def test_load_reads_each_part_of_the_variant_s_split(root, monkeypatch):
    asked = []

    def load(dataset, part, split):
        asked.append((dataset, part, split))
        return {"train": PAGES[:1], "valid": PAGES[1:]}[part]

    monkeypatch.setattr(store, "load_pages", load)
    patches = Patches(size=32, per_page=9)
    data = batches.load(_variant(root, "documents-unet-mlebench", patches=patches), 0)
    assert asked == [("documents", "train", "mlebench"), ("documents", "valid", "mlebench")]
    assert set(data.epoch("image", 0)[1].flat) == {0}
    assert set(data.valid("image")[1].flat) == {1}


def test_load_limits_the_training_images_but_not_the_validation_images(root, monkeypatch):
    def load(dataset, part):
        at = {"train": slice(8), "valid": slice(8, 12)}[part]
        return Images(LETTERS.images[at], LETTERS.labels[at], LETTERS.groups[at])

    monkeypatch.setattr(store, "load_images", load)
    data = batches.load(_variant(root, "notmnist-conv-ae", train_limit=5), 10)
    assert sorted(map(bytes, data.epoch("image", 0)[1])) == sorted(map(bytes, LETTERS.images[:5]))
    assert np.array_equal(data.valid("image")[1], LETTERS.images[8:])


def test_epoch_augments_inputs_and_targets_of_an_autoencoder_alike(root, letters):
    plain, moved = (
        batches.load(_variant(root, "notmnist-conv-ae", augment=augment), 10)
        for augment in (Augment(), Augment(zoom=0.2, shear=0.2))
    )
    inputs, targets = moved.epoch("image", 1)
    assert np.array_equal(inputs, targets)
    assert not np.array_equal(inputs, plain.epoch("image", 1)[0])


@pytest.mark.parametrize("change", [{"zoom": 0.3}, {"shear": 0.3}, {"rotate": 20}, {"shift": 3}])
def test_warped_applies_each_kind_of_augmentation(change):
    moved = batches.warped(LETTERS.images, Augment(**change), RNG)
    assert not np.array_equal(moved, LETTERS.images)


def test_epoch_crops_all_pages_at_new_places(root, monkeypatch):
    monkeypatch.setattr(store, "load_pages", lambda *_: PAGES)
    patches = Patches(size=32, per_page=10)
    crops = batches.load(_variant(root, "documents-unet", patches=patches), 0)
    assert not np.array_equal(crops.epoch("image", 1)[0], crops.epoch("image", 2)[0])
    assert set(crops.epoch("image", 1)[1].flat) == {0, 1}


def test_epoch_has_new_noise_and_validation_has_noise_too(root, monkeypatch):
    grey = Images(np.full((12, 28, 28), 128, np.uint8), LETTERS.labels, LETTERS.groups)
    monkeypatch.setattr(store, "load_images", lambda *_: grey)
    noisy = batches.load(_variant(root, "mnist-denoising-ae"), 10)
    assert not np.array_equal(noisy.epoch("image", 1)[0], noisy.epoch("image", 2)[0])
    inputs, targets = noisy.valid("image")
    assert (inputs != 128).any() and (targets == 128).all()


def test_drawn_scans_join_the_crops_of_a_cleaner(root, monkeypatch):
    monkeypatch.setattr(store, "load_pages", lambda *_: PAGES)
    patches, drawn = Patches(size=32, per_page=2), Drawn(scans=2, per_scan=3)
    variant = _variant(root, "documents-scans", patches=patches, drawn=drawn)
    data = batches.load(variant, 0)
    first, again, other = (data.epoch("image", number) for number in (0, 0, 1))
    assert first[0].shape == (data.count, 32, 32, 6) == (2 * 2 + 2 * 3, 32, 32, 6)
    assert first[1].shape == (data.count, 32, 32, 3)
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_crops_of_a_cleaners_dataset_have_a_weight_in_training(root, monkeypatch):
    monkeypatch.setattr(store, "load_pages", lambda *_: PAGES)
    patches, drawn = Patches(size=32, per_page=2, weight=3), Drawn(scans=1, per_scan=3)
    variant = _variant(root, "documents-scans", patches=patches, drawn=drawn)
    data = batches.load(variant, 0)
    _, targets, weights = data.epoch("image", 0)
    of_dataset = (targets == targets[:, :1, :1, :1]).all((1, 2, 3))  # blank pages, see PAGES
    assert (weights[of_dataset] == 3).sum() >= 4 and (weights[~of_dataset] == 1).all()
    assert len(data.valid("image")) == 2
    *_, batched = next(iter(batches.batched(data.epoch("image", 0), "image", variant)))
    assert np.array_equal(batched, weights[: variant.batch_size])
