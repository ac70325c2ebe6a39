"""Checkpoints: where a killed training resumes.

They are kept outside DVC's outputs and carry a fingerprint of everything that a training depends
on. After a change of a setting, the data, any code, a library or the machine, it starts over.
"""

import hashlib
import importlib.metadata
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkbench import disk, layout
from inkbench.params import Variant
from inkbench.training import runtime

if TYPE_CHECKING:
    import keras

_LIBRARIES = ("keras", "numpy", "pillow", "scipy", "tensorflow")


@dataclass
class TrainingState:
    """How far a training has come.

    Attributes
    ----------
    objective
        Index of the objective being fitted.
    epoch
        Number of its completed epochs.
    history
        One row per epoch, over all objectives.
    arrays
        Snapshots of outputs, by name.
    weights
        Name of a completed objective → the model's weights at its end, if they are written.
    """

    objective: int = 0
    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, list[np.ndarray]] = field(default_factory=dict)


class DamagedCheckpoint(Exception):
    """A checkpoint with the right fingerprint cannot be read."""


def fingerprint(variant: Variant, machine: dict[str, Any]) -> str:
    """Digest everything that a training's result depends on.

    That is its settings, the machine and its type of CPU, the code, the libraries that compute, and
    the data.
    """
    libraries = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    flags = sorted(runtime.cpu_flags())
    settings = variant.model_dump(mode="json"), machine, flags, libraries
    digest = hashlib.sha256(json.dumps(settings).encode())
    code = Path(__file__).parents[1].rglob("*.py")
    for file in [*sorted(code), *sorted(layout.processed(variant.dataset).iterdir())]:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


class Checkpoint:
    """The newest complete checkpoint of one variant.

    Parameters
    ----------
    folder
        Where to keep it.
    fingerprint
        See `fingerprint`; a checkpoint with another one is ignored.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._folder = folder
        self._fingerprint = fingerprint
        self._index = folder / "state.json"

    def save(self, model: "keras.Model", state: TrainingState) -> None:
        """Write weights, optimiser state and ``state``; delete the previous checkpoint."""
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = self._stem(state)
        arrays = dict(state.arrays)
        for objective, weights in state.weights.items():
            arrays |= {f"{objective}/{i}": array for i, array in enumerate(weights)}
        with disk.writing(self._folder):
            model.save_weights(self._folder / f"{stem}.weights.h5")
            np.savez(self._folder / f"{stem}.npz", **arrays)  # type: ignore[arg-type]
        index = {
            "fingerprint": self._fingerprint,
            "stem": stem,
            "objective": state.objective,
            "epoch": state.epoch,
            "history": state.history,
        }
        disk.write_text(self._index, json.dumps(index))
        for file in self._folder.glob("epoch-*"):
            if not file.name.startswith(f"{stem}."):
                file.unlink()

    def state(self) -> TrainingState:
        """Read how far the training had come; a new state if there is no usable checkpoint.

        Raises `DamagedCheckpoint`.
        """
        try:
            index = json.loads(self._index.read_text(encoding="utf-8"))
            if index["fingerprint"] != self._fingerprint:
                return TrainingState()
            state = TrainingState(index["objective"], index["epoch"], index["history"])
            with np.load(self._folder / f"{index['stem']}.npz") as arrays:
                for key in arrays.files:
                    objective, separator, _ = key.partition("/")
                    if separator:
                        state.weights.setdefault(objective, []).append(arrays[key])
                    else:
                        state.arrays[key] = arrays[key]
        except FileNotFoundError:
            return TrainingState()
        except Exception as error:  # json and numpy raise many kinds of error on a damaged file
            raise DamagedCheckpoint(self._folder) from error
        return state

    def load(self, model: "keras.Model", state: TrainingState) -> None:
        """Restore weights and optimiser state, or raise `DamagedCheckpoint`."""
        try:
            model.optimizer.build(model.trainable_variables)  # Keras only fills existing variables
            model.load_weights(self._folder / f"{self._stem(state)}.weights.h5")
        except Exception as error:  # h5py and Keras raise many kinds of error on a damaged file
            raise DamagedCheckpoint(self._folder) from error

    def _stem(self, state: TrainingState) -> str:
        """Name of the files of one epoch, which no training with another fingerprint overwrites."""
        return f"epoch-{len(state.history)}-{self._fingerprint[:8]}"

    def clear(self) -> None:
        """Delete the checkpoint once training has finished."""
        shutil.rmtree(self._folder, ignore_errors=True)
