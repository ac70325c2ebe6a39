"""Training curves of one variant, and of several variants for comparison."""

from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_PANELS = 4
_NOT_CURVES = {"epoch", "learning_rate"}


def metrics_of(history: dict[str, np.ndarray]) -> list[str]:
    """Names of the metrics of a history, the loss first, without the ``val_`` columns."""
    names = [name for name in history if not name.startswith("val_") and name not in _NOT_CURVES]
    return sorted(names, key=lambda name: name != "loss")


@style.styled
def training(
    history: dict[str, np.ndarray], loss_name: str, phases: dict[float, str] | None = None
) -> "Figure":
    """Plot loss and metrics by epoch, for training and validation data.

    Parameters
    ----------
    history
        Columns of ``history.csv`` (``epoch``, ``loss``, ``val_loss``, …), ``[epochs]`` each; NaN
        where a phase of the training does not have the metric.
    phases
        Boundary between two epochs → name of the training phase that begins there.
    """
    panels = _panels(history, loss_name)[:_MAX_PANELS]
    figure = style.canvas(max(5.2 * len(panels), 7), 4.0, "Training curves")
    for axes, (title, name, rows) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        shown = {key: values[rows] for key, values in history.items()}
        _curve(axes, shown, name)
        axes.set_title(title)
        for epoch, phase in (phases or {}).items():
            if shown["epoch"][0] < epoch < shown["epoch"][-1]:
                axes.axvline(epoch, color=style.RULE, lw=1, ls=":")
                axes.text(
                    epoch,
                    1,
                    f" {phase}",
                    transform=axes.get_xaxis_transform(),
                    va="top",
                    fontsize=10.5,
                    color=style.MUTED,
                )
    return figure


def _panels(history: dict[str, np.ndarray], loss_name: str) -> list[tuple[str, str, np.ndarray]]:
    """Title, metric and rows of each panel.

    Pretraining and training have different losses in the same column, so each set of metrics that
    are reported together gets its own loss panel.
    """
    metrics = [name for name in metrics_of(history) if name != "loss"]
    reported = np.isfinite(np.array([history[name] for name in metrics]).T)
    reported = reported.reshape(len(history["epoch"]), len(metrics))  # also without any metric
    phases = list(dict.fromkeys(map(tuple, reported.tolist())))
    panels = []
    for phase in phases:
        rows = (reported == phase).all(axis=1)
        if phase != phases[-1]:
            panels.append(("pretraining loss", "loss", rows))
            continue
        panels.append((f"loss ({loss_name})", "loss", rows))
        panels += [
            (name.replace("_", " "), name, rows)
            for name, is_reported in zip(metrics, phase, strict=True)
            if is_reported
        ]
    return panels


def _curve(axes: "Axes", history: dict[str, np.ndarray], name: str) -> None:
    epochs = history["epoch"]
    marker = "o" if len(epochs) <= 30 else None
    series = [(name, "training", style.TRAIN, "--"), (f"val_{name}", "validation", style.TEST, "-")]
    for column, label, colour, dash in series:
        values = history.get(column)
        if values is not None and np.isfinite(values).any():
            label = f"{label}, final {_number(values[-1])}"
            axes.plot(epochs, values, dash, color=colour, marker=marker, label=label)
    _epoch_axis(axes)
    axes.margins(y=0.12)
    axes.legend(loc="best")


def _number(value: float) -> str:
    """Four significant digits, without an exponent."""
    return np.format_float_positional(value, 4, fractional=False, trim="-")


def _epoch_axis(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y")


@style.styled
def overlaid(panels: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]], title: str) -> "Figure":
    """Plot the validation curves of several variants in the same panels.

    ``panels`` are metric → variant → (epochs ``[e]``, values ``[e]``).
    """
    figure = style.canvas(max(6.4 * len(panels), 8), 4.6, title)
    names = sorted({variant for curves in panels.values() for variant in curves})
    # Colour and dash both vary, so that the lines are distinct without colour.
    dashes = ["-", "--", "-.", ":"]
    looks = {
        name: {"color": colour, "linestyle": dashes[index % len(dashes)]}
        for index, (name, colour) in enumerate(
            zip(names, style.class_colours(len(names)), strict=True)
        )
    }
    for axes, (metric, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for variant, (epochs, values) in curves.items():
            axes.plot(epochs, values, label=variant, marker="o", **looks[variant])
        _epoch_axis(axes)
        axes.set_title(metric)
        axes.legend(fontsize=10.5)
    return figure
