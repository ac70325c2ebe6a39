"""Published claims and what they measured: the picture that makes each difference plain."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import images, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL = 0.72  # inches an image
_WIDE = 10.5  # inches

Curve = Mapping[str, np.ndarray]  # columns of a table, float [n] each


@style.styled
def misread_loss(
    curve: Curve, perfect: float, originals: np.ndarray, drawn: Mapping[int, np.ndarray]
) -> "Figure":
    """A loss that was printed as an accuracy, by epoch, and letters early and late.

    Parameters
    ----------
    curve
        ``epoch`` (0: untrained), ``test_bce``, ``test_binary_accuracy``.
    perfect
        The loss of a perfect copy.
    originals
        uint8 ``[n, h, w]``.
    drawn
        Epoch → what the network made of them, float ``[n, h, w]`` in [0, 1].
    """
    count = len(originals)
    figure = style.canvas(
        5.2 + _CELL * count + 1.2,
        3.6,
        "A loss, printed as “Test accuracy”",
        "The better the network, the lower the figure the script prints; untrained it is highest",
    )
    left, right = figure.subplots(1, 2, width_ratios=[5.2, _CELL * count + 1.2])
    printed, right_pixels = 100 * curve["test_bce"], 100 * curve["test_binary_accuracy"]
    epochs = curve["epoch"]
    left.plot(epochs, right_pixels, "o--", color=style.TRAIN, label="pixels on the right side")
    left.plot(epochs, printed, "o-", color=style.TEST, label="what the script prints (the loss)")
    left.axhline(100 * perfect, color=style.MUTED, lw=1.1, ls=":", label="loss of a perfect copy")
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
        f"epoch {epoch}" if epoch else "untrained": drawn[epoch] for epoch in sorted(drawn)
    }
    _mosaic(right, rows)
    return figure


@style.styled
def bytes_for_letters(rows: Mapping[str, np.ndarray], blocks: Sequence[str]) -> "Figure":
    """What a network was shown, what it drew, and what letters would have been.

    Parameters
    ----------
    rows
        Name → images ``[n, h, w]``, uint8 or float in [0, 1]: three rows of the archive's bytes,
        then three of letters.
    blocks
        Titles of the two blocks.
    """
    count = max(len(row) for row in rows.values())
    figure = style.canvas(
        _CELL * count + 2.6,
        6 * _CELL + 1.1,
        "The archive, read as if it were images",
        "28×28 bytes of notMNIST_small.tar.gz, one after the other: file names, zeros, compressed "
        "pixels",
    )
    names = list(rows)
    for axes, title, mine in zip(
        figure.subplots(2, 1), blocks, (names[:3], names[3:]), strict=True
    ):
        _mosaic(axes, {name: rows[name] for name in mine})
        axes.set_title(title)
    return figure


@style.styled
def few_images(
    chances: np.ndarray,
    interval: tuple[float, float],
    printed: Sequence[float],
    letters: Sequence[str],
    as_published: np.ndarray,
    mended: np.ndarray,
) -> "Figure":
    """What accuracies 80 images of one network can give, and which letters mirroring cost.

    Parameters
    ----------
    chances
        float ``[81]`` of 0 to 80 images right.
    interval
        Accuracies that hold 95 % of the draws.
    printed
        Accuracies that were published.
    letters, as_published, mended
        ``[k]`` names, and their accuracies with mirrored training images and without.
    """
    count = len(chances) - 1
    accuracy = 100 * np.arange(count + 1) / count
    low, high = (100 * end for end in interval)
    about = f"95 % of the draws from this one network lie between {low:.4g} % and {high:.4g} %"
    figure = style.canvas(13, 3.9, f"An accuracy of {count} images is a draw", about)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    inside = (accuracy >= low - 1e-9) & (accuracy <= high + 1e-9)
    colours = np.where(inside, style.TRAIN, style.BASELINE)
    left.bar(accuracy, 100 * chances, 0.8 * accuracy[1], color=colours)
    top = 100 * chances.max()
    for number, figure_then in enumerate(sorted(printed)):
        left.axvline(100 * figure_then, color=style.TEST, lw=1.6, ls="--")
        left.text(
            100 * figure_then,
            top * 1.12,
            f" {100 * figure_then:.4g} % ",
            color=style.TEST,
            ha="left" if number == len(printed) - 1 else "right",
        )
    shown = accuracy[chances > 1e-4 * chances.max()]
    edges = [*shown, *(100 * value for value in printed)]
    left.set(xlim=(min(edges) - 4, min(max(edges) + 4, 101)), ylim=(0, top * 1.3))
    left.set(xlabel=f"accuracy on {count} images (dashed: published)", ylabel="chance, per cent")
    places = np.arange(len(letters))
    right.bar(places - 0.2, 100 * as_published, 0.38, color=style.TEST, label="as published")
    right.bar(
        places + 0.2, 100 * mended, 0.38, color=style.TRAIN, label="no mirroring, softmax head"
    )
    right.set_xticks(places, letters)
    right.set(ylim=(0, 122), yticks=range(0, 101, 20), ylabel="accuracy, per cent")
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
    """Logits in a loss for probabilities: the loss by images shown, the outputs, the digits.

    Parameters
    ----------
    curve
        ``images`` shown, ``test_bce``, ``mended_bce``.
    counts, untrained, edges
        Histogram of the outputs, after training and before, ``[b]`` and ``[b + 1]``.
    rows
        Name → digits ``[n, h, w]``.
    """
    figure = style.canvas(
        _WIDE,
        3.2 + _CELL * len(rows),
        "Logits where probabilities were expected",
        "The loss clips what lies outside of 0 to 1, and a clipped pixel teaches nothing",
    )
    left, right = _above_digits(figure, rows)
    left.plot(curve["images"], curve["test_bce"], "o-", color=style.TEST, label="as published")
    left.plot(curve["images"], curve["mended_bce"], "o--", color=style.TRAIN, label="with sigmoid")
    left.set(xlabel="images shown", ylabel="test loss (BCE)")
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
    right.set(xlabel="output of a pixel (shaded: clipped)", ylabel="share of pixels")
    return figure


@style.styled
def pair(curve: Curve, rows: Mapping[str, np.ndarray]) -> "Figure":
    """Two networks that are one, and the third that they were meant to differ by.

    Parameters
    ----------
    curve
        ``images`` shown; losses ``base``, ``sparse``, ``on``; largest weight differences from
        Base ``difference``, ``difference_when_on``.
    rows
        Name → digits ``[n, h, w]``.
    """
    most = float(np.abs(curve["difference"]).max())
    said = "not one weight differs" if most == 0 else f"weights differ by at most {most:.1e}"
    figure = style.canvas(
        _WIDE,
        3.4 + _CELL * len(rows),
        "“No real difference”: the sparse network is the base network",
        f"Same seed, same images, published training loop: {said}",
    )
    left, right = _above_digits(figure, rows)
    shown = curve["images"]
    left.plot(shown, curve["base"], "-", lw=6, color=style.BASELINE, alpha=0.55, label="Base")
    left.plot(shown, curve["sparse"], "-", color=style.TEST, label="Sparse, as published")
    left.plot(shown, curve["on"], "o--", color=style.TRAIN, label="Sparse, in earnest")
    left.set(xlabel="images shown", ylabel="test loss (BCE)")
    left.legend(loc="upper right")
    right.plot(shown, curve["difference"], "-", color=style.TEST, label="as published")
    right.plot(shown, curve["difference_when_on"], "o--", color=style.TRAIN, label="in earnest")
    right.set(xlabel="images shown", ylabel="largest difference of a weight")
    right.legend(loc="upper left")
    for axes in (left, right):
        axes.locator_params(axis="x", nbins=5)
        axes.margins(y=0.1)
    return figure


def _above_digits(figure: "Figure", rows: Mapping[str, np.ndarray]) -> tuple["Axes", "Axes"]:
    """Draw digits in the lower part of a figure; two empty panels above them."""
    heights = [3.2, _CELL * len(rows)]
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    _mosaic(below.subplots(), rows)
    left, right = above.subplots(1, 2)
    return left, right


def _mosaic(axes: "Axes", rows: Mapping[str, np.ndarray]) -> None:
    stacked = np.stack([images.unit(row) for row in rows.values()])
    images.show_mosaic(axes, stacked)
    images.label_rows(axes, list(rows), stacked.shape[2], fontsize=11.5)
