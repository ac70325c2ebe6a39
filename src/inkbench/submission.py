"""Submissions to Kaggle's *Denoising Dirty Documents*: restore its 72 test pages, write the CSV.

One row per pixel: ``image_row_col,value``, with rows and columns counted from 1 and values in
[0, 1]. Pages keep the size that the competition gives them.
"""

import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import disk, layout, params, records
from inkbench.data_source import REAL
from inkbench.datasets.common import store
from inkbench.datasets.common.store import Page
from inkbench.errors import InkbenchError
from inkbench.params import Variant

_FILE = "submission.csv.gz"
_ANSWERS = "answers.csv.gz"
_STEPS = 10_000  # four decimals: the rounding error, 0.00003 RMSE, is negligible
_VALUES = [f"{step / _STEPS:.4f}".rstrip("0").rstrip(".") for step in range(_STEPS + 1)]


def restorer(name: str | None = None) -> tuple[str, Variant]:
    """Name and block of a variant of ``params.yaml``, by default of the first under `submission:`.

    Raises
    ------
    InkbenchError
        If there is none, or it does not restore grey pages.
    """
    settings = params.load()
    if not (name or settings.submission):
        raise InkbenchError(
            f"{layout.PARAMS}: submission: lists no variant; add one or use --variant"
        )
    name = name or settings.submission[0]
    variant = settings.variant(name)
    if variant.task != "restoration":
        raise InkbenchError(
            f"variant {name}: its task is {variant.task}; choose a restoration variant"
        )
    return name, variant


def make(variant: str, folder: Path) -> dict[str, Any]:
    """Restore the test pages and write ``submission.csv.gz`` and ``submission.json``.

    Returns
    -------
    dict
        The content of ``submission.json``: ``data_source``, ``variant``, ``pages``, ``rows``.
        Without Kaggle's test pages, ``rows`` is 0 and there is no CSV file. For synthetic pages,
        the name inside the gzip file says ``synthetic``.

    Raises
    ------
    InkbenchError
        If the dataset or the model is missing.
    """
    source = store.load_card("documents")["data_source"]
    test_pages = layout.processed("documents") / f"{store.UNLABELLED}.npz"
    pages = store.load_pages("documents", store.UNLABELLED) if test_pages.exists() else []
    rows = 0
    if pages:
        name = "submission.csv" if source == REAL else "submission-of-synthetic-data.csv"
        rows = _restore(variant, pages, folder, name)
    card = {"data_source": source, "pages": len(pages), "rows": rows, "variant": variant}
    records.write_json(folder / layout.SUBMISSION_CARD.name, card)
    return card


def rehearse(variant: str, split: str, folder: Path) -> str:
    """Write a submission for the test pages of a split, and ``answers.csv.gz`` to grade it.

    Returns a one-line summary; raises the errors of `make`.
    """
    source = store.load_card("documents")["data_source"]
    pages = store.load_pages("documents", "test", split)
    clean = [replace(page, noisy=page.clean) for page in pages if page.clean is not None]
    rows = _restore(variant, pages, folder)
    write(folder / _ANSWERS, clean, lambda page: page / 255, "answers.csv")
    return f"{folder}: {_FILE} and {_ANSWERS}, {rows:,} rows of {len(pages)} {source} pages"


def summary(card: dict[str, Any], folder: Path) -> str:
    """Summarise the result of `make` in one line."""
    if not card["rows"]:
        return "no submission: the data lacks Kaggle's test pages (test.zip)"
    label = "" if card["data_source"] == REAL else ", SYNTHETIC DATA: not for Kaggle"
    return f"{folder / _FILE}: {card['rows']:,} rows of {card['pages']} pages{label}"


def write(
    target: Path,
    pages: Iterable[Page],
    restore: Callable[[np.ndarray], np.ndarray],
    name: str = "submission.csv",
) -> int:
    """Write a submission page by page and return its number of rows.

    Equal pages give equal bytes, and the file appears only when complete. Pages are named by
    Kaggle's numbers; ``restore`` maps uint8 ``[h, w]`` to floats, which are clipped to [0, 1].
    ``name`` is stored inside the gzip file.
    """
    count = 0
    with (
        disk.new_file(target) as scratch,
        scratch.open("wb") as raw,
        gzip.GzipFile(name, "wb", 6, raw, mtime=0) as packed,
        io.BufferedWriter(packed, 1 << 20) as file,
    ):
        file.write(b"id,value\n")
        for page in pages:
            count += page.noisy.size
            file.writelines(_lines(page.name, restore(page.noisy)))
    return count


def _restore(variant: str, pages: list[Page], folder: Path, name: str = "submission.csv") -> int:
    """Write the submission of a variant; return its number of rows."""
    from tqdm import tqdm

    from inkbench.models.common import storage
    from inkbench.restore import restore

    model = storage.load(layout.model(variant))
    progress = tqdm(pages, "restoring", unit="page", delay=2, leave=False, disable=None)
    return write(folder / _FILE, progress, lambda page: restore(model, page), name)


def _lines(name: str, restored: np.ndarray) -> Iterator[bytes]:
    """CSV lines of a page, one block of bytes for each pixel row."""
    steps = np.rint(restored.clip(0, 1) * _STEPS).astype(int)
    columns = [f"_{column}," for column in range(1, restored.shape[1] + 1)]
    for number, row in enumerate(steps.tolist(), 1):
        start = f"{name}_{number}"
        cells = [f"{start}{c}{_VALUES[v]}\n" for c, v in zip(columns, row, strict=True)]
        yield "".join(cells).encode()
