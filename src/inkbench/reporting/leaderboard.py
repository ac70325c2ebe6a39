"""Tables of variants, the same ones for report and README."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from inkbench import datasets
from inkbench.reporting.collect import Entry

_WORDING = Path(__file__).with_name("wording.yaml")
NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """A figure as shown, its value for sorting, and whether it is its column's best."""

    text: str
    value: float | str | None = None
    best: bool = False
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One variant's line."""

    entry: Entry
    cells: list[Cell]


@dataclass(frozen=True)
class Board:
    """A table of the variants of one task on one dataset."""

    task: str
    dataset: str
    title: str
    columns: list[tuple[str, str]]  # label, meaning
    rows: list[Row]

    @property
    def is_synthetic(self) -> bool:
        """Whether any of its figures is of generated data."""
        return any(row.entry.is_synthetic for row in self.rows)


@cache
def wording() -> dict[str, Any]:
    """What metrics, tasks, families and datasets are called and mean."""
    words = yaml.safe_load(_WORDING.read_text(encoding="utf-8"))
    specs = [datasets.spec(name) for name in reversed(datasets.names())]  # order of the tables
    titles = {s.name: {"title": s.title, "about": s.about, "limits": s.limits} for s in specs}
    return words | {"datasets": titles}


def about(key: str) -> dict[str, str]:
    """Wording of a metric; of the one it refines if it has none (``test_rmse_coffee``)."""
    known = wording()["metrics"]
    if key in known:
        return known[key]
    parents = [name for name in known if key.startswith(f"{name}_")]
    if not parents:
        return {}
    parent = max(parents, key=len)
    part = key.removeprefix(f"{parent}_").replace("_", " ")
    return {
        **known[parent],
        "label": f"{known[parent]['label']}, {part}",
        "meaning": f"{known[parent]['meaning']}: {part} only",
    }


def show(key: str, value: Any) -> str:
    """A metric's value as people read it: ``0.9534`` under ``test_accuracy`` is ``95.34 %``."""
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    words = about(key)
    form = words.get("format", ",d" if isinstance(value, int) else ".4g")
    text = format(value, form).replace("%", " %").replace("-", "−")
    return f"{text} {words['unit']}" if "unit" in words else text


def label(key: str) -> str:
    """Short name of a metric."""
    return about(key).get("label", key)


def better(key: str) -> str | None:
    """``higher``, ``lower`` or None."""
    return about(key).get("better")


def boards(entries: Sequence[Entry]) -> list[Board]:
    """A leaderboard for each task, dataset and set of conditions, best variant first."""
    order: list[tuple[str, ...]] = [
        (t, d) for t in wording()["tasks"] for d in wording()["datasets"]
    ]
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.task, entry.dataset, *entry.conditions), []).append(entry)
    ranked = sorted(groups.items(), key=lambda item: (order.index(item[0][:2]), item[0]))
    return [_board(group, wording()["tasks"][key[0]]) for key, group in ranked]


def comparisons(entries: Sequence[Entry]) -> list[Board]:
    """Tables of what a leaderboard has no room for: a family's variants and what sets them apart.

    A family is compared on one dataset under one set of conditions, where it has two variants.
    """
    found = []
    for words in wording()["comparisons"]:
        groups: dict[tuple[str, ...], list[Entry]] = {}
        for entry in entries:
            if entry.block["family"] == words["family"]:
                shown = {"epochs": entry.block["epochs"], **entry.metrics}
                alike = groups.setdefault((entry.dataset, *entry.conditions), [])
                alike.append(replace(entry, metrics=shown))
        found += [_board(group, words) for group in groups.values() if len(group) > 1]
    return found


def _board(entries: Sequence[Entry], words: Mapping[str, Any]) -> Board:
    task, dataset = entries[0].task, entries[0].dataset
    keys = [key for key in words["columns"] if any(key in e.metrics for e in entries)]
    ranked = sorted(entries, key=lambda entry: _merit(entry, words["leads"]))
    best = {key: _best(key, entries) for key in keys}
    rows = [Row(entry, [_cell(entry, key, best[key]) for key in keys]) for entry in ranked]
    title = f"{words['title']}: {', '.join((dataset_title(dataset), *entries[0].conditions))}"
    columns = [(label(key), meaning(key)) for key in keys]
    return Board(task, dataset, title, columns, rows)


def dataset_title(name: str) -> str:
    """What a dataset is called."""
    return datasets.title(name)


def meaning(key: str) -> str:
    """What a metric is and which way is good, in one line."""
    words = about(key)
    way = f" ({words['better']} is better)" if "better" in words else ""
    return words.get("meaning", key) + way


def _merit(entry: Entry, key: str) -> tuple[bool, float, str]:
    """Sorting key: best first, those without the figure last."""
    value = entry.metrics.get(key)
    if value is None:
        return True, 0, entry.name
    return False, -value if better(key) == "higher" else value, entry.name


def _best(key: str, entries: Sequence[Entry]) -> float | None:
    values = [entry.metrics[key] for entry in entries if entry.metrics.get(key) is not None]
    if len(values) < 2 or better(key) is None:
        return None
    return max(values) if better(key) == "higher" else min(values)


def note(key: str, metrics: dict[str, Any]) -> str:
    """What belongs beside a figure: its interval, or the same measured on a baseline."""
    low, high = metrics.get(f"{key}_low"), metrics.get(f"{key}_high")
    if low is not None and high is not None:
        return f"{show(key, low)} to {show(key, high)}"
    baseline = metrics.get(about(key).get("beside", ""))
    return "" if baseline is None else f"pixels {show(key, baseline)}"


def _cell(entry: Entry, key: str, best: float | None) -> Cell:
    value = entry.metrics.get(key)
    best_of_all = value is not None and value == best
    return Cell(show(key, value), value, best_of_all, note(key, entry.metrics))
