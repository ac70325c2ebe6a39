"""Score a submission as MLE-bench does: `inkbench grade`.

Chan et al., *MLE-bench* (2024), competition ``denoising-dirty-documents``: sort both tables by id,
then compute the root mean squared error over all rows.
"""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from inkbench.datasets.reading.archives import open_member
from inkbench.errors import InkbenchError

if TYPE_CHECKING:
    import pandas as pd

MEDALS = (("gold", 0.01794), ("silver", 0.02609), ("bronze", 0.04517))
_COLUMNS = ["id", "value"]
_PACKED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
_ZIP = b"PK\x03\x04"
# Limits against decompression bombs. A submission of 14 million rows has 255 MB.
_MAX_BYTES = 500_000_000
_MAX_LINE = 1000


def grade(submission: Path, answers: Path) -> float:
    """Compute the root mean squared error of a submission.

    Parameters
    ----------
    submission, answers
        CSV files with the columns ``id`` and ``value``: plain, in a zip archive, gzip, bzip2 or xz.

    Raises
    ------
    InkbenchError
        If a file cannot be read, or the two files have different ids.
    """
    predicted, expected = read(submission), read(answers)
    if len(predicted) != len(expected):
        raise InkbenchError(
            f"{submission}: {len(predicted):,} rows, but {answers} has {len(expected):,}"
        )
    if not predicted["id"].equals(expected["id"]):
        predicted, expected = (
            table.sort_values("id", ignore_index=True) for table in (predicted, expected)
        )
        different = np.flatnonzero(predicted["id"] != expected["id"])
        if len(different):
            row = different[0]
            raise InkbenchError(
                f"{submission}: ids differ from {answers}; after sorting, the first difference is "
                f"{predicted['id'][row]} instead of {expected['id'][row]}"
            )
    return float(np.sqrt(np.mean(np.square(predicted["value"] - expected["value"]))))


def medal(score: float) -> str:
    """Describe the medal for a score, which MLE-bench rounds to five decimals."""
    for name, threshold in MEDALS:
        if round(score, 5) <= threshold:
            return f"{name}, at most {threshold}"
    if score > 1:
        return "no medal; values should be from 0 to 1"
    return f"no medal; bronze is at most {MEDALS[-1][1]}"


def read(path: Path) -> "pd.DataFrame":
    """Read the columns ``id`` (text) and ``value`` (finite float64).

    Raises
    ------
    InkbenchError
        If the file is missing, too large, or not such a table.
    """
    import pandas as pd

    try:
        with _open(path) as file:
            content = file.read(_MAX_BYTES + 1)
        _check_size(content)
        table = pd.read_csv(
            io.BytesIO(content), usecols=_COLUMNS, dtype={"id": str, "value": np.float64}
        )
    except (
        OSError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
    ) as error:
        reason = getattr(error, "strerror", None) or error  # RuntimeError: an encrypted zip
        raise InkbenchError(f"{path}: cannot be read ({reason})") from None
    except (ValueError, OverflowError) as error:
        raise InkbenchError(
            f"{path}: {error}; expected a CSV file with the columns id,value and numeric values"
        ) from None
    if table.empty:
        raise InkbenchError(f"{path}: no rows below the header")
    invalid = np.flatnonzero(~np.isfinite(table["value"]))
    if len(invalid):
        row = table.loc[invalid[0]]
        raise InkbenchError(f"{path}: id {row['id']} has the value {row['value']}, not a number")
    return table


def _open(path: Path) -> IO[bytes]:
    """Open a file, decompressed; its content decides, not its suffix."""
    with path.open("rb") as file:
        start = file.read(6)
    if start[:4] != _ZIP:
        unpack = (opener for magic, opener in _PACKED.items() if start.startswith(magic))
        return next(unpack, open)(path, "rb")
    archive = zipfile.ZipFile(path)
    files = {info: Path(info.filename) for info in archive.infolist() if not info.is_dir()}
    files = {i: n for i, n in files.items() if n.name[:1] != "." and "__MACOSX" not in n.parts}
    tables = [info for info, name in files.items() if name.suffix.lower() == ".csv"] or [*files]
    if len(tables) != 1:
        raise InkbenchError(f"{path}: contains {len(tables)} files; expected one CSV file")
    return open_member(archive, tables[0])


def _check_size(content: bytes) -> None:
    """Raise ValueError for a file or a line that would exhaust memory when parsed."""
    if len(content) > _MAX_BYTES:
        raise ValueError(f"more than {_MAX_BYTES / 1e6:.0f} MB uncompressed")
    codes = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero((codes == ord("\n")) | (codes == ord("\r")))  # pandas reads both
    if np.diff(ends, prepend=-1, append=len(content)).max() > _MAX_LINE:
        raise ValueError(f"a line is longer than {_MAX_LINE:,} bytes")
