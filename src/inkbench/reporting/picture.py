"""The one picture of results for the README: pages, letters, digits."""

from collections.abc import Sequence
from pathlib import Path

from inkbench import layout
from inkbench.errors import InkbenchError
from inkbench.figures import overview, style, work
from inkbench.reporting import collect, leaderboard
from inkbench.reporting.collect import Entry


def write(path: Path = layout.PICTURE) -> None:
    """Draw the picture from ``evaluations/`` of the best variants.

    Parameters
    ----------
    path
        PNG file to write.

    Raises
    ------
    InkbenchError
        If there is no evaluated variant for one of the three parts.
    """
    results = collect.results()
    page = _best(results, "restoration", "documents", "pages.npz")
    letters = _best(results, "reconstruction", "notmnist", "samples.npz")
    digits = _best(results, "reconstruction", "mnist", "generated.npz")
    names = ("targets", "reconstructions", "labels", "classes")
    targets, rebuilt, labels, classes = letters.arrays("samples.npz", *names)
    (drawn,) = digits.arrays("generated.npz", "samples")
    shown = page.page_for_close_up()
    figure = overview.results(shown, targets, rebuilt, labels, classes, drawn)
    sources = (page.source, letters.source, digits.source)
    source = style.Source(
        f"{page.name} · {letters.name} · {digits.name}", any(one.is_synthetic for one in sources)
    )
    alt = (
        "A stained page before and after cleaning; letters above their reconstructions; "
        "digits drawn by a variational autoencoder."
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    style.save(figure, path, source, alt)


def _best(results: Sequence[Entry], task: str, dataset: str, file: str) -> work.Work:
    """The leading variant of a task and dataset that has an evaluation file."""
    mine = [
        entry
        for entry in results
        if (entry.task, entry.dataset) == (task, dataset)
        and (layout.evaluation(entry.name) / file).is_file()
    ]
    if not mine:
        raise InkbenchError(
            f"no variant of {dataset} with task {task} has evaluations/*/{file}; run `dvc repro`"
        )
    return work.open_work(leaderboard.boards(mine)[0].rows[0].entry.name)
