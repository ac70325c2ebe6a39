"""Cleaned pages beside what they were and should be."""

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
    "unknown": "noise of no known kind",
}
_WINDOW = (130, 250)  # pixels: height and width of a close-up
_ERROR_LIMIT = 0.5  # of the paper-ink range; larger errors are drawn like this one


@dataclass(frozen=True)
class Result:
    """A test page and what became of it: uint8 ``[h, w]`` each, 255 = paper."""

    name: str
    noise: str
    role: str
    rmse: float
    noisy: np.ndarray
    restored: np.ndarray
    clean: np.ndarray


@style.styled
def quartets(results: Sequence[Result], title: str) -> "Figure":
    """Noisy, restored, clean, and the error that is left: a row a page.

    Parameters
    ----------
    results
        One or more pages.
    title
        Of the figure.
    """
    height = sum(3.9 * page.noisy.shape[0] / page.noisy.shape[1] + 0.35 for page in results)
    figure = style.canvas(
        15.6,
        height,
        title,
        "Error: restored minus clean (brown = too dark, purple = too bright, "
        f"full colour at ±{_ERROR_LIMIT:g})",
    )
    ratios = [page.noisy.shape[0] for page in results]
    panels = figure.subplots(len(results), 4, squeeze=False, height_ratios=ratios)
    for row, page in zip(panels, results, strict=True):
        _quartet(row, page)
    return figure


def _quartet(row: Sequence["Axes"], page: Result) -> None:
    untouched = np.sqrt(np.mean((images.unit(page.noisy) - images.unit(page.clean)) ** 2))
    shown = {
        f"noisy · RMSE {untouched:.3f}": page.noisy,
        f"restored · RMSE {page.rmse:.3f}": page.restored,
        "clean": page.clean,
    }
    for axes, (name, image) in zip(row, shown.items(), strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        frame(axes, name)
    error = images.unit(page.restored) - images.unit(page.clean)
    row[3].imshow(error, cmap="PuOr", vmin=-_ERROR_LIMIT, vmax=_ERROR_LIMIT)
    frame(row[3], f"error · page {page.name}, {page.role}")


def frame(axes: "Axes", name: str) -> None:
    """Title, and a thin frame: paper on paper has no edge."""
    axes.set_title(name, fontsize=12, pad=5)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color="#d5dbe5", linewidth=0.8)


@style.styled
def close_up(page: Result) -> "Figure":
    """Where a test page was dirtiest, at the size at which one can read it."""
    height, width = _WINDOW
    corner = dirtiest(page, height, width)
    about = f"The dirtiest corner of page {page.name} ({NOISE_KINDS.get(page.noise, page.noise)})"
    figure = style.canvas(15.6, 15.2 / 3 * height / width + 0.3, "A closer look", about)
    shown = {"noisy": page.noisy, "restored": page.restored, "clean": page.clean}
    for axes, (name, image) in zip(figure.subplots(1, 3), shown.items(), strict=True):
        show_window(axes, image, corner, _WINDOW)
        frame(axes, name)
    return figure


def show_window(
    axes: "Axes", image: np.ndarray, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    """Draw part of a page (uint8 ``[h, w]``), enlarged smoothly, in a thin frame."""
    (top, left), (height, width) = corner, size
    window = image[top : top + height, left : left + width]
    axes.imshow(window, cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
    frame(axes, "")


def dirtiest(page: Result, height: int, width: int) -> tuple[int, int]:
    """Top and left of the window of a page in which noisy and clean differ most."""
    wrong = np.abs(images.unit(page.noisy) - images.unit(page.clean))
    table = np.pad(wrong, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    height, width = min(height, wrong.shape[0]), min(width, wrong.shape[1])
    sums = (
        table[height:, width:]
        - table[:-height, width:]
        - table[height:, :-width]
        + table[:-height, :-width]
    )
    top, left = np.unravel_index(np.argmax(sums), sums.shape)
    return int(top), int(left)


@style.styled
def by_noise(
    noise: Sequence[str], restored: np.ndarray, untouched: np.ndarray, background: np.ndarray
) -> "Figure":
    """Error of every test page, by kind of noise, against two baselines.

    Parameters
    ----------
    noise
        Kind of each page ``[n]``.
    restored, untouched, background
        RMSE ``[n]`` of the network, of the page as it came, and of background removal alone.
    """
    kinds = [kind for kind in NOISE_KINDS if kind in set(noise)]
    about = f"{len(restored)} pages; RMSE of pixels in [0, 1]; a bar is a median"
    figure = style.canvas(9, 4.2, "Error of every test page", about)
    axes = figure.subplots()
    series = [
        ("untouched", untouched, style.BASELINE, "s"),
        ("background removed", background, style.TRAIN, "D"),
        ("network", restored, style.TEST, "o"),
    ]
    kind_of = np.asarray(noise)
    for offset, (name, values, colour, marker) in zip((-0.25, 0, 0.25), series, strict=True):
        for place, kind in enumerate(kinds):
            mine = values[kind_of == kind]
            # Spread evenly, not at random: the same bytes every time.
            spread = np.linspace(-0.08, 0.08, len(mine)) if len(mine) > 1 else np.zeros(len(mine))
            label = name if place == 0 else None
            x = place + offset
            axes.plot(x + spread, mine, marker, color=colour, ms=5, alpha=0.6, mew=0, label=label)
            axes.hlines(np.median(mine), x - 0.11, x + 0.11, color=style.INK, lw=2)
    axes.set_xticks(range(len(kinds)), [NOISE_KINDS[kind] for kind in kinds])
    axes.tick_params(axis="x", length=0, labelsize=12.5)
    axes.set_ylabel("RMSE")
    axes.set_ylim(0)
    axes.grid(axis="y")
    style.legend(figure)
    return figure
