"""Layout shared by all figures: title, footer, colours, deterministic PNG files."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np

from inkbench import disk

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.typing import ColorType

SHEET = Path(__file__).with_name("inkbench.mplstyle")

INK = "#14213d"
MUTED = "#5c6780"
RULE = "#8d99ae"
PAPER = "#ffffff"
# Okabe and Ito's blue and vermilion, for every figure with two series.
TRAIN = "#56a0d3"
TEST = "#c1440e"
BASELINE = "#94a4a2"
WARNING = "#8a4b00"
WARNING_GROUND = "#ffe8c2"

_DPI = 160  # sharp when shown at half size
_TITLE_INCHES = 0.62  # space above the axes for title and subtitle
_FOOTER_INCHES = 0.32
_MARGIN_INCHES = 0.16

_P = ParamSpec("_P")
_R = TypeVar("_R")

Names = Sequence[str] | np.ndarray  # an array if read from an .npz file


@dataclass(frozen=True)
class Source:
    """Footer of a figure: its data source, and a badge if the data is synthetic."""

    text: str  # such as ``mnist-vae · MNIST digits``
    is_synthetic: bool


def styled(draw: Callable[_P, _R]) -> Callable[_P, _R]:
    """Apply the style sheet to a drawing function, without changing global settings."""

    @functools.wraps(draw)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        import matplotlib.style

        _register_fonts()
        with matplotlib.style.context(["default", SHEET]):
            return draw(*args, **kwargs)

    return wrapper


@functools.cache
def _register_fonts() -> None:
    """Register the style sheet's font, which comes from a package and not from the system."""
    import font_source_sans_pro
    from matplotlib import font_manager

    faces = font_source_sans_pro.font_files_ttf
    for face in ("SourceSansPro", "SourceSansProIt", "SourceSansProBold"):
        font_manager.fontManager.addfont(faces[face])


def canvas(width: float, height: float, title: str, subtitle: str = "") -> "Figure":
    """Create an empty figure with a title, a one-line subtitle and space for the footer.

    ``width`` and ``height`` are in inches, without title and footer.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    above = _TITLE_INCHES + (0.12 if subtitle else -0.1)
    full = height + above + _FOOTER_INCHES
    left = _MARGIN_INCHES / width
    area = (left, _FOOTER_INCHES / full, 1 - 2 * left, height / full)
    figure = Figure(figsize=(width, full), layout=ConstrainedLayoutEngine(rect=area))
    top = 1 - _MARGIN_INCHES / full
    figure.text(left, top, title, ha="left", va="top", fontsize=16, fontweight="bold")
    if subtitle:
        figure.text(
            left, top - 0.31 / full, subtitle, ha="left", va="top", fontsize=12, color=MUTED
        )
    return figure


@styled
def save(figure: "Figure", path: Path, source: Source, alt: str) -> None:
    """Write a figure as PNG, atomically; the same arrays and library versions give the same bytes.

    ``figure`` is from `canvas`; ``alt`` is the text for screen readers. The PNG text chunks hold
    title, source and alt text, which the report reads.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image, PngImagePlugin

    _footer(figure, source)
    figure.set_dpi(_DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # `savefig` would draw twice and write matplotlib's version into the file.
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    metadata = PngImagePlugin.PngInfo()
    title = figure.texts[0].get_text()
    for key, text in {"Title": title, "Description": alt, "Source": source.text}.items():
        metadata.add_itxt(key, text)
    # A palette makes the file three times smaller.
    with disk.new_file(path) as temporary:
        pixels.quantize(256, dither=Image.Dither.NONE).save(temporary, "PNG", pnginfo=metadata)


def _footer(figure: "Figure", source: Source) -> None:
    width, height = figure.get_size_inches()
    left, bottom = _MARGIN_INCHES / width, 0.11 / height
    figure.text(left, bottom, f"inkbench · {source.text}", fontsize=10, color=RULE, va="bottom")
    if source.is_synthetic:
        figure.text(
            1 - left - 0.05 / width,
            bottom,
            "SYNTHETIC DATA, not the real dataset",
            fontsize=10,
            fontweight="bold",
            color=WARNING,
            ha="right",
            va="bottom",
            bbox={"facecolor": WARNING_GROUND, "edgecolor": "none", "boxstyle": "round,pad=0.3"},
        )


def class_colours(count: int) -> "list[ColorType]":
    """One colour per class; the first ten are distinct for colour-blind readers too."""
    import matplotlib

    cycle = matplotlib.color_sequences["petroff10"]
    return [cycle[index % len(cycle)] for index in range(count)]


def legend(figure: "Figure") -> None:
    """Draw the legend of all axes at the top right, beside the title."""
    handles = {
        name: handle
        for axes in figure.axes
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    width, height = figure.get_size_inches()
    corner = (1 - _MARGIN_INCHES / width, 1 - 0.6 * _MARGIN_INCHES / height)
    drawn = figure.legend(
        list(handles.values()),
        list(handles),
        loc="upper right",
        bbox_to_anchor=corner,
        ncols=3,
        borderaxespad=0,
    )
    drawn.set_in_layout(False)


def bare(axes: "Axes") -> None:
    """Hide ticks and frame of axes that hold an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def halo(text: "Text") -> None:
    """Outline a text in white, so that it is readable on top of points."""
    from matplotlib import patheffects

    text.set_path_effects([patheffects.withStroke(linewidth=4, foreground="white")])
