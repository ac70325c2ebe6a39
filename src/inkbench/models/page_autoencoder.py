"""Plain convolutional autoencoder on pages: noisy page in, clean page out."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

TASKS = ("restoration",)


def build(
    image_shape: tuple[int | None, int | None, int], classes: int, width: int = 24
) -> "keras.Model":
    """Build a fully convolutional denoising autoencoder without skip connections.

    The digit-recogniser document announces Denoising Dirty Documents as its next step; this is
    that step with the document's own kind of network (compare `unet`). The page is pooled once: a
    second pooling loses the strokes (validation RMSE 0.087 instead of 0.037). The background
    estimate is not used; height and width are even.

    ``width`` is the number of filters of the outer convolutions; the inner ones have twice as many.
    """
    import keras
    from keras import layers

    from inkbench.models.common.layers import ClipToUnit, PageChannels

    def conv(filters: int, name: str | None = None) -> layers.Layer:
        return layers.Conv2D(
            filters, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=name
        )

    pages = keras.Input(image_shape, dtype="uint8", name="page")
    x = PageChannels()(pages)[..., :1]
    x = layers.MaxPooling2D()(conv(width)(x))
    x = conv(2 * width)(x)
    x = conv(2 * width, name="code")(x)
    x = layers.UpSampling2D()(conv(2 * width)(x))
    x = conv(width)(x)
    # The output starts as white paper, which most of a page is.
    x = layers.Conv2D(
        1,
        3,
        padding="same",
        kernel_initializer="zeros",
        bias_initializer="ones",
        dtype="float32",
    )(x)
    return keras.Model(pages, ClipToUnit(dtype="float32")(x))
