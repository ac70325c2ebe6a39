"""Diagram of a network's layers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import style
from inkbench.figures.architecture import Layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PATCH = 64  # assumed height and width in pixels where a network takes pages of any size
_COLOURS = {
    "Conv2D": "#2f74b5",
    "Conv2DTranspose": "#832db6",
    "Dense": "#c1440e",
}
_NO_PARAMETERS = "#d9dfe6"


@style.styled
def diagram(layers: Sequence[Layer]) -> "Figure":
    """Draw layers (see `architecture.layers_of`), output shapes, parameters and skip connections.

    The width of a bar is the logarithm of the layer's output size.
    """
    total = sum(layer.parameters for layer in layers)
    subtitle = f"{total:,} parameters; bar width: output size (log scale)"
    figure = style.canvas(9.6, 0.36 * len(layers) + 0.3, "Architecture", subtitle)
    axes = figure.subplots()
    sizes = np.log2([max(_size(layer), 2) for layer in layers])
    widths = sizes / sizes.max()
    for row, (layer, width) in enumerate(zip(layers, widths, strict=True)):
        colour = _COLOURS.get(layer.kind, _NO_PARAMETERS)
        axes.barh(row, width, left=-width / 2, height=0.72, color=colour, lw=0)
        _label(axes, row, layer)
    _skip_connections(axes, layers, widths)
    axes.set_xlim(-2.0, 1.25)
    axes.set_ylim(len(layers) - 0.4, -0.6)
    style.bare(axes)
    return figure


def _size(layer: Layer) -> int:
    sides = [side or round(_PATCH * layer.scale) for side in layer.shape]
    return int(np.prod(sides, dtype=np.int64))


def _label(axes: "Axes", row: int, layer: Layer) -> None:
    text = f"{layer.text}  ({layer.name})" if layer.name in ("code", "z_log_var") else layer.text
    ink = "white" if layer.kind in _COLOURS else style.INK
    weight = "bold" if layer.name == "code" else "normal"
    axes.text(-0.62, row, text, ha="right", va="center", fontsize=11.5, fontweight=weight)
    axes.text(0, row, shape_of(layer), ha="center", va="center", fontsize=11, color=ink)
    if layer.parameters:
        axes.text(1.2, row, f"{layer.parameters:,}", ha="right", va="center", fontsize=11.5)


def shape_of(layer: Layer) -> str:
    """Output shape as text, such as ``h/2 × w/2 × 48`` where height and width are open."""
    fraction = f"/{round(1 / layer.scale)}" if layer.scale < 1 else ""
    names = iter(("h", "w"))
    return " × ".join(str(side) if side else next(names) + fraction for side in layer.shape)


def _skip_connections(axes: "Axes", layers: Sequence[Layer], widths: np.ndarray) -> None:
    """Draw an arc for each input that is not the layer above."""
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
                color=style.MUTED,
                lw=1.3,
            )
            axes.add_patch(arc)
