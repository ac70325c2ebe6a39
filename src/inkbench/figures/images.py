"""Mosaics of small images: sample sheets, reconstructions, training progress, denoising."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL = 0.78  # inches per image
_GAP = 4  # pixels between images
_NOISE_NAMES = {
    "gaussian": "Gaussian noise",
    "salt_pepper": "Salt-and-pepper noise",
    "both": "Both kinds of noise",
}


def mosaic(images: np.ndarray, gap: int = _GAP) -> np.ndarray:
    """Arrange images ``[rows, columns, h, w]`` in one float32 array, separated by NaN.

    Its shape is ``[rows * (h + gap) - gap, columns * (w + gap) - gap]``; an image of NaN is empty.
    """
    rows, columns, height, width = images.shape
    padded = np.full((rows, columns, height + gap, width + gap), np.nan, np.float32)
    padded[:, :, :height, :width] = images
    sheet = padded.swapaxes(1, 2).reshape(rows * (height + gap), columns * (width + gap))
    return sheet[: -gap or None, : -gap or None]


def unit(images: np.ndarray) -> np.ndarray:
    """Scale pixels (uint8, or float outputs of a network) to float32 in [0, 1]."""
    scale = 255 if images.dtype == np.uint8 else 1
    return np.clip(images.astype(np.float32) / scale, 0, 1)


def show_mosaic(
    axes: "Axes",
    images: np.ndarray,
    cmap: str = "gray_r",
    limits: tuple[float, float] = (0, 1),
    gap: int = _GAP,
) -> None:
    """Draw ``images`` ``[rows, columns, h, w]`` as a mosaic, by default with dark ink."""
    axes.imshow(mosaic(images, gap), cmap=cmap, vmin=limits[0], vmax=limits[1])
    style.bare(axes)


def label_rows(axes: "Axes", names: Sequence[str], height: int, fontsize: float = 12) -> None:
    """Label the rows of a mosaic whose images are ``height`` pixels high."""
    for row, name in enumerate(names):
        middle = row * (height + _GAP) + height / 2
        axes.text(-5, middle, name, ha="right", va="center", fontsize=fontsize)


def label_columns(axes: "Axes", names: style.Names, width: int) -> None:
    """Label the columns of a mosaic whose images are ``width`` pixels wide."""
    for column, name in enumerate(names):
        middle = column * (width + _GAP) + width / 2
        axes.text(middle, -4, name, ha="center", va="bottom", fontsize=12, fontweight="bold")


def _are_inputs(targets: np.ndarray, inputs: np.ndarray) -> bool:
    """Whether uint8 targets are the inputs, possibly binarised at 0.5."""
    binarised = (inputs > 127).astype(np.uint8) * 255
    return np.array_equal(inputs, targets) or np.array_equal(binarised, targets)


def by_class(labels: np.ndarray, classes: int, depth: int) -> np.ndarray:
    """Indices ``[<= depth, classes]`` of the first images of each class, padded with -1."""
    table = np.full((depth, classes), -1)
    for label in range(classes):
        indices = np.flatnonzero(labels == label)[:depth]
        table[: len(indices), label] = indices
    return table[(table >= 0).any(axis=1)]


def pick(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``images[rows]`` in [0, 1], empty (NaN) where the index is -1."""
    chosen = unit(images)[np.maximum(rows, 0)]
    chosen[rows < 0] = np.nan
    return chosen


@style.styled
def sample_sheet(
    images: np.ndarray, labels: np.ndarray, classes: style.Names, title: str
) -> "Figure":
    """Draw eight examples of each class, a column per class."""
    rows = by_class(labels, len(classes), 8)
    figure = style.canvas(_CELL * len(classes) + 0.6, _CELL * len(rows) + 0.3, title)
    axes = figure.subplots()
    show_mosaic(axes, pick(images, rows))
    label_columns(axes, classes, images.shape[2])
    return figure


@style.styled
def reconstructions(
    inputs: np.ndarray,
    targets: np.ndarray,
    outputs: np.ndarray,
    labels: np.ndarray,
    classes: style.Names,
) -> "Figure":
    """Draw test images above their reconstructions, a column per class."""
    rows = by_class(labels, len(classes), 3)
    layers = {"original": targets, "reconstruction": outputs}
    if not _are_inputs(targets, inputs):
        layers = {"noisy input": inputs, "reconstruction": outputs, "original": targets}
    rmse = np.sqrt(np.mean((unit(targets) - unit(outputs)) ** 2))
    figure = style.canvas(
        _CELL * len(classes) + 1.9,
        _CELL * len(rows) * len(layers) + 0.25 * len(rows) + 0.3,
        "Test images and their reconstructions",
        f"{len(outputs)} test images; RMSE {rmse:.3f} of pixels in [0, 1]",
    )
    panels = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for axes, row in zip(panels, rows, strict=True):
        show_mosaic(axes, np.stack([pick(images, row) for images in layers.values()]))
        label_rows(axes, list(layers), targets.shape[1])
    label_columns(panels[0], classes, targets.shape[2])
    return figure


@style.styled
def progress(
    inputs: np.ndarray, targets: np.ndarray, outputs: dict[int, np.ndarray], is_page: bool
) -> "Figure":
    """Draw the outputs (by epoch) for validation images."""
    rows = {f"epoch {epoch}": outputs[epoch] for epoch in sorted(outputs)}
    if _are_inputs(targets, inputs):
        rows = {"original": targets} | rows
    else:
        rows = {"noisy input": inputs} | rows | {"clean target": targets}
    cell = 1.25 if is_page else 1.1
    subtitle = "Validation images and the network's outputs after some of the epochs"
    figure = style.canvas(
        cell * len(targets) + 1.6, cell * len(rows), "Outputs during training", subtitle
    )
    axes = figure.subplots()
    images = np.stack([unit(row) for row in rows.values()])
    show_mosaic(axes, images, "gray" if is_page else "gray_r")
    label_rows(axes, list(rows), targets.shape[1], fontsize=13)
    return figure


@style.styled
def denoising(
    clean: np.ndarray, labels: np.ndarray, pairs: Mapping[str, Sequence[np.ndarray]]
) -> "Figure":
    """Draw noisy, restored and clean images and the error, one image of each class.

    ``pairs`` are kind of noise → (noisy, restored): a panel each.
    """
    shown = np.unique(labels, return_index=True)[1]
    names = ["noisy input", "restored", "clean target", "error"]
    figure = style.canvas(
        0.92 * len(shown) + 1.5,
        (0.92 * len(names) + 0.45) * len(pairs),
        "Denoising",
        "Error: restored minus clean (brown = ink missing, purple = ink added)",
    )
    panels = figure.subplots(len(pairs), 1, squeeze=False)[:, 0]
    target = unit(clean[shown])
    for axes, (kind, (noisy, restored)) in zip(panels, pairs.items(), strict=True):
        before, after = unit(noisy[shown]), unit(restored[shown])
        _denoising_panel(axes, before, after, target, names)
        rmse = [np.sqrt(np.mean((image - target) ** 2)) for image in (before, after)]
        heading = f"{_NOISE_NAMES.get(kind, kind)}: RMSE {rmse[0]:.3f} → {rmse[1]:.3f}"
        axes.set_title(heading, loc="left")
    return figure


def _denoising_panel(
    axes: "Axes", noisy: np.ndarray, restored: np.ndarray, clean: np.ndarray, names: list[str]
) -> None:
    """Draw three rows in grey and one in the error's colours in one mosaic."""
    import matplotlib

    ink = mosaic(np.stack([noisy, restored, clean]))
    error = mosaic((restored - clean)[None])
    grey = matplotlib.colormaps["gray_r"].with_extremes(bad=(1, 1, 1, 1))
    signed = matplotlib.colormaps["PuOr"].with_extremes(bad=(1, 1, 1, 1))
    gap = np.ones((_GAP, ink.shape[1], 4))
    axes.imshow(np.concatenate([grey(ink), gap, signed((error + 1) / 2)]))
    style.bare(axes)
    label_rows(axes, names, noisy.shape[1])
