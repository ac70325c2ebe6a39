"""Tables behind the figures, for people and for `dvc plots` (see ``plots:`` in ``dvc.yaml``)."""

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

from inkbench import layout, records
from inkbench.reporting.collect import Result

LOSS, ACCURACY, CONFUSION = "loss", "accuracy", "confusion"


def write(results: Sequence[Result], folder: Path) -> dict[str, list[str]]:
    """Write ``loss/V.csv``, ``accuracy/V.csv`` (epoch, training, validation), ``confusion/V.csv``.

    Parameters
    ----------
    results
        The variants; only classifiers have a confusion table.
    folder
        Where to.

    Returns
    -------
    dict
        Variant → its files, relative to ``folder``.
    """
    for kind in (LOSS, ACCURACY, CONFUSION):
        (folder / kind).mkdir(parents=True)
    made: dict[str, list[str]] = {}
    for result in results:
        kinds = [LOSS] * _curve(result, "loss", folder / LOSS)
        kinds += [ACCURACY] * _curve(result, result.accuracy, folder / ACCURACY)
        if result.task == "classification":
            _copy(layout.evaluation(result.name) / "confusion.csv", folder / CONFUSION, result.name)
            kinds.append(CONFUSION)
        made[result.name] = [f"{kind}/{result.name}.csv" for kind in kinds]
    return made


def _curve(result: Result, name: str, folder: Path) -> bool:
    """Write one metric's curves; False if the training did not record it."""
    columns = ("epoch", name, f"val_{name}")
    if not set(columns) <= result.history.keys():
        return False
    rows = zip(*(result.history[column][result.final_phase] for column in columns), strict=True)
    with (folder / f"{result.name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["epoch", "training", "validation"])
        writer.writerows([int(epoch), *curves] for epoch, *curves in rows)
    return True


def _copy(source: Path, folder: Path, name: str) -> None:
    rerun = f"dvc repro --force --single-item evaluate@{name}"
    found = records.table(source, rerun)  # refuses a broken one
    for column in ("actual", "predicted"):
        records.column(found, source, rerun, column)
    shutil.copyfile(source, folder / f"{name}.csv")
