"""Figures of the report itself: comparisons of variants, datasets, published results."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkbench import datasets
from inkbench.data_source import REAL
from inkbench.datasets.common import store
from inkbench.errors import InkbenchError
from inkbench.figures import comparison, curves, dataset, images, published, style, sweeps
from inkbench.figures.variant import loss_name
from inkbench.reporting import collect, leaderboard, seeds
from inkbench.reporting.claims import Reproduction
from inkbench.reporting.collect import Entry, Image, Result
from inkbench.reporting.leaderboard import Board
from inkbench.reporting.seeds import Trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHEET_SEED = 0


def _save(
    figure: "Figure", folder: Path, name: str, source: str, is_synthetic: bool, alt: str
) -> Image:
    path = folder / f"{name}.png"
    style.save(figure, path, style.Source(source, is_synthetic), alt)
    return collect.read_image(path)


def of_boards(boards: Sequence[Board], folder: Path) -> list[Image]:
    """Draw quality against cost, a figure per task, for boards with at least two variants."""
    drawn = []
    for task, words in leaderboard.wording()["tasks"].items():
        key = words["leads"]
        of_task = [board for board in boards if board.task == task]
        groups = {board.data: _points(board, key) for board in of_task}
        groups = {data: points for data, points in groups.items() if len(points) > 1}
        if not groups:
            continue
        figure = comparison.pareto(
            groups,
            leaderboard.label(key),
            leaderboard.about(key)["better"] == "higher",
            leaderboard.about(key)["format"].endswith("%"),
            f"{words['title']}: quality against cost",
        )
        points = [point for group in groups.values() for point in group]
        costs = "parameters"
        if any(point.seconds for point in points):
            costs += " and training time in seconds"
        names = ", ".join(point.name for point in points)
        alt = f"{leaderboard.label(key)} against {costs} of {names}."
        is_synthetic = any(board.is_synthetic for board in of_task)
        source = " · ".join(dict.fromkeys(datasets.title(b.dataset) for b in of_task))
        drawn.append(_save(figure, folder, f"pareto-{task}", source, is_synthetic, alt))
    return drawn


def _points(board: Board, key: str) -> list[comparison.Point]:
    entries = [row.entry for row in board.rows if "parameters" in row.entry.metrics]
    return [
        comparison.Point(
            entry.name, quality, entry.metrics["parameters"], entry.metrics.get("seconds")
        )
        for entry in entries
        if (quality := leaderboard.value(entry, key)) is not None
    ]


def of_sweep(name: str, blocks: Mapping[str, Mapping[str, Any]], folder: Path) -> Iterator[Image]:
    """Draw a sweep: the search of each variant, and its seeds, a figure per leaderboard."""
    trials = [trial for trial in seeds.read(name) if trial.variant in blocks]
    full = {t.configuration: t.epochs for t in trials if t.metrics}
    by_variant: dict[str, list[Trial]] = {}
    for trial in trials:
        by_variant.setdefault(trial.variant, []).append(trial)
    for variant, own in by_variant.items():
        columns = {axis: [dict(t.settings)[axis] for t in own] for axis, _ in own[0].settings}
        varied = {axis: values for axis, values in columns.items() if len(set(values)) > 1}
        if varied and any(t.metrics for t in own):
            losses = np.array([t.val_loss for t in own])
            pruned = np.array([t.epochs < full.get(t.configuration, math.inf) for t in own])
            winner = _winner(own, blocks[variant])
            best = np.array([t.configuration == winner for t in own]) & ~pruned
            figure = sweeps.slices(f"{variant}, sweep {name}", varied, losses, pruned, best)
            alt = f"Validation loss of the training runs of {variant} against {', '.join(varied)}."
            is_synthetic = any(t.data_source != REAL for t in own)
            source = f"{name} · {variant}"
            yield _save(figure, folder, f"search-{name}-{variant}", source, is_synthetic, alt)
    boards: dict[tuple[str, ...], dict] = {}
    for configuration, group in seeds.configurations(trials).items():
        if len(group) > 1:
            variant, settings = configuration
            entry = Entry(variant, seeds.applied(blocks[variant], settings), {})
            noise = [f"{axis}={text}" for axis, text in settings if axis.startswith("noise")]
            board = (entry.task, entry.dataset, *entry.conditions, *noise)
            boards.setdefault(board, {})[seeds.label(*configuration)] = group
    for (task, data, *conditions), groups in boards.items():
        key = leaderboard.wording()["tasks"][task]["leads"]
        values = {label: [*seeds.by_seed(group, key).values()] for label, group in groups.items()}
        values = {label: numbers for label, numbers in values.items() if numbers}
        if not values:
            continue
        is_higher = leaderboard.about(key)["better"] == "higher"
        place = ", ".join((datasets.title(data), *conditions))
        best_first = sorted(values, key=lambda label: np.mean(values[label]), reverse=is_higher)
        figure = sweeps.seeds(
            f"{leaderboard.wording()['tasks'][task]['title']}: {place}, sweep {name}",
            {label: values[label] for label in best_first},
            [seeds.spread(values[label]).half for label in best_first],
            leaderboard.label(key),
            is_higher,
            leaderboard.about(key)["format"].endswith("%"),
        )
        alt = f"{leaderboard.label(key)} of every seed of {', '.join(best_first)}."
        is_synthetic = any(
            t.data_source != REAL for group in groups.values() for t in group.values()
        )
        source = " · ".join([name, datasets.title(data), *conditions])
        slug = "-".join([task, data, *conditions]).replace(" ", "-")
        yield _save(figure, folder, f"seeds-{name}-{slug}", source, is_synthetic, alt)


def _winner(trials: list[Trial], block: Mapping[str, Any]) -> Any:
    """The configuration that `inkbench promote` would choose; None if the losses do not compare."""
    axes = [axis for axis, _ in trials[0].settings]
    if seeds.incomparable(axes, block["family"], block.get("patches") is not None):
        return None
    return seeds.best(seeds.configurations(trials))


def of_training(results: Sequence[Result], name: str, folder: Path) -> Iterator[Image]:
    """Draw the validation curves of a dataset's variants together, a figure per leaderboard."""
    for board in leaderboard.boards([result for result in results if result.dataset == name]):
        names = [row.entry.name for row in board.rows]
        selected = [result for result in results if result.name in names]
        panels = _curves(selected)
        if not panels:
            continue
        conditions = selected[0].conditions
        figure = curves.overlaid(panels, f"{board.data}: validation curves")
        alt = f"Curves of {', '.join(panels)} of {', '.join(result.name for result in selected)}."
        source = " · ".join([datasets.title(name), *conditions])
        slug = "-".join(["curves", name, board.task, *conditions]).replace(" ", "-")
        yield _save(figure, folder, slug, source, board.is_synthetic, alt)


def _curves(results: Sequence[Result]) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Metric → variant → (epochs, values); different losses have different panels."""
    panels: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for result in results:
        titles = {
            "val_loss": f"loss ({loss_name(result.block)})",
            f"val_{result.accuracy}": result.accuracy.replace("_", " "),
        }
        rows = result.final_phase
        for column, title in titles.items():
            values = result.history.get(column)
            if values is not None and rows.any() and np.isfinite(values[rows]).all():
                epochs = result.history["epoch"][rows]
                panels.setdefault(title, {})[result.name] = epochs - epochs[0] + 1, values[rows]
    return panels


def of_dataset(name: str, card: dict[str, Any], folder: Path) -> list[Image]:
    """Draw the sample sheet and the class histogram of a dataset."""
    title = datasets.title(name)
    is_synthetic = card.get("data_source") != REAL
    classes = card.get("classes")
    if classes:
        part = store.load_images(name, "train")
        order = np.random.default_rng(_SHEET_SEED).permutation(len(part.images))
        sheet = images.sample_sheet(part.images[order], part.labels[order], classes, title)
        alt, unit, category = "Examples of each class.", "images", "class"
    else:
        pages = store.load_pages(name, "train")
        clean = [page.clean for page in pages if page.clean is not None]  # all of them
        sheet = dataset.page_sheet([page.noisy for page in pages], clean, [p.noise for p in pages])
        alt, unit, category = "A page of each kind of noise and its clean target.", "pages", "noise"
    histogram = dataset.class_histogram(card.get("counts", {}), unit, category)
    counts_alt = f"Number of {unit} by {category} and split."
    return [
        _save(sheet, folder, f"sheet-{name}", title, is_synthetic, alt),
        _save(histogram, folder, f"counts-{name}", title, is_synthetic, counts_alt),
    ]


def of_reproduction(reproduction: Reproduction, folder: Path) -> Image | None:
    """Draw the figure of a reproduced result; None if it has none."""
    if reproduction.name not in _REPRODUCTIONS:
        return None
    draw, alt = _REPRODUCTIONS[reproduction.name]
    try:
        figure = draw(reproduction)
    except KeyError as error:
        folder, rerun = reproduction.outputs.folder, reproduction.outputs.rerun
        raise InkbenchError(f"{folder} has no {error}; run `{rerun}`") from None
    source = f"{reproduction.name} · {datasets.title(reproduction.dataset)}"
    name = f"published-{reproduction.name}"
    return _save(figure, folder, name, source, reproduction.is_synthetic, alt)


def _misread_loss(reproduction: Reproduction) -> "Figure":
    outputs = reproduction.outputs
    (inputs,) = outputs.arrays("samples.npz", "inputs")
    minimum = reproduction.metrics["bce_of_a_perfect_reconstruction"]
    by_epoch = outputs.by_epoch("samples.npz")
    return published.misread_loss(outputs.numbers("curve.csv"), minimum, inputs, by_epoch)


def _bytes_for_letters(reproduction: Reproduction) -> "Figure":
    shown, drawn, softmax, letters, letters_drawn, letters_corrected = reproduction.outputs.arrays(
        "shown.npz",
        *("tiles", "tiles_drawn", "tiles_softmax", "letters", "letters_drawn", "letters_corrected"),
    )
    epochs = reproduction.metrics["epochs"]
    bytes_title = f"Bytes of the archive, after {epochs} epoch{'s' if epochs != 1 else ''}"
    return published.bytes_for_letters(
        {
            bytes_title: {"input": shown, "output": drawn, "softmax output": softmax},
            "Letters, which were not in the training data": {
                "input": letters,
                "output": letters_drawn,
                "trained on letters": letters_corrected,
            },
        }
    )


def _few_images(reproduction: Reproduction) -> "Figure":
    outputs, metrics = reproduction.outputs, reproduction.metrics
    (probabilities,) = outputs.columns("draws.csv", "chance")
    return published.few_images(
        probabilities,
        (metrics["draws_low"], metrics["draws_high"]),
        (0.625, 0.7375, 0.7625),
        outputs.texts("letters.csv", "letter"),
        *outputs.columns("letters.csv", "as_published", "corrected"),
    )


def _clipped(reproduction: Reproduction) -> "Figure":
    outputs = reproduction.outputs
    names = ("targets", "as_published", "corrected")
    digits = outputs.arrays("samples.npz", *names)
    rows = dict(zip(("target", "as published", "with sigmoid"), digits, strict=True))
    counts, untrained, edges = outputs.arrays("samples.npz", "counts", "counts_untrained", "edges")
    return published.clipped(outputs.numbers("curve.csv"), counts, untrained, edges, rows)


def _pair(reproduction: Reproduction) -> "Figure":
    outputs = reproduction.outputs
    digits = outputs.arrays("samples.npz", "targets", "base", "sparse", "on")
    rows = dict(zip(("target", "Base", "Sparse", "regularised"), digits, strict=True))
    return published.pair(outputs.numbers("curve.csv"), rows)


# Reproduced result → function that draws it, alternative text.
_REPRODUCTIONS: dict[str, tuple[Callable[[Reproduction], "Figure"], str]] = {
    "notmnist-basic": (
        _misread_loss,
        "The printed number falls with every epoch while the binary pixel accuracy rises; beside "
        "it outputs of the untrained network, after the first epoch and after the last.",
    ),
    "notmnist-multilayer": (
        _bytes_for_letters,
        "Noise-like squares of bytes, the network's outputs for them, and the uniform squares of "
        "the softmax output; below, the same for letters.",
    ),
    "notmnist-80-images": (
        _few_images,
        "Distribution of the accuracy on 80 images with the published values marked; accuracy by "
        "letter with and without mirrored training images.",
    ),
    "mnist-logits": (
        _clipped,
        "Test loss as published and with a sigmoid, histogram of the outputs with the clipped "
        "ranges shaded, and digits reconstructed by both networks.",
    ),
    "mnist-sparse-pair": (
        _pair,
        "Identical loss curves of Base and Sparse, the curve of a regularised model, and digits "
        "reconstructed by all three.",
    ),
}
