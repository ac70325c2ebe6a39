"""A dataset at a glance: how many of each class, and (for pages) what its noise looks like."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import pages, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PARTS = {"train": style.TRAIN, "valid": style.BASELINE, "test": style.TEST}


@style.styled
def class_histogram(counts: dict[str, dict[str, int]], what: str) -> "Figure":
    """Bars: how many images of each class are in each part.

    Parameters
    ----------
    counts
        Part → class → number (a ``total`` is left out).
    what
        What is counted, such as ``"images"``.
    """
    parts = [part for part in _PARTS if part in counts]
    names = list(dict.fromkeys(name for part in parts for name in counts[part] if name != "total"))
    totals = ", ".join(f"{part} {sum(_values(counts[part], names)):,}" for part in parts)
    figure = style.canvas(9, 3.6, f"How many {what} of each kind", totals)
    axes = figure.subplots()
    width = 0.8 / max(len(parts), 1)
    places = np.arange(len(names))
    for index, part in enumerate(parts):
        shift = (index - (len(parts) - 1) / 2) * width
        heights = _values(counts[part], names)
        axes.bar(places + shift, heights, width * 0.94, color=_PARTS[part], label=part)
    axes.set_xticks(places, names)
    axes.tick_params(axis="x", length=0, labelsize=13)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y")
    style.legend(figure)
    return figure


def _values(counts: dict[str, int], names: Sequence[str]) -> list[int]:
    return [counts.get(name, 0) for name in names]


@style.styled
def page_sheet(
    noisy: Sequence[np.ndarray], clean: Sequence[np.ndarray], noise: Sequence[str]
) -> "Figure":
    """A page of each kind of noise above its clean twin.

    Parameters
    ----------
    noisy, clean
        Pages uint8 ``[h, w]``, 255 = paper.
    noise
        Their kinds.
    """
    first = {kind: noise.index(kind) for kind in pages.NOISE_KINDS if kind in noise}
    shape = max(noisy[index].shape for index in first.values())
    column = 3.9 if len(first) > 1 else 7
    figure = style.canvas(
        column * len(first), 2 * column * shape[0] / shape[1] + 0.4, "Dirty pages, clean pages"
    )
    panels = figure.subplots(2, len(first), squeeze=False)
    for (kind, index), (above, below) in zip(first.items(), panels.T, strict=True):
        for axes, image in ((above, noisy[index]), (below, clean[index])):
            axes.imshow(image, cmap="gray", vmin=0, vmax=255)
            pages.frame(axes, "")
        above.set_title(pages.NOISE_KINDS[kind])
    return figure
