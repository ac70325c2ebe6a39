"""Small images in rows and columns: sheets, reconstructions, progress of a training, noise."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL = 0.78  # inches an image
_GAP = 4  # pixels between images; letters fill theirs to the edge
_NOISE_NAMES = {
    "gaussian": "Gaussian noise",
    "salt_pepper": "Salt-and-pepper noise",
    "both": "Both kinds of noise at once",
}


def mosaic(images: np.ndarray, gap: int = _GAP) -> np.ndarray:
    """Lay images out in one array.

    Parameters
    ----------
    images
        ``[rows, columns, h, w]``; an image of NaN leaves its place empty.
    gap
        Pixels between two images, NaN in the result.

    Returns
    -------
    numpy.ndarray
        float32 ``[rows * (h + gap) - gap, columns * (w + gap) - gap]``.
    """
    rows, columns, height, width = images.shape
    padded = np.full((rows, columns, height + gap, width + gap), np.nan, np.float32)
    padded[:, :, :height, :width] = images
    sheet = padded.swapaxes(1, 2).reshape(rows * (height + gap), columns * (width + gap))
    return sheet[: -gap or None, : -gap or None]


def unit(images: np.ndarray) -> np.ndarray:
    """Pixels as float32 in [0, 1], whether they come as uint8 or as a network's output."""
    scale = 255 if images.dtype == np.uint8 else 1
    return np.clip(images.astype(np.float32) / scale, 0, 1)


def show_mosaic(
    axes: "Axes",
    images: np.ndarray,
    cmap: str = "gray_r",
    limits: tuple[float, float] = (0, 1),
    gap: int = _GAP,
) -> None:
    """Draw ``images`` ``[rows, columns, h, w]`` as a mosaic, ink dark unless told otherwise."""
    axes.imshow(mosaic(images, gap), cmap=cmap, vmin=limits[0], vmax=limits[1])
    style.bare(axes)


def label_rows(axes: "Axes", names: Sequence[str], height: int, fontsize: float = 12) -> None:
    """Write a name left of each row of a mosaic whose images are ``height`` pixels high."""
    for row, name in enumerate(names):
        middle = row * (height + _GAP) + height / 2
        axes.text(-5, middle, name, ha="right", va="center", fontsize=fontsize)


def label_columns(axes: "Axes", names: style.Names, width: int) -> None:
    """Write a name above each column of a mosaic whose images are ``width`` pixels wide."""
    for column, name in enumerate(names):
        middle = column * (width + _GAP) + width / 2
        axes.text(middle, -4, name, ha="center", va="bottom", fontsize=12, fontweight="bold")


def same_picture(inputs: np.ndarray, targets: np.ndarray) -> bool:
    """Whether uint8 targets are the inputs, perhaps with pixels cut at one half."""
    cut = (inputs > 127).astype(np.uint8) * 255
    return np.array_equal(inputs, targets) or np.array_equal(cut, targets)


def by_class(labels: np.ndarray, classes: int, deep: int) -> np.ndarray:
    """Indices of the first few images of each class.

    Parameters
    ----------
    labels
        ``[n]`` class of each image.
    classes
        Number of classes.
    deep
        At most so many of each.

    Returns
    -------
    numpy.ndarray
        int64 ``[deep', classes]``; -1 where a class has no more images.
    """
    table = np.full((deep, classes), -1)
    for label in range(classes):
        found = np.flatnonzero(labels == label)[:deep]
        table[: len(found), label] = found
    return table[(table >= 0).any(axis=1)]


def pick(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``images[rows]`` in [0, 1], empty (NaN) where the index is -1."""
    chosen = unit(images)[np.maximum(rows, 0)]
    chosen[rows < 0] = np.nan
    return chosen


@style.styled
def sample_sheet(
    images: np.ndarray, labels: np.ndarray, classes: style.Names, title: str, deep: int = 8
) -> "Figure":
    """A column of examples for each class.

    Parameters
    ----------
    images
        uint8 ``[n, h, w]``, 255 = ink.
    labels
        ``[n]``.
    classes
        Names, indexed by label.
    title
        Of the figure.
    deep
        Examples a class.
    """
    rows = by_class(labels, len(classes), deep)
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
    """Test images above what the network makes of them, a column a class.

    Parameters
    ----------
    inputs, targets
        uint8 ``[n, h, w]``: what the network saw and should return (often the same).
    outputs
        float ``[n, h, w]`` in [0, 1].
    labels, classes
        ``[n]`` class of each image; names by label.
    """
    rows = by_class(labels, len(classes), 3)
    layers = [("original", targets), ("network", outputs)]
    if not same_picture(inputs, targets):
        layers = [("network saw", inputs), ("network", outputs), ("original", targets)]
    error = float(np.sqrt(np.mean((unit(targets) - unit(outputs)) ** 2)))
    title = "Test images and their reconstructions"
    figure = style.canvas(
        _CELL * len(classes) + 1.5,
        _CELL * len(rows) * len(layers) + 0.25 * len(rows) + 0.3,
        title,
        f"{len(outputs)} images never trained on; root-mean-square error {error:.3f} of full ink",
    )
    panels = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for axes, row in zip(panels, rows, strict=True):
        show_mosaic(axes, np.stack([pick(images, row) for _, images in layers]))
        label_rows(axes, [name for name, _ in layers], targets.shape[1])
    label_columns(panels[0], classes, targets.shape[2])
    return figure


@style.styled
def progress(
    inputs: np.ndarray, targets: np.ndarray, outputs: dict[int, np.ndarray], paper: bool = False
) -> "Figure":
    """The same validation images after the first, a middle and the last epoch.

    Parameters
    ----------
    inputs, targets
        uint8 ``[n, h, w]``.
    outputs
        Epoch → float ``[n, h, w]`` in [0, 1].
    paper
        Whether bright pixels are paper (pages) rather than ink (letters and digits).
    """
    rows = {"network saw": inputs}
    if same_picture(inputs, targets):
        rows = {"original": targets}
    rows |= {f"epoch {epoch}": outputs[epoch] for epoch in sorted(outputs)}
    if "original" not in rows:
        rows["clean"] = targets
    count = len(targets)
    cell = 1.25 if paper else 1.1
    about = "Validation images, and what the network made of them early and late"
    figure = style.canvas(cell * count + 1.4, cell * len(rows), "What training changes", about)
    axes = figure.subplots()
    images = np.stack([unit(row) for row in rows.values()])
    show_mosaic(axes, images, "gray" if paper else "gray_r")
    label_rows(axes, list(rows), targets.shape[1], fontsize=13)
    return figure


@style.styled
def denoising(
    clean: np.ndarray, labels: np.ndarray, pairs: Mapping[str, Sequence[np.ndarray]]
) -> "Figure":
    """Noisy, restored and clean digits with the error left over, a panel a kind of noise.

    Parameters
    ----------
    clean, labels
        uint8 ``[n, h, w]`` and their classes ``[n]``: one image a class is shown.
    pairs
        Kind of noise → (noisy uint8 ``[n, h, w]``, restored float ``[n, h, w]``).
    """
    shown = np.unique(labels, return_index=True)[1]
    count = len(shown)
    names = ["noisy", "restored", "clean", "error"]
    figure = style.canvas(
        0.92 * count + 1.2,
        (0.92 * len(names) + 0.45) * len(pairs),
        "Noise in, digits out",
        "Error: restored minus clean (brown = ink missing, purple = ink too much)",
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
    """Three rows of ink and one of signed error in one mosaic (hence coloured by hand)."""
    import matplotlib

    ink = mosaic(np.stack([noisy, restored, clean]))
    error = mosaic((restored - clean)[None])
    grey = matplotlib.colormaps["gray_r"].with_extremes(bad=(1, 1, 1, 1))
    signed = matplotlib.colormaps["PuOr"].with_extremes(bad=(1, 1, 1, 1))
    gap = np.ones((_GAP, ink.shape[1], 4))
    # PuOr runs from brown to purple: negative (missing ink) is brown.
    axes.imshow(np.concatenate([grey(ink), gap, signed((error + 1) / 2)]))
    style.bare(axes)
    label_rows(axes, names, noisy.shape[1])
