"""What a variational autoencoder draws: samples, ways from digit to digit, its manifold."""

from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import images, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style.styled
def samples(generated: np.ndarray) -> "Figure":
    """Images decoded from codes drawn at random.

    Parameters
    ----------
    generated
        float ``[n, h, w]`` in [0, 1].
    """
    columns = 16
    rows = len(generated) // columns
    about = "Decoded from codes drawn at random from the standard normal distribution"
    figure = style.canvas(0.75 * columns, 0.75 * rows, "Digits nobody wrote", about)
    cells = generated[: rows * columns].reshape(rows, columns, *generated.shape[1:])
    images.show_mosaic(figure.subplots(), images.unit(cells))
    return figure


@style.styled
def interpolations(frames: np.ndarray, labels: np.ndarray, classes: style.Names) -> "Figure":
    """From one test image to another, along the straight line between their codes.

    Parameters
    ----------
    frames
        float ``[r, s, h, w]``.
    labels
        ``[r, 2]`` classes of the two ends.
    classes
        Names by label.
    """
    rows, steps = frames.shape[:2]
    about = "Decoded along the straight line between the codes of two test images"
    figure = style.canvas(0.85 * steps + 1, 0.85 * rows, "From one digit to another", about)
    axes = figure.subplots()
    images.show_mosaic(axes, images.unit(frames))
    names = [f"{classes[first]} → {classes[last]}" for first, last in labels]
    images.label_rows(axes, names, frames.shape[2], fontsize=13)
    return figure


@style.styled
def manifold(grid: np.ndarray, axis: np.ndarray) -> "Figure":
    """Decoded grid over a plane through the code.

    Parameters
    ----------
    grid
        float ``[s, s, h, w]``, rows from large to small second coordinate.
    axis
        ``[s]`` coordinates, in standard deviations.
    """
    height, width = grid.shape[2:]
    about = "Decoded over the two principal axes of the code, in standard deviations"
    figure = style.canvas(9.2, 9, "The manifold of digits", about)
    axes = figure.subplots()
    axes.imshow(images.mosaic(images.unit(grid), gap=0), cmap="gray_r", vmin=0, vmax=1)
    ticks = np.linspace(0, len(axis) - 1, 7).round().astype(int)
    names = [f"{axis[tick]:+.1f}".replace("-", "−") for tick in ticks]
    axes.set_xticks((ticks + 0.5) * width, names)
    axes.set_yticks((len(axis) - ticks - 0.5) * height, names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


@style.styled
def units(kl_per_unit: np.ndarray, active: np.ndarray) -> "Figure":
    """How much each unit of the code says about an image.

    Parameters
    ----------
    kl_per_unit
        ``[d]`` nats.
    active
        bool ``[d]``.
    """
    order = np.argsort(kl_per_unit)[::-1]
    about = f"{int(active.sum())} of {len(active)} active; {kl_per_unit.sum():.1f} nats in all"
    figure = style.canvas(8, 3.4, "Which units of the code are used", about)
    axes = figure.subplots()
    colours = np.where(active[order], style.TRAIN, style.BASELINE)
    axes.bar(range(len(order)), kl_per_unit[order], color=colours)
    axes.set_xlabel("unit, most informative first")
    axes.set_ylabel("nats")
    axes.set_xticks([])
    axes.grid(axis="y")
    return figure
