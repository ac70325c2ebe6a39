"""Figures of restored pages: noisy, restored and clean side by side, errors by noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import images, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOISE_KINDS = {
    "fold": "folded sheets",
    "wrinkle": "wrinkled sheets",
    "coffee": "coffee stains",
    "footprint": "footprints",
    "unknown": "unknown noise",
}
_WINDOW = (130, 250)  # height and width of a close-up in pixels
_ERROR_LIMIT = 0.5  # of the range [0, 1]; the colour scale of the error saturates here


@dataclass(frozen=True)
class Result:
    """A restored test page: uint8 ``[h, w]`` each, 255 = paper."""

    name: str
    noise: str
    role: str  # why it is shown: best, median, worst or typical
    rmse: float
    noisy: np.ndarray
    restored: np.ndarray
    clean: np.ndarray

    @property
    def atypicality(self) -> int:
        """Orders pages of one kind of noise; as a page has one role, none may be "typical"."""
        return ("typical", "median", "best", "worst").index(self.role)


@style.styled
def comparisons(results: Sequence[Result], title: str) -> "Figure":
    """Draw noisy, restored and clean page and the error map, a row per page."""
    height = sum(3.9 * page.noisy.shape[0] / page.noisy.shape[1] + 0.35 for page in results)
    subtitle = (
        "Error: restored minus clean (brown = too dark, purple = too bright, "
        f"full colour at ±{_ERROR_LIMIT:g})"
    )
    figure = style.canvas(15.6, height, title, subtitle)
    ratios = [page.noisy.shape[0] for page in results]
    panels = figure.subplots(len(results), 4, squeeze=False, height_ratios=ratios)
    for row, page in zip(panels, results, strict=True):
        noisy, restored, clean = map(images.unit, (page.noisy, page.restored, page.clean))
        before = np.sqrt(np.mean((noisy - clean) ** 2))
        show_page(row[0], page.noisy, f"noisy input · RMSE {before:.3f}")
        show_page(row[1], page.restored, f"restored · RMSE {page.rmse:.3f}")
        show_page(row[2], page.clean, "clean target")
        row[3].imshow(restored - clean, cmap="PuOr", vmin=-_ERROR_LIMIT, vmax=_ERROR_LIMIT)
        _frame(row[3], f"error · page {page.name}, {page.role}")
    return figure


def show_page(axes: "Axes", image: np.ndarray, title: str) -> None:
    """Draw a page (uint8 ``[h, w]``) in a thin frame."""
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    _frame(axes, title)


def _frame(axes: "Axes", title: str) -> None:
    axes.set_title(title, fontsize=12, pad=5)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color="#d5dbe5", linewidth=0.8)


@style.styled
def close_up(page: Result) -> "Figure":
    """Draw the noisiest region of a test page, large enough to read."""
    height, width = _WINDOW
    corner = noisiest_window(page, height, width)
    subtitle = (
        f"The noisiest region of page {page.name} ({NOISE_KINDS.get(page.noise, page.noise)})"
    )
    figure = style.canvas(15.6, 15.2 / 3 * height / width + 0.3, "Close-up", subtitle)
    panels = {"noisy input": page.noisy, "restored": page.restored, "clean target": page.clean}
    for axes, (title, image) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        show_window(axes, image, corner, _WINDOW)
        _frame(axes, title)
    return figure


def show_window(
    axes: "Axes", image: np.ndarray, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    """Draw part of a page (uint8 ``[h, w]``), smoothly enlarged, in a thin frame."""
    (top, left), (height, width) = corner, size
    window = image[top : top + height, left : left + width]
    axes.imshow(window, cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
    _frame(axes, "")


def noisiest_window(page: Result, height: int, width: int) -> tuple[int, int]:
    """Top and left of the window in which noisy and clean page differ most."""
    error = np.abs(images.unit(page.noisy) - images.unit(page.clean))
    height, width = min(height, error.shape[0]), min(width, error.shape[1])
    integral = np.pad(error, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows = integral[height:] - integral[:-height]
    sums = rows[:, width:] - rows[:, :-width]
    top, left = np.unravel_index(np.argmax(sums), sums.shape)
    return int(top), int(left)


@style.styled
def by_noise(
    noise: Sequence[str], restored: np.ndarray, noisy: np.ndarray, background: np.ndarray
) -> "Figure":
    """Plot the error of every test page by kind of noise, beside two baselines.

    ``restored``, ``noisy`` and ``background`` are RMSE ``[n]``.
    """
    kinds = [kind for kind in NOISE_KINDS if kind in set(noise)]
    subtitle = f"{len(restored)} pages, pixels in [0, 1]; bar: median"
    figure = style.canvas(9, 4.2, "RMSE by test page", subtitle)
    axes = figure.subplots()
    series = [
        ("noisy input", noisy, style.BASELINE, "s"),
        ("background division (baseline)", background, style.TRAIN, "D"),
        ("network", restored, style.TEST, "o"),
    ]
    kind_of = np.asarray(noise)
    for offset, (name, values, colour, marker) in zip((-0.25, 0, 0.25), series, strict=True):
        for place, kind in enumerate(kinds):
            errors = values[kind_of == kind]
            # Spread evenly, not at random, so that the bytes are reproducible.
            spread = np.linspace(-0.08, 0.08, len(errors)) if len(errors) > 1 else np.zeros(1)
            label = name if place == 0 else None
            x = place + offset
            axes.plot(x + spread, errors, marker, color=colour, ms=5, alpha=0.6, mew=0, label=label)
            axes.hlines(np.median(errors), x - 0.11, x + 0.11, color=style.INK, lw=2)
    axes.set_xticks(range(len(kinds)), [NOISE_KINDS[kind] for kind in kinds])
    axes.tick_params(axis="x", length=0, labelsize=12.5)
    axes.set_ylabel("RMSE")
    axes.set_ylim(0)
    axes.grid(axis="y")
    style.legend(figure)
    return figure
