"""Bad input to an evaluation: refused in one line before anything is written."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inkbench.datasets.common.store import Images
from inkbench.errors import InkbenchError

_SLACK = 1e-3  # how far outside [0, 1] rounding in bfloat16 can carry an output


def labelled_images(images: Images, classes: Sequence[str], path: Path) -> None:
    """Refuse a part that is empty, of one class only, or labelled beyond the classes.

    Parameters
    ----------
    images
        The part.
    classes
        Names of the classes, indexed by label.
    path
        File that the part was read from, for the message.

    Raises
    ------
    InkbenchError
        Naming the file and what is wrong with it.
    """
    remedy = f"make it again: dvc repro --force --single-item preprocess@{path.parent.name}"
    labels = np.unique(images.labels)
    if not len(labels):
        raise InkbenchError(f"{path}: no images to evaluate on; {remedy}")
    if labels[-1] >= len(classes):
        raise InkbenchError(
            f"{path}: label {labels[-1]} does not fit the {len(classes)} classes; {remedy}"
        )
    if len(labels) == 1:
        raise InkbenchError(
            f"{path}: all images are of one class ({classes[labels[0]]}), "
            f"which says nothing about telling classes apart; {remedy}"
        )


def outputs(found: np.ndarray, shape: tuple[int, ...], model: Path) -> None:
    """Refuse outputs that are no probabilities or intensities: wrong shape, NaN, outside [0, 1].

    Parameters
    ----------
    found
        Outputs of the network.
    shape
        What their shape must be.
    model
        File of the model, for the message.

    Raises
    ------
    InkbenchError
        Naming the model and what is wrong with its outputs.
    """
    if found.shape != shape:
        raise InkbenchError(
            f"{model}: gives outputs of shape {found.shape} where the data needs {shape}; "
            f"{_retrain(model)}"
        )
    finite(found, model)
    low, high = found.min(), found.max()
    if low < -_SLACK or high > 1 + _SLACK:
        raise InkbenchError(
            f"{model}: outputs from {low:.4g} to {high:.4g} where [0, 1] is due (logits?); "
            f"{_retrain(model)}"
        )


def finite(found: np.ndarray, model: Path) -> None:
    """Refuse NaN and infinities in anything that a model computed."""
    bad = found.size - int(np.isfinite(found).sum())
    if bad:
        raise InkbenchError(
            f"{model}: {bad} of {found.size} outputs are NaN or infinite; {_retrain(model)}"
        )


def distribution(probabilities: np.ndarray, model: Path) -> None:
    """Refuse class probabilities that do not add up to one."""
    worst = float(np.abs(probabilities.sum(axis=1) - 1).max())
    if worst > 10 * _SLACK:
        raise InkbenchError(
            f"{model}: class probabilities add up to one only within {worst:.3g}; {_retrain(model)}"
        )


def _retrain(model: Path) -> str:
    return f"train it again: dvc repro --force --single-item train@{model.parent.name}"
