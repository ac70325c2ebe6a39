"""CSV tables behind the figures, also for `dvc plots` (see ``plots:`` in ``dvc.yaml``)."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from inkbench import records
from inkbench.figures.outputs import open_variant
from inkbench.reporting.collect import Result


def write(results: Sequence[Result], folder: Path) -> dict[str, list[str]]:
    """Write ``loss/V.csv``, ``accuracy/V.csv`` (epoch, training, validation), ``confusion/V.csv``.

    Returns the files of each variant; only classifiers have a confusion table.
    """
    for kind in ("loss", "accuracy", "confusion"):
        (folder / kind).mkdir(parents=True)
    tables: dict[str, list[str]] = {}
    for result in results:
        files = tables[result.name] = []
        for kind, metric in {"loss": "loss", "accuracy": result.accuracy}.items():
            file = f"{kind}/{result.name}.csv"
            if _write_curve(result, metric, folder / file):
                files.append(file)
        if result.task == "classification":
            evaluation = open_variant(result.name).evaluation
            for column in ("actual", "predicted"):
                evaluation.texts("confusion.csv", column)  # both are required
            files.append(f"confusion/{result.name}.csv")
            shutil.copyfile(evaluation.folder / "confusion.csv", folder / files[-1])
    return tables


def _write_curve(result: Result, metric: str, path: Path) -> bool:
    """Write the curves of one metric; False if the history does not have it."""
    columns = ("epoch", metric, f"val_{metric}")
    if not set(columns) <= result.history.keys():
        return False
    rows = zip(*(result.history[column][result.final_phase] for column in columns), strict=True)
    table = ([int(epoch), *values] for epoch, *values in rows)
    records.write_csv(path, ("epoch", "training", "validation"), table)
    return True
