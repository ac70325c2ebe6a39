"""The frame every figure shares: title, footer with its source, colours, deterministic files."""

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
    from matplotlib.typing import ColorType

SHEET = Path(__file__).with_name("inkbench.mplstyle")

INK = "#14213d"
MUTED = "#5c6780"
RULE = "#8d99ae"
PAPER = "#ffffff"
# Okabe and Ito's blue and vermilion: the one pair every figure with two series uses.
TRAIN = "#56a0d3"
TEST = "#c1440e"
BASELINE = "#94a4a2"
WARNING = "#8a4b00"
WARNING_GROUND = "#ffe8c2"

_DPI = 160  # pixels an inch: crisp at half size
_TITLE_INCHES = 0.62  # room above the axes for title and subtitle
_FOOTER_INCHES = 0.32
_MARGIN_INCHES = 0.16

_P = ParamSpec("_P")
_R = TypeVar("_R")

Names = Sequence[str] | np.ndarray  # an array where they were read from a file


@dataclass(frozen=True)
class Source:
    """What a figure shows, for its footer.

    Parameters
    ----------
    text
        Such as ``"mnist-vae · MNIST test digits"``.
    is_synthetic
        Whether the data is generated; the figure then carries a badge that says so.
    """

    text: str
    is_synthetic: bool


def styled(draw: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run a drawing function under the style sheet, leaving global settings as they were."""

    @functools.wraps(draw)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        import matplotlib.style

        _register_fonts()
        with matplotlib.style.context(["default", SHEET]):
            return draw(*args, **kwargs)

    return wrapper


@functools.cache
def _register_fonts() -> None:
    """Make the style sheet's typeface known; it is a package, not a font of the system's."""
    import font_source_sans_pro
    from matplotlib import font_manager

    faces = font_source_sans_pro.font_files_ttf
    for face in ("SourceSansPro", "SourceSansProIt", "SourceSansProBold"):
        font_manager.fontManager.addfont(faces[face])


def canvas(width: float, height: float, title: str, subtitle: str = "") -> "Figure":
    """Empty figure with a title, and room kept for the footer.

    Parameters
    ----------
    width, height
        Size in inches, without title and footer.
    title
        What the figure shows, in a few words.
    subtitle
        How to read it, one line.
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
    """Write a figure as PNG: the same bytes for the same arrays and library versions.

    Title and description are kept in the file itself (PNG text chunks), so whoever shows the
    image, such as the report, need not know how it was made.

    Parameters
    ----------
    figure
        Made with `canvas`.
    path
        File to write; it appears only when complete.
    source
        For the footer.
    alt
        Description for people who cannot see the image.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image, PngImagePlugin

    _footer(figure, source)
    figure.set_dpi(_DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # Not `savefig`: it draws twice for the layout, and names the matplotlib version in the file.
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    about = PngImagePlugin.PngInfo()
    title = figure.texts[0].get_text()
    for key, text in {"Title": title, "Description": alt, "Source": source.text}.items():
        about.add_itxt(key, text)
    # A palette makes the file three times smaller; ink, paper and accents are few colours.
    with disk.new_file(path) as scratch:
        pixels.quantize(256, dither=Image.Dither.NONE).save(scratch, "PNG", pnginfo=about)


def _footer(figure: "Figure", source: Source) -> None:
    width, height = figure.get_size_inches()
    left, low = _MARGIN_INCHES / width, 0.11 / height
    figure.text(left, low, f"inkbench · {source.text}", fontsize=10, color=RULE, va="bottom")
    if source.is_synthetic:
        figure.text(
            1 - left - 0.05 / width,
            low,
            "SYNTHETIC DATA, not the real dataset",
            fontsize=10,
            fontweight="bold",
            color=WARNING,
            ha="right",
            va="bottom",
            bbox={"facecolor": WARNING_GROUND, "edgecolor": "none", "boxstyle": "round,pad=0.3"},
        )


def class_colours(count: int) -> "list[ColorType]":
    """One colour a class, told apart with any colour vision for up to ten classes."""
    import matplotlib

    cycle = matplotlib.color_sequences["petroff10"]
    return [cycle[index % len(cycle)] for index in range(count)]


def legend(figure: "Figure") -> None:
    """Legend of all named artists in the title's row, right, where it takes no room from axes."""
    handles, names = [], []
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            if name not in names:
                handles.append(handle)
                names.append(name)
    width, height = figure.get_size_inches()
    corner = (1 - _MARGIN_INCHES / width, 1 - 0.6 * _MARGIN_INCHES / height)
    drawn = figure.legend(
        handles, names, loc="upper right", bbox_to_anchor=corner, ncols=3, borderaxespad=0
    )
    drawn.set_in_layout(False)


def bare(axes: "Axes") -> None:
    """Take ticks and frame off axes that hold an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
