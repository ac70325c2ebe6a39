"""Runs a trained Keras model in batches: the only place where evaluation uses TensorFlow."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inkbench.errors import InkbenchError

if TYPE_CHECKING:
    import keras

_BATCH = 256  # images; the outputs of the widest layer then fit in the CPU's cache


class Predictor:
    """A trained model of `inkbench.models` that takes and returns NumPy arrays."""

    def __init__(self, model: "keras.Model", path: Path) -> None:
        self.path = path
        self._model = model
        self._layers = {layer.name: layer for layer in model.layers}

    @classmethod
    def load(cls, path: Path) -> "Predictor":
        """Read a model; `InkbenchError` if the file is missing or not a Keras model."""
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
        """Images float32 ``[n, h, w]`` for codes ``[n, d]``, from the nested ``decoder``."""
        return _in_batches(self._layers["decoder"], codes, "decoding")[0]

    def kernels(self) -> dict[str, np.ndarray]:
        """Layer name → kernel, from the input to the output, including nested models."""
        return dict(_kernels(self._model))

    def restore(self, page: np.ndarray) -> np.ndarray:
        """Restore a noisy page, uint8 ``[h, w]`` → float32 ``[h, w]`` in [0, 1]."""
        from inkbench.restore import restore

        return restore(self._model, page)

    def clean(self, scan: np.ndarray) -> np.ndarray:
        """Divide a scan, uint8 ``[h, w, 3]``, by its predicted paper: float32, in [0, 1]."""
        from inkbench.restore import divided, paper

        return divided(scan, paper(self._model, scan))

    def _activations(self, images: np.ndarray, *names: str) -> list[np.ndarray]:
        import keras

        for name in names:
            if name not in self._layers:
                raise InkbenchError(
                    f"{self.path}: no layer is named {name!r}; name it in the model's family"
                )
        layers = [self._layers[name].output for name in names]
        return _in_batches(keras.Model(self._model.inputs, layers), images, "encoding")


def _in_batches(model: "keras.Model", inputs: np.ndarray, action: str) -> list[np.ndarray]:
    """Every output of a model, as one float32 array each."""
    from tqdm import tqdm

    starts = range(0, len(inputs), _BATCH)
    batches = []
    for start in tqdm(starts, action, unit="batch", delay=2, leave=False, disable=None):
        outputs = model.predict_on_batch(inputs[start : start + _BATCH])
        batches.append(outputs if isinstance(outputs, list) else [outputs])
    return [
        np.concatenate(parts).astype(np.float32, copy=False) for parts in zip(*batches, strict=True)
    ]


def _kernels(model: "keras.Model", prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _kernels(layer, f"{prefix}{layer.name}/")
        elif getattr(layer, "kernel", None) is not None:
            yield prefix + layer.name, np.asarray(layer.kernel)
