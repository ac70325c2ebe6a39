"""Keras layers that the families share, registered for loading with `safe_mode`."""

import keras
from keras import ops

_register = keras.saving.register_keras_serializable(package="inkbench")


@_register
class Ink(keras.layers.Layer):
    """Scale uint8 images to [0, 1] inside the model, so that all arrays outside stay uint8.

    Parameters
    ----------
    binarise
        Binarise the scaled pixels at 0.5, to exactly 0 or 1.
    """

    def __init__(self, binarise: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.binarise = binarise

    def call(self, images):
        ink = ops.cast(images, self.compute_dtype) / 255
        return ops.cast(ink >= 0.5, self.compute_dtype) if self.binarise else ink

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "binarise": self.binarise}


@_register
class PageChannels(keras.layers.Layer):
    """uint8 pages [n, h, w, 2] (page, background) → [page, background, page − background] / 255."""

    def call(self, pages):
        scaled = ops.cast(pages, self.compute_dtype) / 255
        page, background = scaled[..., :1], scaled[..., 1:]
        return ops.concatenate([page, background, page - background], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3)


@_register
class ScanChannels(keras.layers.Layer):
    """uint8 scans [n, h, w, 6] (page, envelope) → [page, envelope, page / envelope], in [0, 1]."""

    def call(self, pages):
        scaled = ops.cast(pages, self.compute_dtype) / 255
        page, envelope = scaled[..., :3], scaled[..., 3:]
        flat = ops.minimum(page / ops.maximum(envelope, 1 / 255), 1)
        return ops.concatenate([page, envelope, flat], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 9)


def straight_clip(x, low: float, high: float):
    """Clip values, but let gradients pass straight through."""
    return x + ops.stop_gradient(ops.clip(x, low, high) - x)


def contrasted(page, gain):
    """Multiply the darkness of a page in [0, 1]; white stays white."""
    return 1 - (1 - page) * gain


@_register
class GaussianCode(keras.layers.Layer):
    """Sample a code from N(mean, exp(log_var)) in training; return the mean in inference.

    Adds the Kullback-Leibler divergence to N(0, I) to the loss, in nats, averaged over the batch
    (Kingma & Welling, *Auto-Encoding Variational Bayes*, 2014, appendix B).
    """

    def __init__(self, seed: int | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        mean, log_var = inputs
        divergence = 0.5 * ops.sum(ops.exp(log_var) + ops.square(mean) - 1 - log_var, axis=-1)
        self.add_loss(ops.mean(divergence))
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise

    def compute_output_shape(self, input_shape):
        return input_shape[0]


@_register
class ClipToUnit(keras.layers.Layer):
    """Clip to [0, 1] in inference only: in training, a clipped pixel would have no gradient.

    A sigmoid instead collapses to an all-white page: nine pixels in ten are white, and a saturated
    sigmoid has no gradient that would bring it back.
    """

    def call(self, outputs, training=False):
        return outputs if training else ops.clip(outputs, 0, 1)

    def compute_output_shape(self, input_shape):
        return input_shape
