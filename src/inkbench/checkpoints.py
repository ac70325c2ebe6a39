"""Where a killed training left off.

Checkpoints live outside DVC's outputs and carry a fingerprint of everything the training depends
on: a changed parameter, dataset or line of code starts afresh.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inkbench import disk

if TYPE_CHECKING:
    import keras


@dataclass
class Progress:
    """What a training has done so far.

    Attributes
    ----------
    phase
        Index of the phase in hand.
    done
        Epochs done in that phase.
    history
        One row an epoch, over all phases.
    arrays
        Snapshots, and weights of finished phases, by name.
    """

    phase: int = 0
    done: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


class DamagedCheckpoint(Exception):
    """A checkpoint of the right fingerprint cannot be read."""


class Checkpoint:
    """The newest whole checkpoint of one variant.

    Parameters
    ----------
    folder
        Where to keep it.
    fingerprint
        Digest of the training's inputs; a checkpoint with another one is ignored.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._folder = folder
        self._fingerprint = fingerprint
        self._state = folder / "state.json"

    def save(self, model: "keras.Model", progress: Progress) -> None:
        """Keep the model's weights, its optimiser's state and the progress; drop the one before."""
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = f"epoch-{len(progress.history)}"
        with disk.writing(self._folder):
            model.save_weights(self._folder / f"{stem}.weights.h5")
            np.savez(self._folder / f"{stem}.npz", **progress.arrays)  # type: ignore[arg-type]
        state = {
            "fingerprint": self._fingerprint,
            "stem": stem,
            "phase": progress.phase,
            "done": progress.done,
            "history": progress.history,
        }
        disk.write_text(self._state, json.dumps(state))
        for file in self._folder.glob("epoch-*"):
            if not file.name.startswith(f"{stem}."):
                file.unlink()

    def progress(self) -> Progress:
        """Read how far the training had come; a fresh start if there is nothing of use.

        Raises
        ------
        DamagedCheckpoint
        """
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            if state["fingerprint"] != self._fingerprint:
                return Progress()
            with np.load(self._folder / f"{state['stem']}.npz") as arrays:
                kept = dict(arrays)
        except FileNotFoundError:
            return Progress()
        except Exception as error:  # whatever a damaged file makes json and numpy raise
            raise DamagedCheckpoint(self._folder) from error
        return Progress(state["phase"], state["done"], state["history"], kept)

    def load(self, model: "keras.Model", progress: Progress) -> None:
        """Put the kept weights and optimiser state into a compiled model.

        Raises
        ------
        DamagedCheckpoint
        """
        try:
            model.optimizer.build(model.trainable_variables)  # Keras fills only what is there
            model.load_weights(self._folder / f"epoch-{len(progress.history)}.weights.h5")
        except Exception as error:  # h5py and Keras raise many kinds of error on a damaged file
            raise DamagedCheckpoint(self._folder) from error

    def clear(self) -> None:
        """Remove the checkpoint: the training has ended."""
        shutil.rmtree(self._folder, ignore_errors=True)
