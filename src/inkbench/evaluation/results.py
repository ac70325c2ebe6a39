"""The results of an evaluation, and how they are written: completely or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inkbench import disk, layout, records

Metric = str | int | float


@dataclass(frozen=True)
class Table:
    """Contents of a ``.csv`` file."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass
class Results:
    """Metrics of one variant, and the ``.npz`` and ``.csv`` files of its evaluation folder."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    arrays: dict[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)

    def __ior__(self, other: "Results") -> "Results":
        self.metrics |= other.metrics
        self.arrays |= other.arrays
        self.tables |= other.tables
        return self

    @property
    def numbers(self) -> dict[str, int | float]:
        """The numeric metrics, rounded as on disk."""
        return {
            key: value for key, value in rounded(self.metrics).items() if not isinstance(value, str)
        }

    def write(self, name: str) -> None:
        """Write ``metrics/<name>.json`` and ``evaluations/<name>/``.

        A failure, such as a full disk (`InkbenchError`), leaves earlier files untouched.
        """
        path = layout.metrics(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with disk.new_file(path) as metrics, disk.new_version(layout.evaluation(name)) as folder:
            records.write_json(metrics, rounded(self.metrics))
            for file, arrays in self.arrays.items():
                np.savez(folder / file, **arrays)  # type: ignore[arg-type]
            for file, table in self.tables.items():
                rows = (map(_six_digits, row) for row in table.rows)
                records.write_csv(folder / file, table.columns, rows)


def rounded(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """Round to six significant digits: further digits depend on the order of the arithmetic."""
    return {key: _six_digits(value) for key, value in metrics.items()}


def _six_digits(value: Any) -> Metric:
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, np.integer):
        return int(value)
    return float(f"{value:.6g}")
