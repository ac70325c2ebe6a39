"""Small convolutional classifier: the notMNIST_autoencoder document's "Model 3"."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import keras

TASKS = ("classification",)


def build(
    image_shape: tuple[int, int],
    classes: int,
    dropout: float = 0.5,
    padding: Literal["valid", "same"] = "valid",
) -> "keras.Model":
    """Build convolutions 32, 32 and 64 (3 × 3), each pooled; dense 64; dropout; classes.

    The published head had one sigmoid per class. A softmax has the same parameters, and its
    probabilities sum to one. The published convolutions were unpadded: after three of them and
    three pools that round down, one position remains. Its receptive field is the upper left
    22 × 22 of the 28 × 28 pixels. The code is ``[n, 64]``; height and width are at least 22.

    Parameters
    ----------
    dropout
        Rate before the head.
    padding
        Of the convolutions: ``valid`` as published; with ``same`` the whole letter is seen.
    """
    import keras
    from keras import layers

    from inkbench.models.common.layers import Ink

    images = keras.Input(image_shape, dtype="uint8", name="image")
    x = layers.Reshape((*image_shape, 1))(Ink()(images))
    for filters in (32, 32, 64):
        x = layers.Conv2D(filters, 3, padding=padding, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(64, activation="relu", name="code")(layers.Flatten()(x))
    x = layers.Dropout(dropout)(x)
    return keras.Model(images, layers.Dense(classes, activation="softmax", dtype="float32")(x))
