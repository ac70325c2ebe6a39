"""Read and write JSON, CSV and ``.npz`` records, with one-line errors that name the file."""

import contextlib
import csv
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import disk
from inkbench.errors import InkbenchError


def rerun_command(stage: str, name: str) -> str:
    """Command that reruns one stage but not its dependencies, for error messages."""
    return f"dvc repro --force --single-item {stage}@{name}"


def arrays(path: Path, rerun: str) -> dict[str, np.ndarray]:
    """Read all arrays of an ``.npz`` file, which the command ``rerun`` recreates.

    Raises
    ------
    InkbenchError
        If the file is missing, cannot be read, or holds NaN or infinite numbers.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            result = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise missing(path, rerun) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise corrupt(path, error, rerun) from None
    for name, values in result.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InkbenchError(
                f"{path}: {name} holds NaN or infinite numbers; the training diverged, retrain it"
            )
    return result


def take(loaded: dict[str, np.ndarray], path: Path, rerun: str, *names: str) -> list[np.ndarray]:
    """Select arrays from the result of `arrays`; `InkbenchError` if one is missing."""
    for name in names:
        if name not in loaded:
            raise InkbenchError(f"{path} has no array {name!r}; run `{rerun}`")
    return [loaded[name] for name in names]


def table(path: Path, rerun: str) -> dict[str, list[str]]:
    """Read the columns of a CSV file as text.

    Raises
    ------
    InkbenchError
        If the file is missing, has no rows, or has rows of unequal length.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError:
        raise missing(path, rerun) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise corrupt(path, error, rerun) from None
    if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows):
        raise corrupt(path, ValueError("no rows, or rows of unequal length"), rerun)
    return {name: [row[column] for row in rows[1:]] for column, name in enumerate(rows[0])}


def numbers(path: Path, rerun: str) -> dict[str, np.ndarray]:
    """Read the numeric columns of a CSV file as float64; an empty cell becomes NaN.

    Raises the errors of `table`.
    """
    columns = {}
    for name, cells in table(path, rerun).items():
        with contextlib.suppress(ValueError):  # a column of text
            columns[name] = np.array([cell or "nan" for cell in cells], np.float64)
    return columns


def column(columns: dict[str, Any], path: Path, rerun: str, name: str) -> Any:
    """Select a column from the result of `table` or `numbers`; `InkbenchError` if missing."""
    if name not in columns:
        raise InkbenchError(f"{path} has no (readable) column {name!r}; run `{rerun}`")
    return columns[name]


def record(path: Path, rerun: str) -> dict[str, Any]:
    """Read a JSON object; `InkbenchError` if the file is missing or holds something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise missing(path, rerun) from None
    except (OSError, ValueError) as error:
        raise corrupt(path, error, rerun) from None
    if not isinstance(content, dict):
        raise corrupt(path, ValueError("not a JSON object"), rerun)
    return content


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a table, the same bytes on every platform."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def write_json(path: Path, tree: Mapping[str, Any]) -> None:
    """Write a readable JSON object with sorted keys: equal content gives equal bytes.

    Raises
    ------
    InkbenchError
        If the disk is full or not writable (see `disk.new_file`).
    ValueError
        If a number is NaN or infinite, which JSON cannot represent.
    """
    text = json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    disk.write_text(path, text + "\n")


def missing(path: Path, rerun: str) -> InkbenchError:
    """Error for a missing file."""
    return InkbenchError(f"{path} not found; run `{rerun}`")


def corrupt(path: Path, error: Exception, rerun: str) -> InkbenchError:
    """Error for a file that cannot be read."""
    why = " ".join(str(error).split()) or type(error).__name__
    return InkbenchError(f"{path} cannot be read ({why}); delete it and run `{rerun}`")
