"""Variants against one another: quality for what it costs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Contender:
    """A variant's quality and cost; None where a cost is not known."""

    name: str
    quality: float
    parameters: float
    seconds: float | None = None


_COSTS = {"parameters": "trained parameters", "seconds": "training seconds"}


@style.styled
def pareto(
    groups: dict[str, list[Contender]],
    quality: str,
    higher_is_better: bool,
    percent: bool,
    title: str,
) -> "Figure":
    """Quality against parameters and, where known, against training seconds; best ones joined.

    Parameters
    ----------
    groups
        Row of the figure → its contenders (figures of different data are not comparable, so each
        dataset has a row of its own).
    quality
        Name of the measure.
    higher_is_better
        Which way is good.
    percent
        Whether its figures are shares of one.
    title
        Of the figure.
    """
    arrow = "higher is better" if higher_is_better else "lower is better"
    everyone = [one for contenders in groups.values() for one in contenders]
    costs = [cost for cost in _COSTS if any(getattr(one, cost) is not None for one in everyone)]
    about = f"{arrow}; the line joins what nothing beats at its price"
    figure = style.canvas(6.5 * len(costs), 4.3 * len(groups), title, about)
    for row, (name, contenders) in zip(
        figure.subplots(len(groups), len(costs), squeeze=False), groups.items(), strict=True
    ):
        for axes, cost in zip(row, costs, strict=True):
            known = [one for one in contenders if getattr(one, cost) is not None]
            if not known:
                axes.set_axis_off()
                continue
            _panel(axes, known, cost, higher_is_better, percent)
            axes.set_title(name if len(groups) > 1 else "")
            axes.set_xlabel(_COSTS[cost])
        row[0].set_ylabel(quality)
    return figure


def _panel(
    axes: "Axes", contenders: list[Contender], cost: str, higher: bool, percent: bool
) -> None:
    price = np.array([getattr(one, cost) for one in contenders], float)
    quality = np.array([one.quality for one in contenders])
    best = frontier(price, quality if higher else -quality)
    axes.set_xscale("log")
    axes.plot(price[best], quality[best], drawstyle="steps-post", color=style.TRAIN, lw=1.6)
    colours = np.where(np.isin(np.arange(len(price)), best), style.TEST, style.BASELINE)
    axes.scatter(price, quality, s=70, c=colours, zorder=3)
    axes.margins(x=0.14, y=0.2)
    axes.grid()
    _plain_ticks(axes, percent)
    _names(axes, contenders, price, quality)


def frontier(price: np.ndarray, quality: np.ndarray) -> list[int]:
    """Indices, by price, of what nothing as cheap equals in quality (higher wins)."""
    chosen: list[int] = []
    for index in np.lexsort((-quality, price)):
        if not chosen or quality[index] > quality[chosen[-1]]:
            chosen.append(int(index))
    return chosen


def _names(
    axes: "Axes", contenders: list[Contender], price: np.ndarray, quality: np.ndarray
) -> None:
    """Name each point above it, moving a name up while it would lie on another."""
    from matplotlib import patheffects

    axes.autoscale_view()
    halo = [patheffects.withStroke(linewidth=4, foreground="white")]
    pixel = 72 / axes.figure.dpi  # points
    taken: list[tuple[float, float, float]] = []
    left, right = np.log(axes.get_xlim())
    for index in np.argsort(quality):
        x, y = axes.transData.transform((price[index], quality[index]))
        place = (np.log(price[index]) - left) / (right - left)
        side = "left" if place < 0.2 else "right" if place > 0.8 else "center"
        length = 5.6 / pixel * len(contenders[index].name)
        start = x - length * {"left": 0.1, "center": 0.5, "right": 0.9}[side]
        shift = 9.0 / pixel
        while any(
            abs(y + shift - other) < 14 / pixel and start < stop and start + length > begin
            for begin, stop, other in taken
        ):
            shift += 4 / pixel
        taken.append((start, start + length, y + shift))
        axes.annotate(
            contenders[index].name,
            (price[index], quality[index]),
            xytext=({"left": -6, "center": 0, "right": 6}[side], shift * pixel),
            textcoords="offset points",
            ha=side,
            va="bottom",
            fontsize=11.5,
            path_effects=halo,
        )


def _plain_ticks(axes: "Axes", percent: bool) -> None:
    """Numbers as people write them: 200 k and 1.5 M, not 2 × 10⁵."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, PercentFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=" ", places=None))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
