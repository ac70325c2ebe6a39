"""What a sweep trains: variants, axes and seeds, checked before anything starts."""

import argparse
import itertools
import math
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkbench import layout, params
from inkbench.errors import InkbenchError
from inkbench.reporting import seeds
from inkbench.sweeps import editing

Config = dict[str, Any]  # axis → value

_RANGE = re.compile(r"(.+)\.\.(.+)")


@dataclass(frozen=True)
class Range:
    """A range to search, its ends included; integers if both ends are."""

    low: float
    high: float


@dataclass(frozen=True)
class Plan:
    """A command `inkbench sweep`."""

    name: str
    variants: list[str]
    axes: dict[str, list[Any] | Range]
    seeds: int  # of each variant, from its seed in params.yaml on
    search: str  # grid, random or tpe
    trials: int  # of a random or tpe search
    prune: bool


def read(options: argparse.Namespace) -> Plan:
    """Check a command line against ``params.yaml`` and the tables of an earlier command.

    Raises
    ------
    InkbenchError
        One line for the first error: the option, its value and what is allowed.
    """
    if "#" in str(Path.cwd()):
        raise InkbenchError(f"{Path.cwd()}: DVC's experiments fail where # is in the path; move it")
    known, axes = params.load(), _axes(options.set)
    for variant in options.variants:
        known.variant(variant)
    name = options.name or "-".join([*options.variants, *axes]).replace(".", "-")
    if not re.fullmatch(r"[\w-]{1,100}", name):
        raise InkbenchError(f"--name {name}: use letters, digits, - and _ only, at most 100")
    if options.seeds < 1:
        raise InkbenchError(f"--seeds {options.seeds}: expected at least 1")
    ranges = [axis for axis, values in axes.items() if isinstance(values, Range)]
    if options.search == "grid":
        if options.trials is not None or ranges:
            what = f"--set {ranges[0]}: a range" if ranges else f"--trials {options.trials}"
            raise InkbenchError(f"{what} needs --search random or --search tpe")
    elif not options.trials or options.trials < 1 or not axes:
        missing = "--trials with at least 1" if axes else "--set with values to search"
        raise InkbenchError(f"--search {options.search}: needs {missing}")
    elif options.trials > (count := math.prod(map(_count, axes.values()))):
        raise InkbenchError(f"--trials {options.trials}: there are only {count} configurations")
    if options.prune and ("epochs" in axes or not axes):
        raise InkbenchError("--prune: needs --set with other keys than epochs, which it chooses")
    if options.prune or options.search == "tpe":
        refuse_incomparable(axes, [known.variant(variant) for variant in options.variants])
    earlier = seeds.axes_of(name)
    if earlier is not None and earlier != sorted(axes):
        raise InkbenchError(
            f"--name {name}: {seeds.trials_file(name)} has the axes "
            f"{', '.join(earlier) or '(none)'}; choose another name"
        )
    plan = Plan(
        name,
        list(dict.fromkeys(options.variants)),
        axes,
        options.seeds,
        options.search,
        options.trials or 0,
        options.prune,
    )
    text = layout.PARAMS.read_text(encoding="utf-8")
    for variant in plan.variants:
        for config in _samples(axes, options.search):
            check(changed(text, variant, config))
    return plan


def _axes(settings: list[str]) -> dict[str, list[Any] | Range]:
    axes: dict[str, list[Any] | Range] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not re.fullmatch(r"\w+(\.\w+)*", key):
            raise InkbenchError(f"--set {setting}: not a key; write KEY=V1,V2")
        values = [value for value in re.split(r",(?![^\[{]*[\]}])", text) if value.strip()]
        if not equals or not values:
            raise InkbenchError(f"--set {setting}: no values; write KEY=V1,V2")
        if key == "seed" or key in axes:
            reason = "use --seeds" if key == "seed" else "the key is given twice"
            raise InkbenchError(f"--set {setting}: {reason}")
        ends = _RANGE.fullmatch(text)
        if ends:
            low, high = (_value(setting, end) for end in ends.groups())
            if not all(type(end) in (int, float) for end in (low, high)) or not low < high:
                raise InkbenchError(f"--set {setting}: not a range; write KEY=LOW..HIGH")
            axes[key] = Range(low, high)
        else:
            parsed = [_value(setting, value) for value in values]
            axes[key] = [value for i, value in enumerate(parsed) if value not in parsed[:i]]
    return axes


def _count(values: list[Any] | Range) -> float:
    if isinstance(values, list):
        return len(values)
    is_int = isinstance(values.low, int) and isinstance(values.high, int)
    return values.high - values.low + 1 if is_int else math.inf


def _value(setting: str, text: str) -> Any:
    try:
        return editing.parse(text.strip())
    except InkbenchError as error:
        raise InkbenchError(f"--set {setting}: {error}") from None


def _samples(axes: Mapping[str, list[Any] | Range], search: str) -> list[Config]:
    """All configurations of a grid, or else one for every value."""
    ends = {a: [v.low, v.high] if isinstance(v, Range) else v for a, v in axes.items()}
    if search == "grid":
        return grid(ends)
    return [{axis: value} for axis, values in ends.items() for value in values]


def grid(axes: Mapping[str, list[Any]]) -> list[Config]:
    """All combinations of the values."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def changed(text: str, variant: str, values: Mapping[str, Any]) -> str:
    """The text of ``params.yaml`` with other values for a variant."""
    return editing.replace(text, {f"train.{variant}.{key}": v for key, v in values.items()})


def check(text: str, source: object = "--set") -> params.Params:
    """Validate the text of a changed ``params.yaml``; errors name where its values come from."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, layout.PARAMS.name)
        path.write_text(text, encoding="utf-8")
        try:
            return params.load(path)
        except InkbenchError as error:
            raise InkbenchError(str(error).replace(str(path), str(source))) from None


def refuse_incomparable(
    axes: Mapping[str, Any],
    blocks: Iterable[params.Variant],
    remedy: str = "choose by hand (--set without --prune or --search tpe)",
) -> None:
    """Raise `InkbenchError` if the validation losses of these variants do not compare."""
    for block in blocks:
        if reason := seeds.incomparable(axes, block.family, block.patches is not None):
            raise InkbenchError(f"{reason}; {remedy}")
