"""A trained Keras model, asked in batches: the one place where evaluation meets TensorFlow."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inkbench.errors import InkbenchError

if TYPE_CHECKING:
    import keras

_BATCH = 256  # images; outputs of the widest layer then stay in the processor's cache


class Predictor:
    """A trained model, arrays in, arrays out.

    Parameters
    ----------
    model
        By the calling convention of `inkbench.models`: uint8 in, scaling inside.
    path
        File that it was read from, for messages.
    """

    def __init__(self, model: "keras.Model", path: Path) -> None:
        self.path = path
        self._model = model
        self._layers = {layer.name: layer for layer in model.layers}

    @classmethod
    def load(cls, path: Path) -> "Predictor":
        """Read a model.

        Raises
        ------
        InkbenchError
            If the file is missing or is no Keras model.
        """
        from inkbench.models.common import storage

        return cls(storage.load(path), path)

    @property
    def is_variational(self) -> bool:
        """Whether the model has a posterior and a decoder."""
        return {"z_log_var", "decoder"} <= self._layers.keys()

    def outputs(self, images: np.ndarray) -> np.ndarray:
        """Outputs float32 ``[n, …]`` for uint8 images ``[n, h, w]``."""
        return _in_batches(self._model, images, "predicting")[0]

    def codes(self, images: np.ndarray) -> np.ndarray:
        """Activations of the layer ``code``, flattened: float32 ``[n, d]``."""
        return self._activations(images, "code")[0].reshape(len(images), -1)

    def posterior(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and log-variance of the code, float32 ``[n, d]`` each."""
        mean, log_var = self._activations(images, "code", "z_log_var")
        return mean, log_var

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Images float32 ``[n, h, w]`` for codes ``[n, d]``, through the nested ``decoder``."""
        return _in_batches(self._layers["decoder"], codes, "decoding")[0]

    def kernels(self) -> dict[str, np.ndarray]:
        """Layer name → kernel, from the input to the output, nested models included."""
        return dict(_kernels(self._model))

    def restore(self, page: np.ndarray) -> np.ndarray:
        """Clean page float32 ``[h, w]`` in [0, 1] for a noisy one, uint8 ``[h, w]``."""
        from inkbench.restore import restore

        return restore(self._model, page)

    def _activations(self, images: np.ndarray, *names: str) -> list[np.ndarray]:
        import keras

        missing = [name for name in names if name not in self._layers]
        if missing:
            raise InkbenchError(
                f"{self.path}: the model has no layer {missing[0]!r}; its family must name it"
            )
        tops = [self._layers[name].output for name in names]
        return _in_batches(keras.Model(self._model.inputs, tops), images, "encoding")


def _in_batches(model: "keras.Model", inputs: np.ndarray, doing: str) -> list[np.ndarray]:
    """All outputs of a model, float32, in one array each."""
    from tqdm import tqdm

    starts = range(0, len(inputs), _BATCH)
    parts = []
    for start in tqdm(starts, doing, unit="batch", delay=2, leave=False, disable=None):
        found = model.predict_on_batch(inputs[start : start + _BATCH])
        parts.append(found if isinstance(found, list) else [found])
    return [
        np.concatenate(part).astype(np.float32, copy=False) for part in zip(*parts, strict=True)
    ]


def _kernels(model: "keras.Model", prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _kernels(layer, f"{prefix}{layer.name}/")
        elif getattr(layer, "kernel", None) is not None:
            yield prefix + layer.name, np.asarray(layer.kernel)
