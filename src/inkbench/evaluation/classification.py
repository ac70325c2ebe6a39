"""Classifiers: accuracy and its confidence interval, F1, likelihood, calibration, confusion.

Labels are uint8 ``[n]``; probabilities are float ``[n, c]`` and each row sums to 1.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from inkbench.evaluation.results import Table

_CALIBRATION_BINS = 15
_RESAMPLES = 2000
_CONFUSED = 24


def scores(labels: np.ndarray, probabilities: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """All metrics of a classifier; for ``groups``, see `accuracy_interval`."""
    from sklearn.metrics import accuracy_score, f1_score, log_loss

    classes = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    low, high = accuracy_interval(predicted == labels, groups)
    sums = probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    return {
        "test_accuracy": float(accuracy_score(labels, predicted)),
        "test_accuracy_high": high,
        "test_accuracy_low": low,
        "test_ece": calibration_error(labels, probabilities),
        # The mean leaves out classes that neither occur nor are predicted: they have no F1.
        "test_macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
        "test_nll": float(log_loss(labels, probabilities / sums, labels=classes)),
    }


def accuracy_interval(correct: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the accuracy, resampling whole groups.

    The images of a group are duplicates, so their predictions are not independent: resampling
    single images would make the interval too narrow (Efron & Tibshirani, *An Introduction to the
    Bootstrap*, 1993, chapters 8 and 13). ``correct`` is bool ``[n]``, ``groups`` int64 ``[n]``.
    """
    _, group = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group)
    correct_per_group = np.bincount(group, weights=correct)
    rng = np.random.default_rng(0)
    accuracies = np.empty(_RESAMPLES)
    for i in range(_RESAMPLES):
        resample = rng.integers(len(sizes), size=len(sizes))
        accuracies[i] = correct_per_group[resample].sum() / sizes[resample].sum()
    low, high = np.quantile(accuracies, (0.025, 0.975))
    return float(low), float(high)


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> Table:
    """Confidence and accuracy in 15 equal-width bins of the top probability."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, _CALIBRATION_BINS + 1)
    bins = np.digitize(confidence, edges[1:-1], right=True)  # a bin includes its upper edge
    rows: list[list[object]] = []
    for i, (lower, upper) in enumerate(pairwise(edges)):
        inside = bins == i
        count = int(inside.sum())
        means = [confidence[inside].mean(), correct[inside].mean()] if count else ["", ""]
        rows.append([lower, upper, count, *means])
    return Table(("lower", "upper", "n", "confidence", "accuracy"), rows)


def calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error: ``|accuracy − confidence|`` per bin, averaged over images.

    Guo et al., *On Calibration of Modern Neural Networks* (2017), equation 3.
    """
    filled = [row for row in reliability(labels, probabilities).rows if row[2]]
    return sum(n * abs(accuracy - mean) for _, _, n, mean, accuracy in filled) / len(labels)


def per_class(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> Table:
    """Count, precision, recall and F1 of every class; 0 where a ratio is undefined."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, count = precision_recall_fscore_support(
        labels, predicted, labels=np.arange(len(classes)), zero_division=0
    )
    rows = zip(classes, count, precision, recall, f1, strict=True)
    return Table(("class", "n", "precision", "recall", "f1"), [list(row) for row in rows])


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> Table:
    """Actual and predicted class name of every image; DVC's template counts them."""
    rows = [(classes[a], classes[p]) for a, p in zip(labels, predicted, strict=True)]
    return Table(("actual", "predicted"), rows)


def misclassified(
    images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> dict[str, np.ndarray]:
    """Arrays of ``misclassified.npz``: the errors with the highest probability, highest first."""
    predicted, top = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-top[wrong], kind="stable")][:_CONFUSED]
    return {
        "images": images[worst],
        "labels": labels[worst],
        "predicted": predicted[worst].astype(np.uint8),
        "probability": top[worst].astype(np.float32),
    }
