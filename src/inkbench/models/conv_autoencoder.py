"""Convolutional autoencoder: the notMNIST_autoencoder document's table ("Model 2")."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

TASKS = ("reconstruction",)


def build(image_shape: tuple[int, int], classes: int) -> "keras.Model":
    """Build the table of 314,625 parameters, layer for layer.

    The published head was a softmax over one channel, which always outputs 1.0. This one is a
    sigmoid, with the same 577 parameters. The code is overcomplete: 7 × 7 × 128 is eight times the
    number of pixels. It is ``[n, h/4, w/4, 128]``, and h and w are multiples of 4.
    """
    import keras
    from keras import layers

    from inkbench.models.common.layers import Ink

    def conv(filters: int, name: str | None = None) -> layers.Layer:
        return layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)

    images = keras.Input(image_shape, dtype="uint8", name="image")
    x = layers.Reshape((*image_shape, 1))(Ink()(images))
    x = layers.MaxPooling2D()(conv(32)(x))
    x = layers.MaxPooling2D()(conv(64)(x))
    x = conv(128, name="code")(x)
    x = layers.UpSampling2D()(conv(128)(x))
    x = layers.UpSampling2D()(conv(64)(x))
    x = layers.Conv2D(1, 3, padding="same", activation="sigmoid", dtype="float32")(x)
    return keras.Model(images, layers.Reshape(image_shape, dtype="float32")(x))
