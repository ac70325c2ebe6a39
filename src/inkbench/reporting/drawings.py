"""The report's own figures: variants against one another, datasets at a glance."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkbench.data_source import REAL
from inkbench.datasets.common import store
from inkbench.figures import comparison, curves, dataset, images, style
from inkbench.figures.variant import LOSS_NAMES
from inkbench.reporting import collect, leaderboard
from inkbench.reporting.collect import Image, Result
from inkbench.reporting.leaderboard import Board

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHEET_SEED = 0


def _save(
    figure: "Figure", folder: Path, name: str, about: str, is_synthetic: bool, alt: str
) -> Image:
    path = folder / f"{name}.png"
    style.save(figure, path, style.Source(about, is_synthetic), alt)
    return collect.read_image(path)


def of_boards(boards: Sequence[Board], folder: Path) -> list[Image]:
    """Quality against cost, a figure a task, for leaderboards with at least two variants."""
    made = []
    for task, words in leaderboard.wording()["tasks"].items():
        key = words["leads"]
        mine = [board for board in boards if board.task == task]
        rivals = {board.title.partition(": ")[2]: _contenders(board, key) for board in mine}
        rivals = {title: group for title, group in rivals.items() if len(group) > 1}
        if not rivals:
            continue
        title = f"{words['title']}: quality for its price"
        up = leaderboard.better(key) == "higher"
        percent = leaderboard.about(key).get("format", "").endswith("%")
        figure = comparison.pareto(rivals, leaderboard.label(key), up, percent, title)
        names = ", ".join(rival.name for group in rivals.values() for rival in group)
        timed = any(rival.seconds for group in rivals.values() for rival in group)
        costs = "parameters and training seconds" if timed else "parameters"
        alt = f"{leaderboard.label(key)} against {costs} of {names}."
        is_synthetic = any(board.is_synthetic for board in mine)
        source = " · ".join(dict.fromkeys(leaderboard.dataset_title(b.dataset) for b in mine))
        made.append(_save(figure, folder, f"pareto-{task}", source, is_synthetic, alt))
    return made


def _contenders(board: Board, key: str) -> list[comparison.Contender]:
    found = [(row.entry.name, row.entry.metrics) for row in board.rows]
    return [
        comparison.Contender(name, metrics[key], metrics["parameters"], metrics.get("seconds"))
        for name, metrics in found
        if {key, "parameters"} <= metrics.keys() and metrics[key] is not None
    ]


def of_training(results: Sequence[Result], name: str, folder: Path) -> Iterator[Image]:
    """Validation curves of a dataset's variants over one another, a figure a task."""
    for task in leaderboard.wording()["tasks"]:
        mine = [r for r in results if (r.task, r.dataset) == (task, name)]
        panels = _curves(mine)
        if not panels:
            continue
        title = f"{leaderboard.dataset_title(name)}: {len(mine)} trainings compared"
        figure = curves.overlaid(panels, title)
        alt = f"Curves of {', '.join(panels)} of {', '.join(result.name for result in mine)}."
        is_synthetic = any(result.is_synthetic for result in mine)
        source = leaderboard.dataset_title(name)
        yield _save(figure, folder, f"curves-{name}-{task}", source, is_synthetic, alt)


def _curves(results: Sequence[Result]) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Metric → variant → (epochs, values); losses of different kinds do not share a panel."""
    panels: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for result in results:
        loss = result.block.get("loss", "")
        wanted = {
            "val_loss": f"loss ({LOSS_NAMES.get(loss, loss)})",
            f"val_{result.accuracy}": result.accuracy.replace("_", " "),
        }
        rows = result.final_phase
        for column, title in wanted.items():
            values = result.history.get(column)
            if values is not None and rows.any() and np.isfinite(values[rows]).all():
                epochs = result.history["epoch"][rows]
                panels.setdefault(title, {})[result.name] = epochs - epochs[0] + 1, values[rows]
    return panels


def of_dataset(name: str, card: dict[str, Any], folder: Path) -> list[Image]:
    """Sample sheet and class histogram of a dataset."""
    title = leaderboard.dataset_title(name)
    is_synthetic = card.get("data_source") != REAL
    pages = not card.get("classes")
    what = "pages" if pages else "images"
    drawn = _page_sheet(name) if pages else _sample_sheet(name, card["classes"], title)
    alt = "A page of each kind of noise above its clean twin." if pages else "Examples by class."
    sheet = _save(drawn, folder, f"sheet-{name}", title, is_synthetic, alt)
    histogram = dataset.class_histogram(card.get("counts", {}), what)
    alt = f"Number of {what} by class and part of the split."
    return [sheet, _save(histogram, folder, f"counts-{name}", title, is_synthetic, alt)]


def _sample_sheet(name: str, classes: Sequence[str], title: str) -> "Figure":
    part = store.load_images(name, "train")
    order = np.random.default_rng(_SHEET_SEED).permutation(len(part.images))
    return images.sample_sheet(part.images[order], part.labels[order], classes, title)


def _page_sheet(name: str) -> "Figure":
    pages = store.load_pages(name, "train")
    noisy = [page.noisy for page in pages]
    clean = [page.clean for page in pages if page.clean is not None]  # all of them
    return dataset.page_sheet(noisy, clean, [page.noise for page in pages])
