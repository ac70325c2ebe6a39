"""Published results, reproduced with their bugs: one figure that explains each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import images, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL = 0.72  # inches per image
_WIDE = 10.5  # inches

Curve = Mapping[str, np.ndarray]  # columns of a table, float [n] each


@style.styled
def misread_loss(
    curve: Curve, minimum: float, originals: np.ndarray, outputs: Mapping[int, np.ndarray]
) -> "Figure":
    """Plot a loss that the script printed as an accuracy, beside outputs of several epochs.

    Parameters
    ----------
    curve
        ``epoch`` (0: untrained), ``test_bce``, ``test_binary_accuracy``.
    minimum
        The loss of a perfect reconstruction.
    outputs
        By epoch.
    """
    mosaic_width = _CELL * len(originals) + 1.2
    figure = style.canvas(
        5.2 + mosaic_width,
        3.6,
        "A loss printed as “Test accuracy”",
        "The printed number falls while the model improves; it is highest without any training",
    )
    left, right = figure.subplots(1, 2, width_ratios=[5.2, mosaic_width])
    printed, accuracy = 100 * curve["test_bce"], 100 * curve["test_binary_accuracy"]
    epochs = curve["epoch"]
    left.plot(epochs, accuracy, "o--", color=style.TRAIN, label="binary pixel accuracy")
    left.plot(epochs, printed, "o-", color=style.TEST, label="printed number (the loss)")
    label = "loss of a perfect reconstruction"
    left.axhline(100 * minimum, color=style.MUTED, lw=1.1, ls=":", label=label)
    for at, side, shift in ((0, "left", -4), (-1, "right", 4)):
        left.annotate(
            f"{printed[at]:.2f} %",
            (epochs[at], printed[at]),
            xytext=(shift, 9),
            textcoords="offset points",
            ha=side,
            color=style.TEST,
            fontweight="bold",
            bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.5},
        )
    left.set(xlabel="epoch", ylabel="per cent", ylim=(0, 104), yticks=range(0, 101, 20))
    left.set_xticks(epochs[:: -(-len(epochs) // 12)])
    left.margins(x=0.09)
    left.legend(loc="center right", fontsize=10.5)
    rows = {"original": originals} | {
        f"epoch {epoch}" if epoch else "untrained": outputs[epoch] for epoch in sorted(outputs)
    }
    _mosaic(right, rows)
    return figure


@style.styled
def bytes_for_letters(blocks: Mapping[str, Mapping[str, np.ndarray]]) -> "Figure":
    """Draw the archive's bytes as the network saw them, and letters, which it never saw.

    ``blocks`` are title → row name → images.
    """
    count = max(len(row) for rows in blocks.values() for row in rows.values())
    figure = style.canvas(
        _CELL * count + 2.6,
        6 * _CELL + 1.1,
        "A tar archive, read as images",
        "28×28 consecutive bytes of notMNIST_small.tar.gz: file names, zeros, compressed pixels",
    )
    for axes, (title, rows) in zip(figure.subplots(2, 1), blocks.items(), strict=True):
        _mosaic(axes, rows)
        axes.set_title(title)
    return figure


@style.styled
def few_images(
    probabilities: np.ndarray,
    interval: tuple[float, float],
    published: Sequence[float],
    letters: Sequence[str],
    as_published: np.ndarray,
    fixed: np.ndarray,
) -> "Figure":
    """Plot the distribution of the accuracy on few images, and accuracies by letter.

    Parameters
    ----------
    probabilities
        float ``[81]`` of 0 to 80 correctly classified images.
    interval
        Accuracies that hold 95 % of the samples.
    letters, as_published, fixed
        ``[k]`` names, and their accuracies with and without mirrored training images.
    """
    count = len(probabilities) - 1
    accuracy = 100 * np.arange(count + 1) / count
    low, high = (100 * end for end in interval)
    title = f"Accuracy on {count} images: sampling error"
    subtitle = f"95 % of the samples of {count} images lie between {low:.4g} % and {high:.4g} %"
    figure = style.canvas(13, 3.9, title, subtitle)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    inside = (accuracy >= low - 1e-9) & (accuracy <= high + 1e-9)
    colours = np.where(inside, style.TRAIN, style.BASELINE)
    left.bar(accuracy, 100 * probabilities, 0.8 * accuracy[1], color=colours)
    top = 100 * probabilities.max()
    for value in published:
        left.axvline(100 * value, color=style.TEST, lw=1.6, ls="--")
        text = f" {100 * value:.4g} % "
        align = "left" if value == max(published) else "right"
        left.text(100 * value, top * 1.12, text, color=style.TEST, ha=align)
    shown = accuracy[probabilities > 1e-4 * probabilities.max()]
    edges = [*shown, *(100 * value for value in published)]
    left.set(xlim=(min(edges) - 4, min(max(edges) + 4, 101)), ylim=(0, top * 1.3))
    left.set(xlabel=f"accuracy on {count} images (dashed: published)", ylabel="probability in %")
    places = np.arange(len(letters))
    right.bar(places - 0.2, 100 * as_published, 0.38, color=style.TEST, label="as published")
    label = "no mirroring, softmax output"
    right.bar(places + 0.2, 100 * fixed, 0.38, color=style.TRAIN, label=label)
    right.set_xticks(places, letters)
    right.set(ylim=(0, 122), yticks=range(0, 101, 20), ylabel="test accuracy in %")
    right.legend(loc="upper center", ncols=2)
    return figure


@style.styled
def clipped(
    curve: Curve,
    counts: np.ndarray,
    untrained: np.ndarray,
    edges: np.ndarray,
    rows: Mapping[str, np.ndarray],
) -> "Figure":
    """Plot the training of a model whose loss expects probabilities but receives logits.

    Parameters
    ----------
    curve
        ``images`` trained on, ``test_bce``, ``corrected_bce``.
    counts, untrained, edges
        Histogram of the outputs, after and before training, ``[b]`` and ``[b + 1]``.
    rows
        Name → digits.
    """
    figure = style.canvas(
        _WIDE,
        3.2 + _CELL * len(rows),
        "Logits in a loss that expects probabilities",
        "The loss clips outputs to [0, 1]; clipped pixels have no gradient",
    )
    left, right = _above_digits(figure, rows)
    left.plot(curve["images"], curve["test_bce"], "o-", color=style.TEST, label="as published")
    left.plot(
        curve["images"], curve["corrected_bce"], "o--", color=style.TRAIN, label="with sigmoid"
    )
    left.set(xlabel="training images", ylabel="test loss (BCE)")
    left.locator_params(axis="x", nbins=5)
    left.set_ylim(bottom=0)
    left.legend(loc="upper right")
    right.stairs(counts / counts.sum(), edges, fill=True, color=style.TRAIN, label="trained")
    share = untrained / untrained.sum()
    right.stairs(share, edges, color=style.INK, lw=1.4, label="untrained")
    right.legend(loc="upper center")
    right.axvspan(edges[0], 0, color=style.WARNING_GROUND, zorder=0)
    right.axvspan(1, edges[-1], color=style.WARNING_GROUND, zorder=0)
    right.set_yscale("log")
    right.set(xlabel="output (shaded: clipped)", ylabel="share of pixels")
    return figure


@style.styled
def pair(curve: Curve, rows: Mapping[str, np.ndarray]) -> "Figure":
    """Plot two models that train identically, and the regularised model that was intended.

    ``curve`` has the ``images`` trained on, the losses ``base``, ``sparse`` and ``on``, and the
    largest weight differences from Base ``difference`` and ``difference_when_on``. ``rows`` are
    name → digits.
    """
    most = float(np.abs(curve["difference"]).max())
    result = "all weights are equal" if most == 0 else f"weights differ by at most {most:.1e}"
    figure = style.canvas(
        _WIDE,
        3.4 + _CELL * len(rows),
        "“No real difference”: both regularisers are off",
        f"Same seed, images and training loop as published: {result}",
    )
    left, right = _above_digits(figure, rows)
    shown = curve["images"]
    left.plot(shown, curve["base"], "-", lw=6, color=style.BASELINE, alpha=0.55, label="Base")
    left.plot(shown, curve["sparse"], "-", color=style.TEST, label="Sparse, as published")
    left.plot(shown, curve["on"], "o--", color=style.TRAIN, label="Sparse, regularised")
    left.set(xlabel="training images", ylabel="test loss (BCE)")
    left.legend(loc="upper right")
    right.plot(shown, curve["difference"], "-", color=style.TEST, label="as published")
    right.plot(shown, curve["difference_when_on"], "o--", color=style.TRAIN, label="regularised")
    right.set(xlabel="training images", ylabel="largest weight difference from Base")
    right.legend(loc="upper left")
    for axes in (left, right):
        axes.locator_params(axis="x", nbins=5)
        axes.margins(y=0.1)
    return figure


def _above_digits(figure: "Figure", rows: Mapping[str, np.ndarray]) -> tuple["Axes", "Axes"]:
    """Draw digits in the lower part of a figure; return two empty panels above them."""
    heights = [3.2, _CELL * len(rows)]
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    _mosaic(bottom.subplots(), rows)
    left, right = top.subplots(1, 2)
    return left, right


def _mosaic(axes: "Axes", rows: Mapping[str, np.ndarray]) -> None:
    stacked = np.stack([images.unit(row) for row in rows.values()])
    images.show_mosaic(axes, stacked)
    images.label_rows(axes, list(rows), stacked.shape[2], fontsize=11.5)
