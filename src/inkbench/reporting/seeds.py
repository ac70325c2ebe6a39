"""Tables of sweeps: each training, each configuration over its seeds, paired differences.

``sweeps/S.trials.csv`` has a row for every training; the other two tables are computed from it:
``sweeps/S.csv`` has a row for every configuration, ``sweeps/S.pairs.csv`` one for every metric of
two configurations on the same test part. All intervals are Student's t, 95 %, over seeds.
"""

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from inkbench import disk, layout, records

Settings = tuple[tuple[str, str], ...]  # (axis, value), sorted

_AXIS = "train."  # prefix of the axes' columns, as MLflow's parameters are called
_FACTS = ("epochs", "seed", "experiment", "inputs", "data_source", "val_loss")
# The same for all seeds, or bounds of one training.
_LEFT_OUT = ("_low", "_high", "n_test", "parameters", "code_size")
# Axes whose values are other problems, with other test metrics.
_PROBLEM = re.compile(r"dataset|task|split|binarise|noise|noise\..*")
# Axes that change the validation loss itself or its images, too.
_MEASURE = re.compile(rf"{_PROBLEM.pattern}|loss|patches|drawn|model\.l[12]|(patches|drawn)\..*")


@dataclass(frozen=True)
class Trial:
    """One training of a sweep."""

    variant: str
    settings: Settings
    epochs: int
    seed: int
    experiment: str  # of DVC; empty if it is the committed training
    inputs: str  # digest of the code, data and other settings that it depends on
    data_source: str
    val_loss: float  # after the last epoch
    metrics: Mapping[str, float]  # test metrics; empty if pruned

    @property
    def configuration(self) -> tuple[str, Settings]:
        """What it shares with the same training with other seeds."""
        return self.variant, self.settings


@dataclass(frozen=True)
class Spread:
    """Mean and spread of a metric over seeds."""

    n: int
    mean: float
    sd: float  # of the sample
    half: float  # half of the interval of the mean; infinite for one seed

    @property
    def has_zero(self) -> bool:
        """Whether the interval contains 0: a difference that may be one of the seeds."""
        return abs(self.mean) <= self.half


def spread(values: Iterable[float], *, of_next: bool = False) -> Spread:
    """Mean, standard deviation and t-interval; ``of_next`` is the interval for one more value."""
    from scipy.special import stdtrit

    array = np.array([*values], float)
    n = len(array)
    sd = float((array - array[0]).std(ddof=1)) if n > 1 else math.nan  # 0 if all are equal
    scale = math.sqrt(1 + 1 / n) if of_next else math.sqrt(1 / n)
    half = float(stdtrit(n - 1, 0.975)) * sd * scale if n > 1 else math.inf
    return Spread(n, float(array.mean()), sd, half)


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Spread | None:
    """Paired difference of two metrics by seed, first minus second; None without a common seed."""
    common = sorted(first.keys() & second.keys())
    return spread(first[seed] - second[seed] for seed in common) if common else None


def trials_file(name: str) -> Path:
    """Table of a sweep's trainings."""
    return layout.SWEEPS / f"{name}.trials.csv"


def names() -> list[str]:
    """All sweeps with a table, sorted."""
    return sorted(p.name.removesuffix(".trials.csv") for p in layout.SWEEPS.glob("*.trials.csv"))


def axes_of(name: str) -> list[str] | None:
    """Axes of a sweep, sorted; None if it has no table yet."""
    path = trials_file(name)
    if not path.is_file():
        return None
    return [column.removeprefix(_AXIS) for column in _table(path) if column.startswith(_AXIS)]


def _table(path: Path) -> dict[str, list[str]]:
    return records.table(path, f"git checkout {path}")


def read(name: str) -> list[Trial]:
    """All trainings of a sweep; `InkbenchError` if the table is missing or broken."""
    path = trials_file(name)
    columns = _table(path)
    for column in ("variant", *_FACTS):
        records.column(columns, path, f"git checkout {path}", column)  # is required
    try:
        rows = (
            dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)
        )
        return [_trial(row) for row in rows]
    except ValueError as error:
        raise records.corrupt(path, error, f"git checkout {path}") from None


def _trial(row: dict[str, str]) -> Trial:
    variant = row.pop("variant")
    epochs, seed, experiment, inputs, source, loss = (row.pop(fact) for fact in _FACTS)
    axes = {key: row.pop(key) for key in list(row) if key.startswith(_AXIS)}
    settings = tuple((key.removeprefix(_AXIS), value) for key, value in axes.items())
    metrics = {key: float(value) for key, value in row.items() if value}
    facts = int(epochs), int(seed), experiment, inputs, source, float(loss)
    return Trial(variant, settings, *facts, metrics)


def write(name: str, trials: Sequence[Trial]) -> None:
    """Write the three tables of a sweep, the same bytes for the same trainings."""
    ordered = sorted(trials, key=lambda t: (t.configuration, t.epochs, t.seed))
    axes = [f"{_AXIS}{axis}" for axis, _ in ordered[0].settings]
    metrics = sorted({key for trial in ordered for key in trial.metrics})
    rows = [
        [
            t.variant,
            *dict(t.settings).values(),
            *(getattr(t, fact) for fact in _FACTS),
            *(_plain(t.metrics[key]) if key in t.metrics else "" for key in metrics),
        ]
        for t in ordered
    ]
    _write(trials_file(name), ["variant", *axes, *_FACTS, *metrics], rows)

    groups = configurations(ordered)
    shown = [key for key in metrics if not key.endswith(_LEFT_OUT)]
    heads = [f"{key}_{part}" for key in shown for part in ("mean", "sd", "low", "high")]
    lines = []
    for (variant, settings), group in groups.items():
        loss = _rounded(np.mean([trial.val_loss for trial in group.values()]))
        facts = [len(group), " ".join(map(str, group)), next(iter(group.values())).data_source]
        columns = [by_seed(group, key).values() for key in shown]
        cells = [cell for values in columns for cell in _cells(values and spread(values))]
        lines.append([variant, *dict(settings).values(), *facts, loss, *cells])
    counts = ["n", "seeds", "data_source", "val_loss_mean"]
    _write(layout.SWEEPS / f"{name}.csv", ["variant", *axes, *counts, *heads], lines)

    pairs = []
    for (one, first), (other, second) in itertools.combinations(groups.items(), 2):
        is_same = _size(first) == _size(second) and problem(one[1]) == problem(other[1])
        for key in shown if is_same else ():
            paired = difference(by_seed(first, key), by_seed(second, key))
            if paired and paired.n > 1:
                pairs.append([label(*one), label(*other), key, paired.n, *_cells(paired)])
    heads = ["first", "second", "metric", "n", "mean", "sd", "low", "high"]
    _write(layout.SWEEPS / f"{name}.pairs.csv", heads, pairs)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    with disk.new_file(path) as scratch:
        records.write_csv(scratch, columns, rows)


def _size(group: Mapping[int, Trial]) -> float | None:
    """Size of the test part, which differs between datasets and splits."""
    return next(iter(group.values())).metrics.get("n_test")


def _plain(value: float) -> float:
    """A number that is written the same, whether it comes from a table or from a training."""
    return int(value) if float(value).is_integer() else float(value)


def _cells(one: Any) -> list[float | str]:
    """Cells of a `Spread`, empty where there is nothing."""
    if not one:
        return [""] * 4
    if one.n < 2:
        return [_rounded(one.mean), "", "", ""]
    return [_rounded(x) for x in (one.mean, one.sd, one.mean - one.half, one.mean + one.half)]


def _rounded(value: Any) -> float:
    return float(f"{value:.6g}")


def problem(settings: Settings) -> Settings:
    """Those settings by which test metrics are of different problems."""
    return tuple((axis, text) for axis, text in settings if _PROBLEM.fullmatch(axis))


def applied(block: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """A variant's block of ``params.yaml`` with other settings."""
    changed = dict(block)
    for axis, text in settings:
        key, _, inner = axis.partition(".")
        value = yaml.safe_load(text)
        changed[key] = (changed.get(key) or {}) | {inner: value} if inner else value
    return changed


def incomparable(axes: Iterable[str], family: str, has_pages: bool) -> str:
    """Why a variant's validation losses do not compare along the axes; empty if they do."""
    if family == "vae":
        return "family 'vae': its validation loss is at the mean code, not the negative ELBO"
    for axis in axes:
        crops = has_pages and axis == "train_limit"  # its validation crops depend on it
        if crops or _MEASURE.fullmatch(axis):
            return f"{axis}: it changes what the validation loss measures: values do not compare"
    return ""


def best(configurations: Mapping[Any, Mapping[int, Trial]]) -> Any:
    """The key with the lowest mean validation loss over the seeds that all have; None if none."""
    common = set.intersection(*(set(group) for group in configurations.values()))
    if not common:
        return None
    return min(
        configurations,
        key=lambda key: sum(configurations[key][seed].val_loss for seed in common),
    )


def configurations(trials: Iterable[Trial]) -> dict[tuple[str, Settings], dict[int, Trial]]:
    """Complete trainings by configuration and seed, in the order of the tables."""
    groups: dict[tuple[str, Settings], dict[int, Trial]] = {}
    for trial in trials:
        if trial.metrics:
            groups.setdefault(trial.configuration, {})[trial.seed] = trial
    return groups


def by_seed(group: Mapping[int, Trial], key: str) -> dict[int, float]:
    """A metric of a configuration, by seed."""
    return {seed: t.metrics[key] for seed, t in group.items() if key in t.metrics}


def label(variant: str, settings: Settings) -> str:
    """Name of a configuration: ``mnist-vae learning_rate=0.002``."""
    return " ".join([variant, *(f"{axis}={value}" for axis, value in settings)])


def of_variant(name: str, seed: int | None, metrics: Mapping[str, Any]) -> dict[int, Trial]:
    """The largest seed sweep of a variant's committed training, by seed; empty without one.

    A sweep counts only while its training with the committed seed has the committed metrics: it is
    then of the same settings, code and data.
    """
    best: dict[int, Trial] = {}
    for sweep in names():
        for (variant, _), group in configurations(read(sweep)).items():
            own = group.get(seed) if variant == name and seed is not None else None
            if own and len(group) > max(1, len(best)) and own.metrics.items() <= metrics.items():
                best = group if own.data_source == metrics["data_source"] else best
    return best
