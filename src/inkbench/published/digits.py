"""MNIST and the training loop of the digit-recogniser document's scripts.

Binarised pixels, the official 60,000 and 10,000 images, Adam and a ``GradientTape`` loop.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inkbench import layout, models
from inkbench.datasets import mnist
from inkbench.datasets.reading import provenance
from inkbench.datasets.reading.idx import read_idx
from inkbench.evaluation import fidelity
from inkbench.evaluation.results import Metric
from inkbench.params import Published

if TYPE_CHECKING:
    import keras

_TEST_STRIDE = 5  # every fifth test image: the first half of the test set is easier
_CURVE_IMAGES = 250
_CURVE_POINTS = 9


class Digits(NamedTuple):
    """uint8 ``[n, 28, 28]`` training and test images, and the labels of the latter."""

    train: np.ndarray
    test: np.ndarray
    labels: np.ndarray

    @property
    def curve_images(self) -> np.ndarray:
        """Test images to measure during training."""
        return self.test[:_CURVE_IMAGES]

    @property
    def first_of_each_class(self) -> np.ndarray:
        """Rows of the first test image of every class."""
        return np.unique(self.labels, return_index=True)[1]


def read(limit: int | None) -> Digits:
    """Read the first ``limit`` official training images, and a fifth of the test images."""
    provenance.load(mnist.SPEC.name)  # which checks the archives
    train, test, labels = (
        read_idx(layout.raw(mnist.SPEC.name) / f"{name}-ubyte.gz")
        for name in ("train-images-idx3", "t10k-images-idx3", "t10k-labels-idx1")
    )
    return Digits(train[:limit], test[::_TEST_STRIDE], labels[::_TEST_STRIDE])


def build(settings: Published, logits: bool, **options: Any) -> "keras.Model":
    """Build the Base network, with a linear last layer if ``logits``, as published.

    ``options`` are the family's. Its penalties apply to every kernel; the published code left out
    the two dense layers.
    """
    import keras

    options = {**settings.model, "binarise": True, **options}
    model = models.build(settings.family, (28, 28), 10, options)
    if logits:
        model.layers[-2].activation = keras.activations.linear
    return model


def train(
    model: "keras.Model",
    data: Digits,
    settings: Published,
    regularised: bool,
    record: Callable[[int], None],
    name: str,
) -> None:
    """Train with the published loop.

    Parameters
    ----------
    model
        The loss treats its outputs as probabilities, even if they are logits.
    regularised
        False as published: the model is called without ``training=True``, which disables dropout,
        and ``model.losses``, the penalties, are not added to the loss.
    record
        Called from before the first batch to after the last, nine times if there are so many
        batches, with the number of images shown so far.
    """
    import keras
    import tensorflow as tf
    from tqdm import tqdm

    optimizer = keras.optimizers.Adam(settings.learning_rate)
    optimizer.build(model.trainable_variables)
    cross_entropy = keras.losses.BinaryCrossentropy()

    @tf.function
    def step(images: tf.Tensor, targets: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            outputs = model(images, training=True) if regularised else model(images)
            loss = cross_entropy(targets[..., None], outputs[..., None])
            if regularised and model.losses:
                loss += tf.add_n(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    size = settings.batch_size
    rng = np.random.default_rng(settings.seed)
    order = np.concatenate([rng.permutation(len(data.train)) for _ in range(settings.epochs)])
    batches = -(-len(order) // size)
    recorded = set(np.linspace(0, batches, _CURVE_POINTS).astype(int))
    record(0)
    for number in tqdm(range(batches), name, unit="batch", disable=None):
        images = data.train[order[number * size : (number + 1) * size]]
        step(tf.constant(images), tf.constant(fidelity.to_float(images, binarise=True)))
        if number + 1 in recorded:
            record(min((number + 1) * size, len(order)))


def measure(model: "keras.Model", images: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Loss and accuracy as the published code computes them, and the raw outputs.

    The loss clips outputs to valid probabilities; the accuracy thresholds them at 0.5.
    """
    outputs = model.predict(images, 256, verbose=0)
    targets = fidelity.to_float(images, binarise=True)
    return fidelity.bce(targets, outputs), fidelity.binary_accuracy(targets, outputs), outputs


def shared_metrics(data: Digits, model: "keras.Model", published: float) -> dict[str, Metric]:
    """Metrics of both claims: the published value, and the published and actual sizes."""
    return {
        "published": published,
        "published_epochs": 100,
        "published_n_train": 60_000,
        "n_train": len(data.train),
        "n_test": len(data.test),
        "parameters": model.count_params(),
    }


def digest(model: "keras.Model") -> str:
    """Hash of all weights; equal for bit-identical weights."""
    content = b"".join(weights.tobytes() for weights in model.get_weights())
    return hashlib.sha256(content).hexdigest()[:16]
