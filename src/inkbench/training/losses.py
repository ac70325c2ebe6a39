"""Losses and training metrics by the names that ``params.yaml`` uses."""

import functools
import math

import keras
from keras import ops


def loss(name: str) -> keras.losses.Loss:
    """Look up a loss. Images are probabilities or grey levels in [0, 1], never logits.

    Parameters
    ----------
    name
        ``bce`` and ``mse`` (means over pixels), ``huber`` (half the squared error e² up to 0.1,
        linear above: a few large errors do not outweigh all others), ``charbonnier`` (e²/0.02 near
        0, with slope 1 well above 0.01), ``bernoulli_nats`` (BCE summed over the pixels of an
        image, the reconstruction term of an ELBO) or ``cross_entropy`` (integer labels).
    """
    return {
        "bce": keras.losses.BinaryCrossentropy,
        "mse": keras.losses.MeanSquaredError,
        "huber": functools.partial(keras.losses.Huber, delta=0.1),
        "charbonnier": Charbonnier,
        "bernoulli_nats": BernoulliNats,
        "cross_entropy": keras.losses.SparseCategoricalCrossentropy,
    }[name]()


def metric(target: str) -> keras.metrics.Metric:
    """Metric of the training curves: ``accuracy`` of a label, ``binary_accuracy`` of an image.

    Given as an object, because Keras guesses what the name "accuracy" means.
    """
    if target == "label":
        return keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    return keras.metrics.MeanMetricWrapper(binary_agreement, name="binary_accuracy")


def binary_agreement(targets, outputs):
    """Fraction of pixels on the same side of 0.5, per image."""
    agree = ops.equal(ops.greater_equal(targets, 0.5), ops.greater_equal(outputs, 0.5))
    return ops.mean(ops.cast(agree, "float32"), axis=tuple(range(1, len(agree.shape))))


class Charbonnier(keras.losses.Loss):
    """Smooth absolute error: √(e² + ε²) − ε, ε = 0.01."""

    def call(self, targets, outputs):
        error = ops.sqrt(ops.square(outputs - targets) + 1e-4) - 1e-2
        return ops.mean(error, axis=-1)


class BernoulliNats(keras.losses.Loss):
    """Negative log-likelihood of an image under independent Bernoulli pixels, in nats."""

    def call(self, targets, outputs):
        pixels = math.prod(outputs.shape[1:])
        flat = ops.reshape(targets, (-1, pixels)), ops.reshape(outputs, (-1, pixels))
        return pixels * keras.losses.binary_crossentropy(*flat)
