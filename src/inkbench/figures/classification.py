"""Figures of a classifier: confusion matrix, calibration, scores by class, errors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import images, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style.styled
def confusion(actual: np.ndarray, predicted: np.ndarray, classes: style.Names) -> "Figure":
    """Draw the confusion matrix: counts as text, the error rate of each row as colour."""
    count = len(classes)
    table = np.zeros((count, count), int)
    np.add.at(table, (actual, predicted), 1)
    accuracy = np.trace(table) / max(table.sum(), 1)
    subtitle = (
        f"Accuracy {accuracy:.2%} on {table.sum():,} test images; colour: errors, share of the row"
    )
    figure = style.canvas(8.4, 7.4, "Confusion matrix", subtitle)
    axes = figure.subplots()
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    errors = np.ma.masked_array(share, np.eye(count, dtype=bool))
    top = max(errors.filled(0).max(), 0.05)
    axes.imshow(errors, cmap="YlOrBr", vmin=0, vmax=top)
    for row, column in np.ndindex(table.shape):
        value = table[row, column]
        dark = row != column and share[row, column] > 0.6 * top
        axes.text(
            column,
            row,
            f"{value}" if value else "·",
            ha="center",
            va="center",
            fontsize=12,
            fontweight="bold" if row == column else "normal",
            color="white" if dark else style.INK if value else style.RULE,
        )
    axes.set_xticks(range(count), classes)
    axes.set_yticks(range(count), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    axes.tick_params(length=0, labelsize=13)
    axes.spines[:].set_visible(False)
    return figure


@style.styled
def misclassified(
    pictures: np.ndarray,
    labels: np.ndarray,
    predicted: np.ndarray,
    probability: np.ndarray,
    classes: style.Names,
) -> "Figure":
    """Draw the n ≥ 0 test images that the model misclassified with the highest probability.

    ``probability`` is that of the ``predicted`` class, in falling order.
    """
    title = "Most confident misclassifications"
    if len(pictures) == 0:
        return style.canvas(8, 0.1, title, "No misclassified test image")
    columns = min(8, len(pictures))
    rows = -(-len(pictures) // columns)
    subtitle = "Actual → predicted class and its probability"
    figure = style.canvas(1.45 * columns, 1.65 * rows, title, subtitle)
    figure.get_layout_engine().set(w_pad=0.11)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(pictures) :]:
        axes.set_visible(False)
    for index, axes in enumerate(panels[: len(pictures)]):
        axes.imshow(images.unit(pictures[index]), cmap="gray_r", vmin=0, vmax=1)
        style.bare(axes)
        names = f"{classes[labels[index]]} → {classes[predicted[index]]}"
        axes.set_title(f"{names}  {_percent(probability[index])}", fontsize=11, loc="center", pad=4)
    return figure


def _percent(probability: float) -> str:
    """Format a probability; never ``100 %``, which would be rounded."""
    return ">99 %" if probability > 0.99 else f"{probability:.0%}".replace("%", " %")


@style.styled
def reliability(
    lower: np.ndarray, count: np.ndarray, confidence: np.ndarray, accuracy: np.ndarray
) -> "Figure":
    """Draw the reliability diagram: accuracy against the probability of the predicted class.

    All are ``[bins]`` of equal width over [0, 1]; ``confidence`` is the mean probability, like
    ``accuracy`` NaN for an empty bin.
    """
    error = float(np.nansum(count * np.abs(accuracy - confidence)) / max(count.sum(), 1))
    subtitle = f"Expected calibration error {error:.4f}; below the diagonal: overconfident"
    figure = style.canvas(8, 4.6, "Calibration", subtitle)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    width = 1 / len(lower)
    middle = lower + width / 2
    top.plot([0, 1], [0, 1], "--", color=style.RULE, lw=1.4)
    top.bar(middle, accuracy, width * 0.92, color=style.TRAIN, alpha=0.55)
    top.plot(confidence, accuracy, "o", color=style.TEST, ms=7)
    top.set_ylabel("accuracy")
    top.set_ylim(0, 1.02)
    bottom.bar(middle, count, width * 0.92, color=style.BASELINE)
    bottom.set_yscale("symlog", linthresh=1)
    bottom.set_ylim(0)
    bottom.set_ylabel("images")
    bottom.set_xlabel("probability of the predicted class")
    bottom.set_xlim(0, 1)
    for axes in (top, bottom):
        axes.grid(axis="y")
    return figure


@style.styled
def per_class(classes: Sequence[str], scores: dict[str, np.ndarray]) -> "Figure":
    """Draw precision, recall and F1 by class (score name → ``[classes]`` in [0, 1])."""
    title = "Precision, recall and F1 by class"
    figure = style.canvas(8.4, 3.8, title, "The axis does not start at 0")
    axes = figure.subplots()
    looks = zip("osD", [style.TRAIN, style.TEST, style.INK], [-0.18, 0, 0.18], strict=True)
    for (name, values), (marker, colour, shift) in zip(scores.items(), looks, strict=False):
        axes.plot(np.arange(len(classes)) + shift, values, marker, color=colour, label=name, ms=8)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_xlim(-0.6, len(classes) - 0.4)
    for edge in np.arange(len(classes) - 1) + 0.5:
        axes.axvline(edge, color="#e3e8ef", lw=0.9)
    axes.tick_params(axis="x", length=0, labelsize=13)
    axes.grid(axis="y")
    style.legend(figure)
    return figure
