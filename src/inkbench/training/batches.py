"""The training data of an epoch, a pure function of (seed, epoch).

Order, crops, augmentation and noise of epoch *e* come from ``default_rng([seed, e])``, so a killed
training resumes with the batches that it would have seen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from inkbench import layout
from inkbench.datasets.common import store
from inkbench.datasets.common.background import with_background, with_envelope
from inkbench.datasets.common.noise import corrupt
from inkbench.errors import InkbenchError
from inkbench.params import Augment, Noise, Variant

if TYPE_CHECKING:
    import tensorflow as tf

# Inputs uint8, targets uint8 (images, pages or labels), and possibly float32 weights in the loss.
Arrays = tuple[np.ndarray, ...]
Target = Literal["image", "label"]


@dataclass(frozen=True)
class Data:
    """A variant's training and validation data.

    Attributes
    ----------
    epoch
        (target, epoch) → inputs and targets, in training order.
    valid
        target → inputs and targets for validation.
    image_shape
        Shape of one input.
    count
        Examples per epoch: images, or patches of pages.
    """

    epoch: Callable[[Target, int], Arrays]
    valid: Callable[[Target], Arrays]
    image_shape: tuple[int | None, ...]
    count: int


def batched(arrays: Arrays, target: Target, variant: Variant) -> "tf.data.Dataset":
    """Batch arrays for Keras: inputs stay uint8, image targets become float32 in [0, 1]."""
    import tensorflow as tf

    def scaled(inputs, targets, *weights):
        ink = tf.cast(targets, tf.float32) / 255
        return inputs, tf.cast(ink >= 0.5, tf.float32) if variant.binarise else ink, *weights

    # Nothing here can be tuned, and every iteration ends by waiting until the tuner wakes up.
    options = tf.data.Options()
    options.autotune.enabled = False
    batches = tf.data.Dataset.from_tensor_slices(arrays).batch(variant.batch_size)
    batches = (batches.map(scaled) if target == "image" else batches).prefetch(2)
    return batches.with_options(options)


def load(variant: Variant, classes: int) -> Data:
    """Load a variant's training and validation parts.

    Parameters
    ----------
    variant
        Its dataset, seed, noise, augmentation and patches are used.
    classes
        Number of classes of the dataset.

    Raises
    ------
    InkbenchError
        If a part is missing, empty or has labels that are not classes.
    """
    return _pages(variant) if variant.patches else _images(variant, classes)


def _images(variant: Variant, classes: int) -> Data:
    train, valid = (store.load_images(variant.dataset, part) for part in ("train", "valid"))
    images, labels = (a[: variant.train_limit] for a in (train.images, train.labels))
    for part, known in (("train", labels), ("valid", valid.labels)):
        path = layout.processed(variant.dataset) / f"{part}.npz"
        if not len(known):
            raise InkbenchError(
                f"{path}: no images; lower the held-out fractions in {layout.PARAMS}"
            )
        if known.max() >= classes:
            raise InkbenchError(
                f"{path}: label {known.max()} does not fit the {classes} classes of dataset.json; "
                f"run `dvc repro preprocess@{variant.dataset}`"
            )

    def epoch(target: Target, number: int) -> Arrays:
        rng = np.random.default_rng([variant.seed, number])
        order = rng.permutation(len(images))
        augmented = warped(images[order], variant.augment, rng)
        targets = augmented if target == "image" else labels[order]
        return _add_noise(augmented, variant, number), targets

    def validation(target: Target) -> Arrays:
        targets = valid.images if target == "image" else valid.labels
        return _add_noise(valid.images, variant, 0), targets

    return Data(epoch, validation, images.shape[1:], len(images))


def _pages(variant: Variant) -> Data:
    train, valid = (_pairs(variant, part) for part in ("train", "valid"))
    train = train[: variant.train_limit]
    for part, pages in (("train", train), ("valid", valid)):
        if not pages:
            path = layout.processed(variant.dataset) / f"{part}.npz"
            raise InkbenchError(
                f"{path}: no pages; lower the held-out fractions in {layout.PARAMS}"
            )
    assert variant.patches is not None  # validated in inkbench.params
    size, count = variant.patches.size, variant.patches.per_page * len(train)
    weight = variant.patches.weight
    drawn = _Drawn(variant.drawn.scans, variant.drawn.per_scan, size) if variant.drawn else None

    def epoch(_: Target, number: int) -> Arrays:
        crops = _crops(train, size, count, [variant.seed, number])
        return drawn.added(crops, "train", [variant.seed, number], weight) if drawn else crops

    def validation(_: Target) -> Arrays:
        crops = _crops(valid, size, max(1, count // 8), [variant.seed])
        return drawn.added(crops, "valid", [variant.seed])[:2] if drawn else crops

    channels = train[0][0].shape[-1]
    total = count + (drawn.scans * drawn.per_scan if drawn else 0)
    return Data(epoch, validation, (None, None, channels), total)


def _pairs(variant: Variant, part: str) -> list[Arrays]:
    """The pages of a part of the dataset: a network's input, and the clean page."""
    pairs: list[Arrays] = []
    for page in store.load_pages(variant.dataset, part, variant.split):
        if page.clean is None:
            continue
        if variant.drawn:  # in colour
            pairs.append((with_envelope(page.noisy), np.repeat(page.clean[..., None], 3, -1)))
        else:
            pairs.append((with_background(page.noisy), page.clean[..., None]))
    return pairs


@dataclass(frozen=True)
class _Drawn:
    """Crops of drawn scans."""

    scans: int
    per_scan: int
    size: int

    def added(self, crops: Arrays, part: str, seed: list[int], weight: float = 1) -> Arrays:
        """Mix crops of a dataset's pages, with a weight, and of drawn scans, in random order."""
        from inkbench.datasets.synthetic import scans

        count = self.scans if part == "train" else max(1, self.scans // 8)
        drawn = []
        for number in range(count):
            page = scans.draw(part, number, seed)
            pair = (with_envelope(page.scan), page.clean)
            drawn.append(_crops([pair], self.size, self.per_scan, [*seed, number]))
        weights = np.ones((len(crops[0]) + count * self.per_scan, 1, 1), np.float32)
        weights[: len(crops[0])] = weight
        order = np.random.default_rng([*seed, 3]).permutation(len(weights))
        inputs, targets = (
            np.concatenate(arrays)[order] for arrays in zip(crops, *drawn, strict=True)
        )
        return inputs, targets, weights[order]


def warped(images: np.ndarray, augment: Augment, rng: np.random.Generator) -> np.ndarray:
    """Transform every image by a random affine map of its own; outside pixels are 0.

    Parameters
    ----------
    images
        uint8 ``[n, h, w]``.
    augment
        Largest shift (pixels), rotation (degrees), relative zoom and shear (tangent).
    rng
        Random generator.

    Returns
    -------
    numpy.ndarray
        uint8 ``[n, h, w]``.
    """
    if augment == Augment():
        return images
    import tensorflow as tf

    count, height, width = images.shape

    def draw(limit: float) -> np.ndarray:
        return rng.uniform(-limit, limit, (count,))

    angle, shear = np.radians(draw(augment.rotate)), draw(augment.shear)
    zoom_y, zoom_x = 1 + draw(augment.zoom), 1 + draw(augment.zoom)
    # Output (x, y) → input (a x + b y + c, d x + e y + f), about the image's centre.
    a, b = zoom_x * np.cos(angle), zoom_x * (shear - np.sin(angle))
    d, e = zoom_y * np.sin(angle), zoom_y * np.cos(angle)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    c = middle_x - a * middle_x - b * middle_y + draw(augment.shift)
    f = middle_y - d * middle_x - e * middle_y + draw(augment.shift)
    zeros = np.zeros(count)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images[..., None], tf.float32),
        transforms=tf.constant(np.stack([a, b, c, d, e, f, zeros, zeros], 1), tf.float32),
        output_shape=tf.constant([height, width]),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    return tf.cast(tf.round(moved[..., 0]), tf.uint8).numpy()


def _add_noise(images: np.ndarray, variant: Variant, number: int) -> np.ndarray:
    noise = variant.noise
    seed = [variant.seed, number, 1]  # independent of the order's random numbers
    return corrupt(images, noise.gaussian, noise.salt_pepper, seed) if noise != Noise() else images


def _crops(pages: list[Arrays], size: int, count: int, seed: list[int]) -> Arrays:
    """Random square crops of random pages, flipped left-right and up-down at random."""
    rng = np.random.default_rng(seed)
    inputs, targets = (
        np.empty((count, size, size, array.shape[-1]), np.uint8) for array in pages[0]
    )
    areas = np.array([clean.size for _, clean in pages], float)
    for i, chosen in enumerate(rng.choice(len(pages), count, p=areas / areas.sum())):
        noisy, clean = pages[chosen]
        top, left = rng.integers(np.array(clean.shape[:2]) - size + 1)
        window = (slice(top, top + size), slice(left, left + size))
        down, right = rng.choice((-1, 1), 2)
        inputs[i], targets[i] = (page[window][::down, ::right] for page in (noisy, clean))
    return inputs, targets
