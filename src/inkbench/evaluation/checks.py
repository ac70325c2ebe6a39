"""Checks of data and model outputs: an `InkbenchError` before anything is written."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inkbench import records
from inkbench.datasets.common.store import Images
from inkbench.errors import InkbenchError

_TOLERANCE = 1e-3  # bfloat16 rounding can carry an output this far outside [0, 1]


def labelled_images(images: Images, classes: Sequence[str], path: Path) -> None:
    """Reject a part, read from ``path``, without images, of one class, or with unknown labels."""
    labels = np.unique(images.labels)
    if not len(labels):
        problem = "has no images"
    elif labels[-1] >= len(classes):
        problem = f"label {labels[-1]} is outside the {len(classes)} classes"
    elif len(labels) == 1:
        problem = f"all images are of class {classes[labels[0]]}; at least two classes are needed"
    else:
        return
    rerun = records.rerun_command("preprocess", path.parent.name)
    raise InkbenchError(f"{path}: {problem}; run `{rerun}`")


def outputs(outputs: np.ndarray, shape: tuple[int, ...], model: Path) -> None:
    """Reject outputs of the file ``model`` that do not have ``shape`` or are outside [0, 1]."""
    if outputs.shape != shape:
        raise _bad_output(model, f"output shape is {outputs.shape}, expected {shape}")
    finite(outputs, model)
    low, high = outputs.min(), outputs.max()
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        raise _bad_output(
            model, f"outputs range from {low:.4g} to {high:.4g}, expected [0, 1] (logits?)"
        )


def finite(outputs: np.ndarray, model: Path) -> None:
    """Reject NaN and infinite values."""
    bad = outputs.size - int(np.isfinite(outputs).sum())
    if bad:
        raise _bad_output(model, f"{bad} of {outputs.size} outputs are NaN or infinite")


def distribution(probabilities: np.ndarray, model: Path) -> None:
    """Reject class probabilities ``[n, c]`` whose rows do not sum to 1."""
    error = float(np.abs(probabilities.sum(axis=1) - 1).max())
    if error > 10 * _TOLERANCE:
        raise _bad_output(model, f"class probabilities miss a sum of 1 by up to {error:.3g}")


def _bad_output(model: Path, problem: str) -> InkbenchError:
    rerun = records.rerun_command("train", model.parent.name)
    return InkbenchError(f"{model}: {problem}; run `{rerun}`")
