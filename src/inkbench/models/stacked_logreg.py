"""Logistic regression on the code of a stacked autoencoder: Bulatov's notMNIST benchmark."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

TASKS = ("classification",)


def build(
    image_shape: tuple[int, int],
    classes: int,
    hidden: list[int],
    code: int,
    dropout: float = 0,
) -> "keras.Model":
    """Build the encoder of a stacked autoencoder with a logistic regression on its code.

    After Bulatov, *notMNIST dataset* (2011): "logistic regression on top of stacked
    auto-encoder with fine-tuning". See `autoencoder` for the pretraining.

    Parameters
    ----------
    hidden
        Units of the encoder's layers, from the input.
    code
        Units of the code ``[n, code]``.
    dropout
        Rate after each hidden layer.
    """
    import keras
    from keras import layers

    from inkbench.models.common.layers import Ink

    images = keras.Input(image_shape, dtype="uint8", name="image")
    x = layers.Flatten()(Ink()(images))
    for at, units in enumerate(hidden):
        name = f"hidden_{units}_{at}" if units in hidden[:at] else f"hidden_{units}"
        x = layers.Dense(units, activation="relu", name=name)(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    x = layers.Dense(code, activation="relu", name="code")(x)
    head = layers.Dense(classes, activation="softmax", dtype="float32", name="logistic_regression")
    return keras.Model(images, head(x))


def autoencoder(classifier: "keras.Model") -> "keras.Model":
    """Add a mirrored decoder to the classifier's code; both models share the encoder."""
    import keras
    from keras import layers

    image_shape = classifier.input_shape[1:]
    code = classifier.get_layer("code").output
    widths = [layer.units for layer in classifier.layers if layer.name.startswith("hidden_")]
    x = code
    for units in reversed(widths):
        x = layers.Dense(units, activation="relu")(x)
    x = layers.Dense(image_shape[0] * image_shape[1], activation="sigmoid", dtype="float32")(x)
    return keras.Model(classifier.input, layers.Reshape(image_shape, dtype="float32")(x))
