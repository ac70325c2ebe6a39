"""Small residual network for letters and digits."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

TASKS = ("classification",)


def build(
    image_shape: tuple[int, int], classes: int, width: int, dropout: float = 0
) -> "keras.Model":
    """Build three stages of one residual block each; the resolution halves between them.

    A short version of He et al., *Deep Residual Learning for Image Recognition* (2016),
    section 4.2. The stem is pooled to save time on a CPU. The code is ``[n, 4 · width]``; height
    and width are multiples of 4.

    Parameters
    ----------
    width
        Filters of the first stage, doubled in each of the next two.
    dropout
        Rate before the head.
    """
    import keras
    from keras import layers

    from inkbench.models.common.layers import Ink

    def conv(x, filters: int, size: int = 3, strides: int = 1):
        x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization(momentum=0.9)(x)

    def block(x, filters: int, strides: int):
        y = layers.ReLU()(conv(x, filters, strides=strides))
        y = conv(y, filters)
        shortcut = conv(x, filters, 1, strides) if x.shape[-1] != filters else x
        return layers.ReLU()(layers.Add()([shortcut, y]))

    images = keras.Input(image_shape, dtype="uint8", name="image")
    x = layers.Reshape((*image_shape, 1))(Ink()(images))
    x = layers.MaxPooling2D()(layers.ReLU()(conv(x, width)))
    x = block(x, width, 1)
    x = block(x, 2 * width, 2)
    x = block(x, 4 * width, 2)
    x = layers.GlobalAveragePooling2D(name="code")(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(images, layers.Dense(classes, activation="softmax", dtype="float32")(x))
