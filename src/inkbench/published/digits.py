"""MNIST as the digit-recogniser document's scripts saw it, and their training loop.

Binarised pixels, the official 60,000 and 10,000 images, Adam, a loop around ``GradientTape``.
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
from inkbench.params import Published

if TYPE_CHECKING:
    import keras

PUBLISHED_EPOCHS = 100
PUBLISHED_IMAGES = 60_000
_TESTED = 5  # one test image in so many: the first half is the easier one
_UNDER_WAY = 250  # images, for curves
_POINTS = 9  # of a curve


class Digits(NamedTuple):
    """uint8 ``[n, 28, 28]`` training and test images, and the labels of the latter."""

    train: np.ndarray
    test: np.ndarray
    labels: np.ndarray

    @property
    def few(self) -> np.ndarray:
        """Test images to look at while training."""
        return self.test[:_UNDER_WAY]


def read(limit: int | None) -> Digits:
    """Read the first ``limit`` official training images, and a fifth of the test images."""
    provenance.load(mnist.SPEC.name)  # which checks the archives
    train, test, labels = (
        read_idx(layout.raw(mnist.SPEC.name) / f"{name}-ubyte.gz")
        for name in ("train-images-idx3", "t10k-images-idx3", "t10k-labels-idx1")
    )
    return Digits(train[:limit], test[::_TESTED], labels[::_TESTED])


def build(settings: Published, logits: bool, **options: Any) -> "keras.Model":
    """Build the Base network, its last layer linear where ``logits``, as it was published.

    ``options`` are the family's: the penalties fall on every kernel, those of the two dense layers
    included, which the published code spared.
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
    look: Callable[[int], None],
    name: str,
) -> None:
    """Train as the published loop does.

    Parameters
    ----------
    model
        Its outputs are taken for probabilities, whatever they are.
    regularised
        False is the published way: the model is called without ``training=True``, which leaves
        dropout out, and ``model.losses``, the penalties, are not added to the loss.
    look
        Called with the number of images shown so far, from 0 on, nine times.
    name
        For the progress bar.
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
    batches = len(order) // size
    looks = set(np.linspace(0, batches, _POINTS).astype(int))
    look(0)
    for number in tqdm(range(batches), name, unit="batch", disable=None):
        images = data.train[order[number * size : (number + 1) * size]]
        step(tf.constant(images), tf.constant(fidelity.ink(images, binarise=True)))
        if number + 1 in looks:
            look((number + 1) * size)


def measure(model: "keras.Model", images: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Loss and accuracy as the published code works them out, and the raw outputs.

    The loss clips what it takes for probabilities; the accuracy cuts at one half.
    """
    outputs = model.predict(images, 256, verbose=0)
    targets = fidelity.ink(images, binarise=True)
    return fidelity.bce(targets, outputs), fidelity.binary_accuracy(targets, outputs), outputs


def digest(model: "keras.Model") -> str:
    """Hash of all weights, the same for the same bits."""
    content = b"".join(weights.tobytes() for weights in model.get_weights())
    return hashlib.sha256(content).hexdigest()[:16]
