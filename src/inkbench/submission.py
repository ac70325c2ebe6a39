"""A submission to Kaggle's competition *Denoising Dirty Documents*: the 72 pages without answers.

One row a pixel, ``image_row_col,value``, counted from 1, values in [0, 1]. The pages keep the size
at which the competition hands them out.
"""

import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import disk, layout, records
from inkbench.data_source import REAL
from inkbench.datasets.common import store
from inkbench.datasets.common.store import Page
from inkbench.grade import HEADER

_FILE = "submission.csv.gz"
_ANSWERS = "answers.csv.gz"
_STEPS = 10_000  # values have four decimals: an error of 0.00003, far below any restorer's
_LEVEL = 6  # of gzip


def make(variant: str, folder: Path) -> dict[str, Any]:
    """Restore the pages and write ``submission.csv.gz`` and ``submission.json``.

    Parameters
    ----------
    variant
        A trained restorer of ``params.yaml``.
    folder
        Existing folder.

    Returns
    -------
    dict
        What ``submission.json`` says: ``data_source``, ``variant``, ``pages``, ``rows``. Made from
        synthetic pages, it is not for Kaggle, and the compressed file's inner name says so too.
        Where the data has no pages without answers, there are 0 rows, and no other file.

    Raises
    ------
    InkbenchError
        If the dataset or the model is missing.
    """
    source = store.load_card("documents")["data_source"]
    pages, rows = _pages(), 0
    if pages:
        name = "submission.csv" if source == REAL else "submission-of-synthetic-data.csv"
        rows = _restored(variant, pages, folder, name)
    card = {"data_source": source, "pages": len(pages), "rows": rows, "variant": variant}
    records.write_json(folder / layout.SUBMISSION_CARD.name, card)
    return card


def rehearse(variant: str, split: str, folder: Path) -> str:
    """Submit the test pages of a variant's own split, with their answers for `inkbench grade`.

    Parameters
    ----------
    variant, split
        A trained restorer of ``params.yaml`` and the split that it was trained on.
    folder
        Existing folder; gets ``submission.csv.gz`` and ``answers.csv.gz``.

    Returns
    -------
    str
        A line about what was made.

    Raises
    ------
    InkbenchError
        If the dataset or the model is missing.
    """
    pages = store.load_pages("documents", "test", split)
    clean = [replace(page, noisy=page.clean) for page in pages if page.clean is not None]
    write(folder / _ANSWERS, clean, lambda page: page / 255, "answers.csv")
    rows = _restored(variant, pages, folder)
    source = store.load_card("documents")["data_source"]
    return f"{folder}: {_FILE} and {_ANSWERS}, {rows:,} rows of {len(pages)} {source} pages"


def _restored(variant: str, pages: list[Page], folder: Path, name: str = "submission.csv") -> int:
    """Write the submission of restored pages; gives its rows."""
    from tqdm import tqdm

    from inkbench.models.common import storage
    from inkbench.restore import restore

    model = storage.load(layout.model(variant))
    bar = tqdm(pages, "restoring", unit="page", delay=2, leave=False, disable=None)
    return write(folder / _FILE, bar, lambda page: restore(model, page), name)


def _pages() -> list[Page]:
    if not (layout.processed("documents") / f"{store.UNLABELLED}.npz").exists():
        return []
    return store.load_pages("documents", store.UNLABELLED)


def told(card: dict[str, Any], folder: Path) -> str:
    """A line about what was made."""
    if not card["rows"]:
        return "no submission: the data has no pages without answers (Kaggle's test.zip)"
    label = "" if card["data_source"] == REAL else ", SYNTHETIC DATA: not for Kaggle"
    return f"{folder / _FILE}: {card['rows']:,} rows of {card['pages']} pages{label}"


def write(
    target: Path,
    pages: Iterable[Page],
    restore: Callable[[np.ndarray], np.ndarray],
    name: str = "submission.csv",
) -> int:
    """Write a submission page by page: the same bytes for the same pages.

    Parameters
    ----------
    target
        The file; it appears when it is complete.
    pages
        Their names are the numbers that Kaggle gave them.
    restore
        uint8 ``[h, w]`` → float ``[h, w]`` in [0, 1].
    name
        Of the uncompressed file, kept inside.

    Returns
    -------
    int
        Rows written.
    """
    count = 0
    with (
        disk.new_file(target) as scratch,
        scratch.open("wb") as raw,
        gzip.GzipFile(name, "wb", _LEVEL, raw, mtime=0) as packed,
        io.BufferedWriter(packed, 1 << 20) as file,
    ):
        file.write(f"{HEADER}\n".encode())
        for page in pages:
            count += page.noisy.size
            for line in rows(page.name, restore(page.noisy)):
                file.write(line)
    return count


def rows(name: str, restored: np.ndarray) -> Iterator[bytes]:
    """Lines of a page, one block of bytes a row of pixels.

    Parameters
    ----------
    name
        Number of the page.
    restored
        Float ``[h, w]``; clipped to [0, 1].
    """
    steps = np.rint(restored.clip(0, 1) * _STEPS).astype(int)
    columns = [f"_{column}," for column in range(1, restored.shape[1] + 1)]
    for number, row in enumerate(steps.tolist(), 1):
        start = f"{name}_{number}"
        cells = [f"{start}{c}{_VALUES[v]}\n" for c, v in zip(columns, row, strict=True)]
        yield "".join(cells).encode()


_VALUES = [f"{step / _STEPS:.4f}".rstrip("0").rstrip(".") for step in range(_STEPS + 1)]
