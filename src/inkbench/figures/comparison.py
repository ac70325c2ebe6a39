"""Comparison of variants: quality against cost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Point:
    """Quality and cost of a variant; None for an unknown cost."""

    name: str
    quality: float
    parameters: float
    seconds: float | None = None


_COSTS = {"parameters": "parameters", "seconds": "training time in seconds"}


@style.styled
def pareto(
    groups: dict[str, list[Point]], metric: str, higher_is_better: bool, percent: bool, title: str
) -> "Figure":
    """Plot quality against parameters and, where known, training time, with the Pareto front.

    Parameters
    ----------
    groups
        Dataset → its variants, a row of panels each: datasets are not comparable.
    metric
        Label of the quality metric.
    percent
        Whether the metric is a fraction, to be shown in per cent.
    """
    points = [point for group in groups.values() for point in group]
    costs = [cost for cost in _COSTS if any(getattr(point, cost) is not None for point in points)]
    direction = "higher" if higher_is_better else "lower"
    subtitle = f"{metric}: {direction} is better; line: Pareto front"
    figure = style.canvas(6.5 * len(costs), 4.3 * len(groups), title, subtitle)
    for row, (name, group) in zip(
        figure.subplots(len(groups), len(costs), squeeze=False), groups.items(), strict=True
    ):
        for axes, cost in zip(row, costs, strict=True):
            known = [point for point in group if getattr(point, cost) is not None]
            if not known:
                axes.set_axis_off()
                continue
            _panel(axes, known, cost, higher_is_better, percent)
            axes.set_title(name if len(groups) > 1 else "")
            axes.set_xlabel(_COSTS[cost])
        row[0].set_ylabel(metric)
    return figure


def _panel(axes: "Axes", points: list[Point], cost: str, higher: bool, percent: bool) -> None:
    costs = np.array([getattr(point, cost) for point in points], float)
    quality = np.array([point.quality for point in points])
    front = pareto_front(costs, quality if higher else -quality)
    axes.set_xscale("log")
    axes.plot(costs[front], quality[front], drawstyle="steps-post", color=style.TRAIN, lw=1.6)
    colours = np.where(np.isin(np.arange(len(costs)), front), style.TEST, style.BASELINE)
    axes.scatter(costs, quality, s=70, c=colours, zorder=3)
    axes.margins(x=0.14, y=0.2)
    axes.grid()
    _format_ticks(axes, percent)
    _label_points(axes, [point.name for point in points], costs, quality)


def pareto_front(costs: np.ndarray, quality: np.ndarray) -> list[int]:
    """Indices, by rising cost, of the points that no cheaper point reaches in quality."""
    front: list[int] = []
    for index in np.lexsort((-quality, costs)):
        if not front or quality[index] > quality[front[-1]]:
            front.append(int(index))
    return front


def _label_points(axes: "Axes", names: list[str], x: np.ndarray, y: np.ndarray) -> None:
    """Write each name above its point; move it up while it overlaps another."""
    axes.autoscale_view()
    left, right = np.log(axes.get_xlim())
    boxes: list = []
    for index in np.argsort(y):
        place = (np.log(x[index]) - left) / (right - left)
        align, indent = (
            ("left", -6) if place < 0.2 else ("right", 6) if place > 0.8 else ("center", 0)
        )
        text = axes.annotate(
            names[index],
            (x[index], y[index]),
            xytext=(indent, 9),
            textcoords="offset points",
            ha=align,
            va="bottom",
            fontsize=11.5,
        )
        style.halo(text)
        while text.get_window_extent().count_overlaps(boxes):
            text.set_position((indent, text.get_position()[1] + 4))
        boxes.append(text.get_window_extent())


def _format_ticks(axes: "Axes", percent: bool) -> None:
    """Write costs as ``200 k`` and ``1.5 M`` instead of powers of ten."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, PercentFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=" ", places=None))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
