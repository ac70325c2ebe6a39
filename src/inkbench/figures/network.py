"""Diagram of a network: a bar a layer, as wide as what the layer passes on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import style
from inkbench.figures.architecture import Layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TILE = 64  # pixels: side of a page's part, to draw layers that take pages of any size
_COLOURS = {
    "Conv2D": "#2f74b5",
    "Conv2DTranspose": "#832db6",
    "Dense": "#c1440e",
}
_OTHER = "#d9dfe6"  # no parameters of its own
_SKIP = style.MUTED


@style.styled
def diagram(layers: Sequence[Layer]) -> "Figure":
    """Draw layers from top to bottom, with shapes and parameters, and every skip connection.

    Parameters
    ----------
    layers
        See `architecture.layers_of`.
    """
    total = sum(layer.parameters for layer in layers)
    about = f"{total:,} parameters; a bar is as wide as the numbers it passes on (logarithmic)"
    figure = style.canvas(9.6, 0.36 * len(layers) + 0.3, "The network", about)
    axes = figure.subplots()
    sizes = np.log2([max(_size(layer), 2) for layer in layers])
    widths = sizes / sizes.max()
    for row, (layer, width) in enumerate(zip(layers, widths, strict=True)):
        colour = _COLOURS.get(layer.kind, _OTHER)
        axes.barh(row, width, left=-width / 2, height=0.72, color=colour, lw=0)
        _labels(axes, row, layer)
    _skips(axes, layers, widths)
    axes.set_xlim(-2.0, 1.25)
    axes.set_ylim(len(layers) - 0.4, -0.6)
    style.bare(axes)
    return figure


def _size(layer: Layer) -> int:
    return int(
        np.prod([side or round(_TILE * layer.scale) for side in layer.shape], dtype=np.int64)
    )


def _labels(axes: "Axes", row: int, layer: Layer) -> None:
    named = f"{layer.text}  ({layer.name})" if layer.name in ("code", "z_log_var") else layer.text
    ink = "white" if layer.kind in _COLOURS else style.INK
    weight = "bold" if layer.name == "code" else "normal"
    axes.text(-0.62, row, named, ha="right", va="center", fontsize=11.5, fontweight=weight)
    axes.text(0, row, shape_of(layer), ha="center", va="center", fontsize=11, color=ink)
    if layer.parameters:
        axes.text(1.2, row, f"{layer.parameters:,}", ha="right", va="center", fontsize=11.5)


def shape_of(layer: Layer) -> str:
    """Output shape as text; ``h/2 × w/2 × 48`` where it depends on the page."""
    part = f"/{round(1 / layer.scale)}" if layer.scale < 1 else ""
    names = iter(("h", "w"))
    return " × ".join(str(side) if side else next(names) + part for side in layer.shape)


def _skips(axes: "Axes", layers: Sequence[Layer], widths: np.ndarray) -> None:
    """Arcs for what a layer takes from elsewhere than the layer above it."""
    from matplotlib.patches import FancyArrowPatch

    rows = {layer.name: row for row, layer in enumerate(layers)}
    for row, layer in enumerate(layers):
        for source in layer.inputs:
            start = rows.get(source, row - 1)
            if start == row - 1:
                continue
            arc = FancyArrowPatch(
                (widths[start] / 2 + 0.02, start),
                (widths[row] / 2 + 0.02, row),
                connectionstyle=f"arc3,rad={-0.9 / (row - start) ** 0.55:.3f}",
                arrowstyle="-|>",
                mutation_scale=11,
                color=_SKIP,
                lw=1.3,
            )
            axes.add_patch(arc)
