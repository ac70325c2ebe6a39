"""Dense autoencoder: the first model of the notMNIST_autoencoder document ("Model 1")."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

TASKS = ("reconstruction",)


def build(
    image_shape: tuple[int, int], classes: int, hidden: list[int], code: int
) -> "keras.Model":
    """Build 784-256-64-256-784 (``hidden: [256], code: 64``) or any other symmetric stack.

    Parameters
    ----------
    hidden
        Units of the encoder's layers, from the input; the decoder mirrors them.
    code
        Units of the code ``[n, code]``.
    """
    import keras
    from keras import layers

    from inkbench.models.common.layers import Ink

    height, width = image_shape
    images = keras.Input(image_shape, dtype="uint8", name="image")
    x = layers.Flatten()(Ink()(images))
    for units in hidden:
        x = layers.Dense(units, activation="relu")(x)
    x = layers.Dense(code, activation="relu", name="code")(x)
    for units in reversed(hidden):
        x = layers.Dense(units, activation="relu")(x)
    x = layers.Dense(height * width, activation="sigmoid", dtype="float32")(x)
    return keras.Model(images, layers.Reshape(image_shape, dtype="float32")(x))
