"""Read and write JSON, CSV and ``.npz`` records, with one-line errors that name the file."""

import csv
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import disk
from inkbench.errors import InkbenchError


def rerun_command(stage: str, name: str) -> str:
    """Command that runs one stage again and nothing before it, for error messages."""
    return f"dvc repro --force --single-item {stage}@{name}"


def arrays(path: Path, rerun: str) -> dict[str, np.ndarray]:
    """Every array of an ``.npz`` file.

    Parameters
    ----------
    path
        The file.
    again
        Command that makes it anew, for the error message.

    Raises
    ------
    InkbenchError
        If the file is missing, cannot be read, or holds NaN or infinite numbers.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise missing(path, rerun) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise corrupt(path, error, rerun) from None
    for name, values in found.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InkbenchError(
                f"{path}: {name} holds NaN or infinite numbers; the model is broken, train it again"
            )
    return found


def take(found: dict[str, np.ndarray], path: Path, rerun: str, *names: str) -> list[np.ndarray]:
    """Some arrays of `arrays` by name; `InkbenchError` if one is not there."""
    absent = [name for name in names if name not in found]
    if absent:
        raise InkbenchError(f"{path} has no array {absent[0]!r}; run `{rerun}`")
    return [found[name] for name in names]


def table(path: Path, rerun: str) -> dict[str, list[str]]:
    """Columns of a CSV file as text, by name.

    Raises
    ------
    InkbenchError
        If the file is missing, has no rows, or a row of another length.
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
    """Columns of a CSV file as float64, NaN where a cell is empty.

    Columns of text are left out. Errors as `table`.
    """
    return {
        name: np.array(values, np.float64)
        for name, column in table(path, rerun).items()
        if (values := _floats(column)) is not None
    }


def column(columns: dict[str, Any], path: Path, rerun: str, name: str) -> Any:
    """One column of `table` or `numbers`; `InkbenchError` if it is not there."""
    if name not in columns:
        raise InkbenchError(f"{path} has no (readable) column {name!r}; run `{rerun}`")
    return columns[name]


def _floats(column: list[str]) -> list[float] | None:
    try:
        return [float(cell) if cell else float("nan") for cell in column]
    except ValueError:
        return None


def record(path: Path, rerun: str) -> dict[str, Any]:
    """A JSON object; `InkbenchError` if it is missing or is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise missing(path, rerun) from None
    except (OSError, ValueError) as error:
        raise corrupt(path, error, rerun) from None
    if not isinstance(found, dict):
        raise corrupt(path, ValueError("not a JSON object"), rerun)
    return found


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
    """Error for a file that is not there."""
    return InkbenchError(f"{path} not found; run `{rerun}`")


def corrupt(path: Path, error: Exception, rerun: str) -> InkbenchError:
    """Error for a file that cannot be read."""
    why = " ".join(str(error).split()) or type(error).__name__
    return InkbenchError(f"{path} cannot be read ({why}); delete it and run `{rerun}`")
