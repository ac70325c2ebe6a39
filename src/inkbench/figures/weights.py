"""Figures of a model's weights: first-layer filters, weight distributions."""

from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import images, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 16


@style.styled
def filters(kernels: np.ndarray, layer: str) -> "Figure":
    """Draw first-layer kernels, float ``[f, a, b]``, each scaled to its largest weight."""
    count, height, width = kernels.shape
    rows = -(-count // _COLUMNS)
    peak = np.abs(kernels).max(axis=(1, 2), keepdims=True)
    scaled = np.full((rows * _COLUMNS, height, width), np.nan, np.float32)
    scaled[:count] = kernels / np.maximum(peak, 1e-12)
    cells = scaled.reshape(rows, _COLUMNS, height, width)
    zoom = max(1, 24 // height)  # so that the gap stays small beside a 3×3 kernel
    cells = np.kron(cells, np.ones((1, 1, zoom, zoom), np.float32))
    shown = min(count, _COLUMNS)
    figure = style.canvas(
        max(0.72 * shown, 6),
        max(0.72 * rows, 0.9),
        f"First-layer filters ({layer})",
        "Brown: negative, purple: positive; each scaled to its largest weight",
    )
    axes = figure.subplots()
    images.show_mosaic(axes, cells[:, :shown], "PuOr", (-1, 1), gap=5)
    return figure


@style.styled
def histograms(
    layers: style.Names,
    sizes: np.ndarray,
    near_zero: np.ndarray,
    edges: np.ndarray,
    counts: np.ndarray,
) -> "Figure":
    """Draw a histogram of the weights of each layer.

    ``sizes`` ``[k]`` are numbers of weights, ``near_zero`` ``[k]`` fractions of ``|w| < 1e-3``,
    ``edges`` ``[k, b + 1]`` and ``counts`` ``[k, b]`` the histograms.
    """
    columns = min(4, len(layers))
    rows = -(-len(layers) // columns)
    sparsity = float((near_zero * sizes).sum() / max(sizes.sum(), 1))
    subtitle = f"{sparsity:.1%} of {sizes.sum():,} weights are within ±0.001 of zero"
    figure = style.canvas(3.6 * columns + 0.4, 2.5 * rows, "Weight distribution by layer", subtitle)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(layers) :]:
        axes.set_visible(False)
    for index, axes in enumerate(panels[: len(layers)]):
        share = counts[index] / max(counts[index].sum(), 1)
        axes.stairs(share, edges[index], fill=True, color=style.TRAIN)
        axes.set_yscale("log")
        axes.set_title(layers[index], fontsize=12)
        axes.set_xlabel(f"{sizes[index]:,} weights, {near_zero[index]:.1%} near zero", fontsize=11)
        axes.locator_params(axis="x", nbins=5)
    return figure
