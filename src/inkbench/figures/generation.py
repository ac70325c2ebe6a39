"""Figures of a variational autoencoder: prior samples, interpolations, manifold, KL by unit."""

from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import images, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style.styled
def samples(generated: np.ndarray) -> "Figure":
    """Draw decoded samples from the prior."""
    columns = 16
    rows = len(generated) // columns
    subtitle = "Decoded from random draws of the standard normal distribution"
    figure = style.canvas(0.75 * columns, 0.75 * rows, "Samples from the prior", subtitle)
    cells = generated[: rows * columns].reshape(rows, columns, *generated.shape[1:])
    images.show_mosaic(figure.subplots(), images.unit(cells))
    return figure


@style.styled
def interpolations(frames: np.ndarray, labels: np.ndarray, classes: style.Names) -> "Figure":
    """Draw linear interpolations between the codes of two test images.

    ``frames`` are ``[rows, steps, h, w]``, ``labels`` ``[rows, 2]`` of the first and last frame.
    """
    rows, steps = frames.shape[:2]
    subtitle = "Decoded along the straight line between the codes of two test images"
    figure = style.canvas(0.85 * steps + 1, 0.85 * rows, "Latent interpolation", subtitle)
    axes = figure.subplots()
    images.show_mosaic(axes, images.unit(frames))
    names = [f"{classes[first]} → {classes[last]}" for first, last in labels]
    images.label_rows(axes, names, frames.shape[2], fontsize=13)
    return figure


@style.styled
def manifold(grid: np.ndarray, axis: np.ndarray, code_size: int) -> "Figure":
    """Draw the images decoded from a grid over a plane of the latent space.

    ``grid`` is ``[s, s, h, w]``, rows by falling second coordinate; ``axis`` has the coordinates
    ``[s]`` in standard deviations.
    """
    height, width = grid.shape[2:]
    plane = "two units" if code_size == 2 else "first two principal components"
    subtitle = f"Decoded over the {plane} of the code, in standard deviations"
    figure = style.canvas(9.2, 9, "Latent manifold", subtitle)
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
    """Draw the KL divergence of each latent unit (``[d]`` nats; bool ``[d]`` of active ones)."""
    order = np.argsort(kl_per_unit)[::-1]
    subtitle = (
        f"{int(active.sum())} of {len(active)} units active; total {kl_per_unit.sum():.1f} nats"
    )
    figure = style.canvas(8, 3.4, "KL divergence by latent unit", subtitle)
    axes = figure.subplots()
    colours = np.where(active[order], style.TRAIN, style.BASELINE)
    axes.bar(range(len(order)), kl_per_unit[order], color=colours)
    axes.set_xlabel("latent unit, sorted")
    axes.set_ylabel("KL divergence in nats")
    axes.set_xticks([])
    axes.grid(axis="y")
    return figure
