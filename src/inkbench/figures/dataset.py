"""Figures of a dataset: images per class, and pages with each kind of noise."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import pages, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SPLITS = {"train": style.TRAIN, "valid": style.BASELINE, "test": style.TEST}


@style.styled
def class_histogram(counts: dict[str, dict[str, int]], unit: str, category: str) -> "Figure":
    """Draw the number of images of each class in each split.

    ``counts`` are split → class → number, where the key ``total`` is skipped; ``unit`` and
    ``category`` say what is counted and by what: ``"images"`` by ``"class"``.
    """
    splits = [split for split in _SPLITS if split in counts]
    classes = [name for split in splits for name in counts[split] if name != "total"]
    names = list(dict.fromkeys(classes))
    heights = {split: [counts[split].get(name, 0) for name in names] for split in splits}
    totals = ", ".join(f"{split} {sum(heights[split]):,}" for split in splits)
    figure = style.canvas(9, 3.6, f"{unit.capitalize()} by {category}", totals)
    axes = figure.subplots()
    width = 0.8 / max(len(splits), 1)
    places = np.arange(len(names))
    for index, split in enumerate(splits):
        shift = (index - (len(splits) - 1) / 2) * width
        colour = _SPLITS[split]
        axes.bar(places + shift, heights[split], width * 0.94, color=colour, label=split)
    axes.set_xticks(places, names)
    axes.tick_params(axis="x", length=0, labelsize=13)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y")
    style.legend(figure)
    return figure


@style.styled
def page_sheet(
    noisy: Sequence[np.ndarray], clean: Sequence[np.ndarray], noise: Sequence[str]
) -> "Figure":
    """Draw a noisy page (uint8 ``[h, w]``) of each kind of noise above its clean page."""
    first = {kind: noise.index(kind) for kind in pages.NOISE_KINDS if kind in noise}
    height, width = max(noisy[index].shape for index in first.values())
    column = 3.9 if len(first) > 1 else 7
    title = "Noisy pages and their clean targets"
    figure = style.canvas(column * len(first), 2 * column * height / width + 0.4, title)
    panels = figure.subplots(2, len(first), squeeze=False)
    for (kind, index), (top, bottom) in zip(first.items(), panels.T, strict=True):
        pages.show_page(top, noisy[index], pages.NOISE_KINDS[kind])
        pages.show_page(bottom, clean[index], "")
    return figure
