"""Leaderboards, for the report and the README."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from inkbench import datasets, layout
from inkbench.reporting import seeds
from inkbench.reporting.collect import Entry
from inkbench.reporting.seeds import Spread

_WORDING = Path(__file__).with_name("wording.yaml")
NOTHING = "–"
TIE = "≈"
LEGEND = (
    f"±: half of the 95 % confidence interval of the mean over seeds (`{layout.SWEEPS}/`).",
    f"Bold: significantly better than every other variant. {TIE}: tied for best; the 95 % interval "
    "of the paired difference from the best (at the best: from any other variant) includes 0.",
)


@dataclass(frozen=True)
class Cell:
    """A metric as text, its value for sorting, whether it is the best of its column."""

    text: str
    value: float | str | None = None
    best: bool = False
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Row:
    """A variant and its metrics."""

    entry: Entry
    cells: list[Cell]


@dataclass(frozen=True)
class Board:
    """A table of comparable variants of one task."""

    task: str
    dataset: str
    heading: str
    data: str  # dataset and conditions
    columns: list[tuple[str, str]]  # label, meaning
    lead: int  # the column that ranks the rows
    rows: list[Row]

    @property
    def title(self) -> str:
        """Heading and data."""
        return f"{self.heading}: {self.data}"

    @property
    def measured(self) -> str:
        """What the leading metric is measured on, if not on the dataset."""
        return str(wording()["tasks"][self.task].get("measured", ""))

    @property
    def is_synthetic(self) -> bool:
        """Whether any of its metrics was measured on synthetic data."""
        return any(row.entry.is_synthetic for row in self.rows)


@cache
def wording() -> dict[str, Any]:
    """Labels and descriptions of metrics, tasks, families and datasets."""
    words = yaml.safe_load(_WORDING.read_text(encoding="utf-8"))
    specs = [datasets.spec(name) for name in reversed(datasets.names())]  # order of the tables
    titles = {s.name: {"title": s.title, "about": s.about, "limits": s.limits} for s in specs}
    return words | {"datasets": titles}


def about(key: str) -> dict[str, str]:
    """Wording of a metric; ``test_rmse_coffee`` falls back to that of ``test_rmse``."""
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
    """Format the value of a metric: ``0.9534`` of ``test_accuracy`` is ``95.34 %``."""
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    words = about(key)
    spec = words.get("format", ",d" if isinstance(value, int) else ".4g")
    text = format(value, spec).replace("%", " %").replace("-", "−")
    return f"{text} {words['unit']}" if "unit" in words else text


def spread(entry: Entry, key: str) -> Spread | None:
    """A metric over the seeds of a variant; None if it does not vary or there is no sweep."""
    values = seeds.by_seed(entry.seeds, key).values()
    return seeds.spread(values) if len(set(values)) > 1 else None


def text(entry: Entry, key: str) -> str:
    """A metric of a variant: ``95.34 %``, or ``95.31 ± 0.12 %`` over seeds."""
    over = spread(entry, key)
    if over is None:
        return show(key, entry.metrics.get(key))
    mean, half = show(key, over.mean), show(key, over.half).split(" ")[0]
    if not re.search("[1-9]", half):  # too small for the metric's format
        scale = 100 if about(key).get("format", "").endswith("%") else 1
        half = np.format_float_positional(over.half * scale, 1, fractional=False, trim="-")
    return re.sub(r"(?<=\d)(?![\d.,])", f" ± {half}", mean, count=1)


def label(key: str) -> str:
    """Label of a metric."""
    return about(key).get("label", key)


def boards(entries: Sequence[Entry]) -> list[Board]:
    """A leaderboard per task, dataset and conditions, best variant first."""
    tasks, known = list(wording()["tasks"]), list(wording()["datasets"])
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.task, entry.dataset, *entry.conditions), []).append(entry)

    def order(key: tuple[str, ...]) -> tuple:
        place = known.index(key[1]) if key[1] in known else len(known)
        return tasks.index(key[0]), place, key

    return [_board(groups[key], wording()["tasks"][key[0]]) for key in sorted(groups, key=order)]


def comparisons(entries: Sequence[Entry]) -> list[Board]:
    """Tables of a family's variants with the metrics in which they differ.

    There is one for each dataset and conditions with at least two variants of the family.
    """
    tables = []
    for words in wording()["comparisons"]:
        groups: dict[tuple[str, ...], list[Entry]] = {}
        for entry in entries:
            if entry.block["family"] == words["family"]:
                metrics = {"epochs": entry.block["epochs"], **entry.metrics}
                group = groups.setdefault((entry.dataset, *entry.conditions), [])
                group.append(replace(entry, metrics=metrics))
        tables += [_board(group, words) for group in groups.values() if len(group) > 1]
    return tables


def _board(entries: Sequence[Entry], words: Mapping[str, Any]) -> Board:
    task, dataset = entries[0].task, entries[0].dataset
    keys = [key for key in words["columns"] if any(key in e.metrics for e in entries)]
    lead = words["leads"]
    # Best first, variants without the metric last.
    ranked = sorted(entries, key=lambda entry: (-_quality(entry, lead), entry.name))
    rows = [Row(entry, [_cell(entry, key, entries) for key in keys]) for entry in ranked]
    data = ", ".join((datasets.title(dataset), *entries[0].conditions))
    columns = [(label(key), meaning(key)) for key in keys]
    place = keys.index(lead) if lead in keys else 0
    return Board(task, dataset, words["title"], data, columns, place, rows)


def _quality(entry: Entry, key: str) -> float:
    """Value of a metric, negated if lower is better; -inf without one."""
    found = value(entry, key)
    if found is None or "better" not in about(key):
        return -math.inf
    return found if about(key)["better"] == "higher" else -found


def value(entry: Entry, key: str) -> Any:
    """A metric as the tables show it: the mean over seeds, if there are any; None without one."""
    over = spread(entry, key)
    return over.mean if over else entry.metrics.get(key)


def _cell(entry: Entry, key: str, entries: Sequence[Entry]) -> Cell:
    rivals = [other for other in entries if _quality(other, key) > -math.inf]
    best = max(rivals, key=lambda other: _quality(other, key), default=entry)
    is_best = entry in rivals and _quality(entry, key) == _quality(best, key)
    others = [other for other in rivals if other is not (entry if is_best else best)]
    if is_best:
        ties = any(_within_seeds(entry, other, key) for other in others)
    else:
        ties = entry in rivals and _within_seeds(best, entry, key)
    shown = text(entry, key) + f" {TIE}" * ties
    is_won = is_best and bool(others) and not ties
    return Cell(shown, value(entry, key), is_won, notes(entry, key))


def _within_seeds(one: Entry, other: Entry, key: str) -> bool:
    """Whether other seeds may reverse that one is better; False if nothing is known about it."""
    first, second = (seeds.by_seed(entry.seeds, key) for entry in (one, other))
    if first and second:
        paired = seeds.difference(first, second)
        sign = 1 if about(key).get("better") == "higher" else -1
        return paired is None or paired.has_zero or sign * paired.mean < 0
    if not first and not second:
        return False
    known, value = (first, other.metrics[key]) if first else (second, one.metrics[key])
    return seeds.spread((x - value for x in known.values()), of_next=True).has_zero


def notes(entry: Entry, key: str) -> list[str]:
    """Lines below a metric."""
    lines = [note(key, entry.metrics)]
    if spread(entry, key) is not None:
        of_seed = f"seed {entry.block['seed']}: {show(key, entry.metrics.get(key))}"
        lines = [of_seed, *lines] if "beside" in about(key) else [of_seed]
    return [line for line in lines if line]


def meaning(key: str) -> str:
    """Meaning of a metric and its direction, in one line."""
    words = about(key)
    direction = f" ({words['better']} is better)" if "better" in words else ""
    return words.get("meaning", key) + direction


def note(key: str, metrics: dict[str, Any]) -> str:
    """Text below a metric: its confidence interval, or its value on raw pixels."""
    low, high = metrics.get(f"{key}_low"), metrics.get(f"{key}_high")
    if low is not None and high is not None:
        return f"95 % over test images: {show(key, low)} to {show(key, high)}"
    baseline = metrics.get(about(key).get("beside", ""))
    return "" if baseline is None else f"raw pixels {show(key, baseline)}"
