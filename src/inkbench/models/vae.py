"""Variational autoencoder: its code follows a known distribution, so that it can generate."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

TASKS = ("reconstruction",)
LOSS = "bernoulli_nats"


def build(
    image_shape: tuple[int, int], classes: int, code: int, width: int = 32, binarise: bool = False
) -> "keras.Model":
    """Build a convolutional VAE (Kingma & Welling, *Auto-Encoding Variational Bayes*, 2014).

    `GaussianCode` adds the KL divergence of the code to the loss. With ``bernoulli_nats``, the only
    loss that is allowed, the sum is the negative ELBO in nats per image in training, where the code
    is sampled. Validation decodes the mean code: its sum is not the negative ELBO. The layers
    ``code`` and ``z_log_var`` give mean and log-variance of the posterior, ``[n, code]``; the
    nested model ``decoder`` maps codes to images. Height and width are multiples of 4.

    Parameters
    ----------
    code
        Dimensions of the code.
    width
        Filters of the outer convolutions; the inner ones have twice as many.
    binarise
        Binarise the input at 0.5.
    """
    import keras
    from keras import layers

    from inkbench.models.common.layers import GaussianCode, Ink

    height, breadth = image_shape[0] // 4, image_shape[1] // 4

    images = keras.Input(image_shape, dtype="uint8", name="image")
    x = layers.Reshape((*image_shape, 1))(Ink(binarise)(images))
    x = layers.Conv2D(width, 3, 2, padding="same", activation="relu")(x)
    x = layers.Conv2D(2 * width, 3, 2, padding="same", activation="relu")(x)
    x = layers.Dense(256, activation="relu")(layers.Flatten()(x))
    mean = layers.Dense(code, dtype="float32", name="code")(x)
    log_var = layers.Dense(code, dtype="float32", name="z_log_var")(x)

    codes = keras.Input((code,), name="z")
    y = layers.Dense(256, activation="relu")(codes)
    y = layers.Dense(height * breadth * 2 * width, activation="relu")(y)
    y = layers.Reshape((height, breadth, 2 * width))(y)
    y = layers.Conv2DTranspose(2 * width, 3, 2, padding="same", activation="relu")(y)
    y = layers.Conv2DTranspose(width, 3, 2, padding="same", activation="relu")(y)
    y = layers.Conv2D(1, 3, padding="same", activation="sigmoid", dtype="float32")(y)
    y = layers.Reshape(image_shape, dtype="float32")(y)
    decoder = keras.Model(codes, y, name="decoder")

    return keras.Model(images, decoder(GaussianCode(dtype="float32")([mean, log_var])))
