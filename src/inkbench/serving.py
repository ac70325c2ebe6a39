"""Loader of logged models, which MLflow calls, for example in `mlflow models serve`.

Inputs are images or pages, uint8 ``[n, h, w]``. Outputs are float32: probabilities
``[n, classes]``, or reconstructions and restored pages ``[n, h, w]`` in [0, 1].
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


class Served:
    """A trained model with the interface that MLflow expects.

    Parameters
    ----------
    model
        The Keras model.
    task
        ``classification``, ``reconstruction``, ``restoration`` or ``cleaning``.
    """

    def __init__(self, model: "keras.Model", task: str) -> None:
        self._model = model
        self._task = task

    def predict(self, model_input: Any) -> np.ndarray:
        """Run the model.

        Parameters
        ----------
        model_input
            uint8 ``[n, h, w]``, 0 to 255; pages of a restorer have any size. MLflow's server casts
            other numbers to uint8, so that those between 0 and 1 become 0.

        Returns
        -------
        numpy.ndarray
            float32 as described above.

        Raises
        ------
        mlflow.exceptions.MlflowException
            If the values are not within 0 to 255, or all within 0 to 1.
        """
        values = np.asarray(model_input)
        if values.size and not (values.min() >= 0 and 1 < values.max() <= 255):
            from mlflow.exceptions import MlflowException

            raise MlflowException.invalid_parameter_value(
                f"inputs: the values are from {values.min():g} to {values.max():g}; expected uint8 "
                "grey values from 0 to 255, so multiply values between 0 and 1 by 255"
            )
        images = values.astype(np.uint8)
        if self._task not in ("restoration", "cleaning"):
            return np.asarray(self._model.predict(images, verbose=0), np.float32)
        from inkbench.restore import restore

        return np.stack([restore(self._model, page) for page in images])


def _load_pyfunc(data_path: str) -> Served:
    """MLflow's entry point: a folder with ``model.keras`` and ``variant.json``."""
    from inkbench.models.common import storage

    folder = Path(data_path)
    card = json.loads((folder / "variant.json").read_text(encoding="utf-8"))
    return Served(storage.load(folder / "model.keras"), card["task"])
