"""The README's overview figure: a restored page, reconstructed letters, generated digits."""

from collections.abc import Sequence
from pathlib import Path

from inkbench import layout
from inkbench.errors import InkbenchError
from inkbench.figures import outputs, overview, style
from inkbench.reporting import collect, leaderboard
from inkbench.reporting.collect import Entry


def write(path: Path = layout.PICTURE) -> None:
    """Draw the figure from ``evaluations/`` of the best variants."""
    results = collect.results()
    pages = _best(results, "restoration", "documents", "pages.npz")
    letters = _best(results, "reconstruction", "notmnist", "samples.npz")
    digits = _best(results, "reconstruction", "mnist", "generated.npz")
    names = ("targets", "reconstructions", "labels", "classes")
    figure = overview.results(
        pages.close_up_page(),
        *letters.evaluation.arrays("samples.npz", *names),
        *digits.evaluation.arrays("generated.npz", "samples"),
    )
    variants = (pages, letters, digits)
    source = style.Source(
        " · ".join(variant.name for variant in variants),
        any(variant.source.is_synthetic for variant in variants),
    )
    alt = (
        "A stained page before and after restoration; letters above their reconstructions; "
        "digits sampled from the prior of a variational autoencoder."
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    style.save(figure, path, source, alt)


def _best(entries: Sequence[Entry], task: str, dataset: str, file: str) -> outputs.VariantOutputs:
    """The best variant of a task and dataset that has an evaluation file."""
    candidates = [
        entry
        for entry in entries
        if (entry.task, entry.dataset) == (task, dataset)
        and (layout.evaluation(entry.name) / file).is_file()
    ]
    if not candidates:
        raise InkbenchError(
            f"no variant of {dataset} with task {task} has evaluations/*/{file}; run `dvc repro`"
        )
    return outputs.open_variant(leaderboard.boards(candidates)[0].rows[0].entry.name)
