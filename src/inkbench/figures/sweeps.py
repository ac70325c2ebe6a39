"""Sweeps: the validation loss along each axis, and a test metric over seeds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEW = 6  # values that all have a tick


@style.styled
def slices(
    variant: str,
    axes: Mapping[str, Sequence[str]],
    losses: np.ndarray,
    pruned: np.ndarray,
    best: np.ndarray,
) -> "Figure":
    """Plot the validation loss of every training against each setting.

    Parameters
    ----------
    variant
        Name of the variant, for the title.
    axes
        Name of a setting → its values as text, one per training.
    losses
        Validation losses ``[trainings]``.
    pruned
        Which trainings were stopped early: bool ``[trainings]``.
    best
        Which are of the best settings: bool ``[trainings]``; none if the losses do not compare.
    """
    subtitle = "each dot is one training"
    if best.any():
        values = ", ".join(f"{name}={texts[int(best.argmax())]}" for name, texts in axes.items())
        subtitle += f"; lower is better; ringed: the best mean, {values}"
    width = max(7.5, 3.6 * len(axes))
    figure = style.canvas(width, 3.6, f"{variant}: validation loss", subtitle)
    panels = figure.subplots(1, len(axes), sharey=True, squeeze=False)[0]
    for panel, (name, texts) in zip(panels, axes.items(), strict=True):
        places = _places(panel, texts)
        for mask, colour, label in (
            (pruned, style.BASELINE, "fewer epochs (pruned)"),
            (~pruned, style.TRAIN, "all epochs"),
        ):
            if mask.any():
                panel.scatter(
                    places[mask], losses[mask], s=48, color=colour, label=label, alpha=0.8
                )
        panel.scatter(places[best], losses[best], s=110, facecolor="none", edgecolor=style.TEST)
        panel.set_xlabel(name)
        panel.grid()
    panels[0].set_ylabel("validation loss")
    if pruned.any():
        style.legend(figure)
    return figure


def _places(axes: "Axes", texts: Sequence[str]) -> np.ndarray:
    """Positions of a setting's values, on a logarithmic scale if they span a decade."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    try:
        numbers = np.array([float(text) for text in texts])
    except ValueError:
        numbers = np.full(len(texts), np.nan)
    if np.isfinite(numbers).all():
        if numbers.min() > 0 and numbers.max() >= 10 * numbers.min():
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axes.xaxis.set_minor_locator(NullLocator())
        known = np.unique(numbers)
        if len(known) <= _FEW:
            axes.set_xticks(known)
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        return numbers
    names = sorted(set(texts))
    axes.set_xticks(range(len(names)), names)
    axes.margins(x=0.3)
    return np.array([names.index(text) for text in texts], float)


@style.styled
def seeds(
    title: str,
    groups: Mapping[str, Sequence[float]],
    halves: Sequence[float],
    metric: str,
    higher_is_better: bool,
    percent: bool,
) -> "Figure":
    """Plot a test metric of every seed, a row per configuration, with the interval of the mean.

    ``title`` names the task and the data; ``halves`` are half the widths of the 95 % intervals, in
    the order of ``groups``.
    """
    from matplotlib.ticker import PercentFormatter

    direction = "higher" if higher_is_better else "lower"
    subtitle = f"{metric}, one dot per seed: {direction} is better; bar: mean, 95 % interval"
    figure = style.canvas(7.5, 0.9 + 0.42 * len(groups), title, subtitle)
    axes = figure.subplots()
    for row, (values, half) in enumerate(zip(groups.values(), halves, strict=True)):
        axes.errorbar(
            np.mean(values), row, xerr=half, color=style.INK, marker="|", ms=12, capsize=4
        )
        axes.scatter(
            values, np.full(len(values), row), s=42, color=style.TRAIN, alpha=0.75, zorder=3
        )
    axes.set_yticks(range(len(groups)), [*groups])
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel(metric)
    axes.grid(axis="x")
    if percent:
        axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    return figure
