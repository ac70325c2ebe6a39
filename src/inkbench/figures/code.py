"""Figures of an autoencoder's latent code: classes in latent space, sparsity."""

from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style.styled
def maps(
    codes: np.ndarray,
    labels: np.ndarray,
    classes: style.Names,
    pca2: np.ndarray,
    pca_explained: np.ndarray,
    tsne2: np.ndarray,
    tsne_rows: np.ndarray,
    code_size: np.ndarray,
) -> "Figure":
    """Scatter the codes ``[n, d]`` by class: two raw dimensions, PCA and t-SNE.

    Parameters
    ----------
    pca2, pca_explained
        ``[n, 2]`` principal components, ``[2]`` fractions of the variance they explain.
    tsne2, tsne_rows
        ``[m, 2]`` embedding of the rows ``[m]`` of ``codes``.
    code_size
        Dimensions of the code, of which ``codes`` may have only the first.
    """
    subtitle = (
        f"{len(codes):,} test images, {int(code_size):,}-dimensional code, trained without labels"
    )
    figure = style.canvas(13.5, 4.7, "Latent space by class", subtitle)
    left, middle, right = figure.subplots(1, 3)
    first2 = codes[:, :2] if codes.shape[1] > 1 else np.c_[codes, np.zeros_like(codes)]
    _scatter(left, first2, labels, classes, "first two dimensions")
    shares = " + ".join(f"{share:.0%}" for share in pca_explained)
    _scatter(middle, pca2, labels, classes, f"first two principal components ({shares})")
    _scatter(right, tsne2, labels[tsne_rows], classes, f"t-SNE of {len(tsne2):,} codes")
    handles = [
        left.plot([], [], "o", color=colour, label=name)[0]
        for name, colour in zip(classes, style.class_colours(len(classes)), strict=True)
    ]
    figure.legend(
        handles=handles,
        loc="outside right center",
        handletextpad=0.1,
        fontsize=13,
        labelspacing=0.7,
    )
    return figure


def _scatter(
    axes: "Axes", points: np.ndarray, labels: np.ndarray, classes: style.Names, title: str
) -> None:
    colours = style.class_colours(len(classes))
    points = points.astype(np.float32)
    x, y = points.T
    # One call in the data's order, so that no class covers all the others.
    axes.scatter(x, y, s=11, c=[colours[label] for label in labels], alpha=0.75, lw=0)
    for label, name in enumerate(classes):
        if (labels == label).any():
            x, y = np.median(points[labels == label], axis=0)
            text = axes.text(x, y, name, fontsize=17, fontweight="bold", ha="center", va="center")
            style.halo(text)
    axes.set_title(title)
    axes.tick_params(labelbottom=False, labelleft=False, length=0)


@style.styled
def activations(edges: np.ndarray, counts: np.ndarray, near_zero: float) -> "Figure":
    """Draw a histogram of all code activations: edges ``[b + 1]`` and counts ``[b]``.

    Activations of magnitude below ``near_zero`` count as zero and are shaded.
    """
    subtitle = f"Shaded: within ±{near_zero:.2g} of zero"
    figure = style.canvas(8, 3.6, "Code activations", subtitle)
    axes = figure.subplots()
    share = counts / max(counts.sum(), 1)
    axes.stairs(share, edges, fill=True, color=style.TRAIN)
    axes.axvspan(-near_zero, near_zero, color=style.TEST, alpha=0.35, lw=0)
    axes.set_yscale("log")
    axes.set_xlabel("activation")
    axes.set_ylabel("share of activations")
    axes.grid(axis="y")
    return figure
