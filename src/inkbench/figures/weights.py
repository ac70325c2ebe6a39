"""What a network has learned, in its weights: first-layer filters, how many are near zero."""

from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import images, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 16


@style.styled
def filters(kernels: np.ndarray, layer: str) -> "Figure":
    """First-layer kernels, each scaled to its own largest weight.

    Parameters
    ----------
    kernels
        float ``[f, a, b]``.
    layer
        The layer's name.
    """
    count, height, width = kernels.shape
    rows = -(-count // _COLUMNS)
    peak = np.abs(kernels).max(axis=(1, 2), keepdims=True)
    scaled = np.full((rows * _COLUMNS, height, width), np.nan, np.float32)
    scaled[:count] = kernels / np.maximum(peak, 1e-12)
    cells = scaled.reshape(rows, _COLUMNS, height, width)
    zoom = max(1, 24 // height)  # so that the gap is a small part of a 3×3 kernel too
    cells = np.kron(cells, np.ones((1, 1, zoom, zoom), np.float32))
    shown = min(count, _COLUMNS)
    figure = style.canvas(
        max(0.72 * shown, 6),
        max(0.72 * rows, 0.9),
        f"Filters of the first layer ({layer})",
        "brown: negative, purple: positive; each scaled to its largest weight",
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
    """How the weights of each layer are spread, and the share of them that is all but zero.

    Parameters
    ----------
    layers, sizes
        ``[k]`` names and numbers of weights.
    near_zero
        ``[k]`` share of weights with ``|w| < 1e-3``.
    edges, counts
        ``[k, b + 1]`` and ``[k, b]``.
    """
    columns = min(4, len(layers))
    rows = -(-len(layers) // columns)
    whole = float((near_zero * sizes).sum() / max(sizes.sum(), 1))
    about = f"{whole:.1%} of {sizes.sum():,} weights are within ±0.001 of zero"
    figure = style.canvas(3.6 * columns + 0.4, 2.5 * rows, "How the weights are spread", about)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for index, axes in enumerate(panels):
        if index >= len(layers):
            axes.set_visible(False)
            continue
        share = counts[index] / max(counts[index].sum(), 1)
        axes.stairs(share, edges[index], fill=True, color=style.TRAIN)
        axes.set_yscale("log")
        axes.set_title(layers[index], fontsize=12)
        axes.set_xlabel(f"{sizes[index]:,} weights, {near_zero[index]:.1%} near 0", fontsize=11)
        axes.locator_params(axis="x", nbins=5)
    return figure
