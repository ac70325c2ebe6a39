"""The benchmarked networks in plain Keras and in PyTorch, layer by layer."""

from typing import Any


def in_keras(name: str) -> Any:
    """A variant's network in plain Keras: floats ``[n, 28, 28, 1]`` in [0, 1], in and out."""
    import keras
    from keras import layers

    def conv(filters: int, activation: str = "relu") -> Any:
        return layers.Conv2D(filters, 3, padding="same", activation=activation)

    def upsample(filters: int) -> Any:
        return layers.Conv2DTranspose(filters, 3, 2, padding="same", activation="relu")

    dense = [
        layers.Flatten(),
        *(layers.Dense(units, "relu") for units in (256, 64, 256)),
        layers.Dense(784, "sigmoid"),
        layers.Reshape((28, 28, 1)),
    ]
    convolutional = [
        *(conv(32), layers.MaxPooling2D()),
        *(conv(64), layers.MaxPooling2D()),
        *(conv(128), conv(128), layers.UpSampling2D()),
        *(conv(64), layers.UpSampling2D()),
        conv(1, "sigmoid"),
    ]
    strided = [
        layers.Conv2D(32, 3, 2, activation="relu"),
        layers.Conv2D(64, 3, 2, activation="relu"),
        *(layers.Flatten(), layers.Dense(128)),
        *(layers.Dense(7 * 7 * 32, "relu"), layers.Reshape((7, 7, 32))),
        *(upsample(64), upsample(32)),
        layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid"),
    ]
    networks = {
        "notmnist-dense-ae": dense,
        "notmnist-conv-ae": convolutional,
        "mnist-conv-ae": strided,
    }
    return keras.Sequential([keras.Input((28, 28, 1)), *networks[name]])


def in_torch(name: str) -> Any:
    """A variant's network in PyTorch: floats ``[n, 1, 28, 28]`` → logits; sizes are lazy."""
    from torch import nn

    def conv(filters: int, *after: Any) -> tuple[Any, ...]:
        return (nn.LazyConv2d(filters, 3, padding=1), nn.ReLU(), *after)

    def upsample(filters: int) -> tuple[Any, ...]:
        doubled = nn.LazyConvTranspose2d(filters, 3, stride=2, padding=1, output_padding=1)
        return doubled, nn.ReLU()

    dense = [
        nn.Flatten(),
        *(layer for units in (256, 64, 256) for layer in (nn.LazyLinear(units), nn.ReLU())),
        nn.LazyLinear(784),
    ]
    convolutional = [
        *conv(32, nn.MaxPool2d(2)),
        *conv(64, nn.MaxPool2d(2)),
        *(*conv(128), *conv(128, nn.Upsample(scale_factor=2))),
        *conv(64, nn.Upsample(scale_factor=2)),
        nn.LazyConv2d(1, 3, padding=1),
    ]
    strided = [
        *(nn.LazyConv2d(32, 3, stride=2), nn.ReLU()),
        *(nn.LazyConv2d(64, 3, stride=2), nn.ReLU()),
        *(nn.Flatten(), nn.LazyLinear(128)),
        *(nn.LazyLinear(7 * 7 * 32), nn.ReLU(), nn.Unflatten(1, (32, 7, 7))),
        *(*upsample(64), *upsample(32)),
        nn.LazyConvTranspose2d(1, 3, padding=1),
    ]
    networks = {
        "notmnist-dense-ae": dense,
        "notmnist-conv-ae": convolutional,
        "mnist-conv-ae": strided,
    }
    return nn.Sequential(*networks[name])
