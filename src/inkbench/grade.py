"""Score of a submission as MLE-bench's grader gives it: `inkbench grade`.

Chan et al., *MLE-bench* (2024), competition ``denoising-dirty-documents``: both tables sorted by
id, then the root mean squared error over all rows together. Two tables of many million rows are
read in pieces, in which pixels are three small numbers, not strings.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from inkbench.errors import InkbenchError

if TYPE_CHECKING:
    import pandas as pd

MEDALS = (("gold", 0.01794), ("silver", 0.02609), ("bronze", 0.04517))
HEADER = "id,value"
_LINE = re.compile(rb"\d{1,7}_\d{1,7}_\d{1,7},[^,_\s]+")
_PIECE = 1 << 24  # bytes read at a time
_BITS = 21  # of each of the three numbers of an id: 63 in all
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


@dataclass(frozen=True)
class Pixels:
    """A table: int64 keys, one for each id, and float64 values, both ``[n]`` in file order."""

    keys: np.ndarray
    values: np.ndarray


def grade(submission: Path, answers: Path) -> float:
    """Root mean squared error of a submission.

    Parameters
    ----------
    submission, answers
        CSV files with the header ``id,value``, plain, gzipped, or one in a zip file.

    Raises
    ------
    InkbenchError
        If one of them is malformed, or they are not about the same pixels.
    """
    given, true = (_by_key(read(path), path) for path in (submission, answers))
    if len(given.keys) != len(true.keys):
        raise InkbenchError(
            f"{submission}: {len(given.keys):,} rows, but {answers} has {len(true.keys):,}"
        )
    differ = np.flatnonzero(given.keys != true.keys)
    if len(differ):
        at = differ[0]
        one, other = _name(given.keys[at]), _name(true.keys[at])
        raise InkbenchError(
            f"{submission}: ids differ from those of {answers}: {one} here where it has {other}"
        )
    return float(np.sqrt(np.mean(np.square(given.values - true.values))))


def medal(score: float) -> str:
    """What the score would have won in the competition's ranking, as MLE-bench counts it."""
    for name, below in MEDALS:
        if score < below:
            return f"{name}, below {below}"
    return f"no medal; bronze is below {MEDALS[-1][1]}"


def read(path: Path) -> Pixels:
    """Read a table; `InkbenchError` names the first line that is wrong."""
    keys, values = [], []
    line = 2
    try:
        with _opened(path) as file:
            header = file.readline(100).decode("utf-8-sig", "replace").strip()
            if header != HEADER:
                raise InkbenchError(f"{path}: header is {header[:40]!r}; it must be {HEADER!r}")
            for piece in _pieces(file):
                table = _parsed(piece, path, line)
                page, row, column, value = (table[i].to_numpy() for i in range(4))
                keys.append(page << 2 * _BITS | row << _BITS | column)
                values.append(value)
                line += len(table)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InkbenchError(f"{path}: cannot be read ({error})") from None
    if not keys:
        raise InkbenchError(f"{path}: no rows below the header")
    return Pixels(np.concatenate(keys), np.concatenate(values))


def _opened(path: Path) -> IO[bytes] | io.BufferedIOBase:
    import gzip

    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_GZIP):
        return gzip.open(path)
    if start != _ZIP:
        return path.open("rb")
    try:
        archive = zipfile.ZipFile(path)
        names = [name for name in archive.namelist() if name.endswith(".csv")]
        if len(names) != 1:
            raise InkbenchError(f"{path}: {len(names)} CSV files in it; there must be one")
        return archive.open(names[0])
    except (zipfile.BadZipFile, RuntimeError) as error:  # RuntimeError: a password
        raise InkbenchError(f"{path}: not a readable zip file ({error})") from None


def _pieces(file: IO[bytes] | io.BufferedIOBase) -> Iterator[bytes]:
    """Whole lines, many at a time."""
    rest = b""
    while block := file.read(_PIECE):
        block = rest + block
        end = block.rfind(b"\n") + 1
        rest = block[end:]
        if end:
            yield block[:end]
        elif len(rest) > _PIECE:
            raise ValueError("a line without an end")
    if rest.strip():
        yield rest + b"\n"


def _parsed(piece: bytes, path: Path, line: int) -> "pd.DataFrame":
    import pandas as pd

    # Ids become three columns, which the parser turns into integers at once.
    lines, commas, marks = (piece.count(mark) for mark in (b"\n", b",", b"_"))
    types = {0: np.int64, 1: np.int64, 2: np.int64, 3: np.float64}
    try:
        if (commas, marks) != (lines, 2 * lines):
            raise ValueError
        text = io.BytesIO(piece.replace(b"_", b","))
        table = pd.read_csv(text, header=None, dtype=types, skip_blank_lines=False)
        sound = np.isfinite(table[3]).all() and (table[[0, 1, 2]].to_numpy() >> _BITS == 0).all()
        if not sound or len(table) != lines:
            raise ValueError
    except (ValueError, KeyError, OverflowError, TypeError):
        raise _first_fault(piece, path, line) from None
    return table


def _first_fault(piece: bytes, path: Path, line: int) -> InkbenchError:
    for number, text in enumerate(piece.splitlines(), line):
        shown = repr(text[:60].decode("utf-8", "replace"))
        if not _LINE.fullmatch(text.rstrip()):
            return InkbenchError(f"{path}: line {number} is {shown}; wanted: image_row_col,value")
        try:
            finite = np.isfinite(float(text.partition(b",")[2]))
        except ValueError:
            finite = False
        if not finite:
            return InkbenchError(f"{path}: line {number} is {shown}; its value is no number")
    return InkbenchError(f"{path}: lines {line} on: an id or a value out of range")


def _by_key(pixels: Pixels, path: Path) -> Pixels:
    order = np.argsort(pixels.keys, kind="stable")
    keys, values = pixels.keys[order], pixels.values[order]
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        raise InkbenchError(f"{path}: id {_name(keys[twice[0]])} stands there more than once")
    return Pixels(keys, values)


def _name(key: int) -> str:
    mask = (1 << _BITS) - 1
    return "_".join(str(int(key) >> shift & mask) for shift in (2 * _BITS, _BITS, 0))
