"""Strided convolutional autoencoder: the digit-recogniser document's "Base" and "Sparse"."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

TASKS = ("reconstruction",)


def build(
    image_shape: tuple[int, int],
    classes: int,
    code: int,
    binarise: bool = False,
    l1: float = 0,
    l2: float = 0,
    dropout: float = 0,
) -> "keras.Model":
    """Build the Base network, or a Sparse one: with a penalty on the weights or dropout.

    Encoder: convolutions 32 and 64 (3 × 3, stride 2, valid), dense code. Decoder: dense 7·7·32,
    transposed convolutions 64 and 32 (stride 2, same) and 1. Height and width are multiples of 4.

    Parameters
    ----------
    code
        Units of the code ``[n, code]``.
    binarise
        Binarise the input at 0.5.
    l1, l2
        Penalty on every kernel. The published code never added it to the loss.
    dropout
        Rate after each layer but the last. In the published code it was never active.
    """
    import keras
    from keras import layers

    from inkbench.models.common.layers import Ink

    penalty = keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
    height, width = image_shape[0] // 4, image_shape[1] // 4

    def dropped(x):
        return layers.Dropout(dropout)(x) if dropout else x

    def conv(filters: int) -> layers.Layer:
        return layers.Conv2D(filters, 3, 2, activation="relu", kernel_regularizer=penalty)

    def dense(units: int, **options) -> layers.Layer:
        return layers.Dense(units, kernel_regularizer=penalty, **options)

    def conv_up(filters: int, strides: int, **options) -> layers.Layer:
        return layers.Conv2DTranspose(
            filters, 3, strides, padding="same", kernel_regularizer=penalty, **options
        )

    images = keras.Input(image_shape, dtype="uint8", name="image")
    x = layers.Reshape((*image_shape, 1))(Ink(binarise)(images))
    x = dropped(conv(32)(x))
    x = dropped(conv(64)(x))
    x = dropped(dense(code, name="code")(layers.Flatten()(x)))
    x = dropped(dense(height * width * 32, activation="relu")(x))
    x = layers.Reshape((height, width, 32))(x)
    x = dropped(conv_up(64, 2, activation="relu")(x))
    x = dropped(conv_up(32, 2, activation="relu")(x))
    x = conv_up(1, 1, activation="sigmoid", dtype="float32")(x)
    return keras.Model(images, layers.Reshape(image_shape, dtype="float32")(x))
