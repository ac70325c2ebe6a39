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
            If the shape is another or the values are not within 0 to 255, or all of a page (all of
            several images, of which one may be blank) are within 0 to 1.
        """
        values = np.asarray(model_input)
        if values.ndim != 3 or not values.size:
            raise _refused(f"the shape is {list(values.shape)}; expected [n, h, w], none of them 0")
        takes_pages = self._task in ("restoration", "cleaning")
        for part in values if takes_pages else [values]:
            if not (part.min() >= 0 and 1 < part.max() <= 255):
                raise _refused(
                    f"values are from {part.min():g} to {part.max():g}; expected uint8 grey "
                    "values from 0 to 255, so multiply values between 0 and 1 by 255"
                )
        images = values.astype(np.uint8)
        if not takes_pages:
            return np.asarray(self._model.predict(images, verbose=0), np.float32)
        from inkbench.restore import restore

        return np.stack([restore(self._model, page) for page in images])


def _refused(reason: str) -> Exception:
    """What MLflow's server answers with status 400."""
    from mlflow.exceptions import MlflowException

    return MlflowException.invalid_parameter_value(f"inputs: {reason}")


def _load_pyfunc(data_path: str) -> Served:
    """MLflow's entry point: a folder with ``model.keras`` and ``variant.json``."""
    from inkbench.models.common import storage

    folder = Path(data_path)
    card = json.loads((folder / "variant.json").read_text(encoding="utf-8"))
    return Served(storage.load(folder / "model.keras"), card["task"])
