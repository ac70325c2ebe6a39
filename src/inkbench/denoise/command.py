"""Clean many files; an error in one file does not stop the others."""

import contextlib
import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inkbench import disk
from inkbench.denoise import inputs, reading, writing
from inkbench.denoise.inputs import Task, shown
from inkbench.denoise.page import clean
from inkbench.denoise.reading import Scan
from inkbench.errors import InkbenchError, print_error

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Settings:
    """Options of ``inkbench denoise`` (see its ``--help``)."""

    keep_colour: bool = False
    force: bool = False
    compare: bool = False
    jobs: int = 1
    scale: float | None = None
    dpi: int = 300


def run(arguments: list[str], out: Path, model_file: Path | None, settings: Settings) -> bool:
    """Clean files (see `inputs.find`) and print one line for each.

    Returns
    -------
    bool
        Whether all files were cleaned.

    Raises
    ------
    InkbenchError
        If the output or the model is unusable.
    """
    from tqdm import tqdm

    from inkbench import chosen

    with disk.writing(out):
        tasks, errors = inputs.find(arguments, out, settings.compare)
    for error in errors:
        print_error(error)
    if not tasks:
        return False
    model, source = chosen.model("documents", "restoration", model_file)
    print(source, file=sys.stderr)
    attempt = functools.partial(_attempt, LockedModel(model), settings)
    cleaned = 0
    with reading.silenced_decoders(), ThreadPoolExecutor(settings.jobs) as pool:
        results = pool.map(attempt, tasks)
        progress = tqdm(results, "cleaning", len(tasks), unit="file", leave=False, disable=None)
        try:
            for result in progress:
                with progress.external_write_mode():
                    print(result) if isinstance(result, str) else print_error(result)
                cleaned += isinstance(result, str)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    total = len(tasks) + len(errors)
    print(f"{cleaned} of {total} cleaned")
    return cleaned == total


def _attempt(model: "keras.Model", settings: Settings, task: Task) -> str | InkbenchError:
    """Clean a file; returns the summary or the error."""
    try:
        return clean_file(model, task, settings)
    except InkbenchError as error:
        return error
    except Exception as error:  # any library error: the other files must go on
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return InkbenchError(f"{shown(task.source)}: {reason}")


def clean_file(model: "keras.Model", task: Task, settings: Settings) -> str:
    """Clean all pages of one file.

    Returns
    -------
    str
        A one-line summary.

    Raises
    ------
    InkbenchError
        If the file cannot be read or written; no output is left then.
    """
    factors = []
    with contextlib.ExitStack() as outputs:  # cleaned file and comparisons: all or nothing
        file = outputs.enter_context(writing.writing(task.target, settings.force))
        for number, scan in enumerate(reading.read(task.source, settings.dpi), 1):
            cleaned, factor = clean(
                model,
                scan.pixels,
                dpi=scan.dpi[0] if scan.dpi else None,
                factor=settings.scale,
                keep_colour=settings.keep_colour,
            )
            file.add(cleaned, scan)
            factors.append(factor)
            if settings.compare:
                path = inputs.comparison(task.target, number)
                comparison = outputs.enter_context(writing.writing(path, settings.force))
                comparison.add(writing.side_by_side(scan.pixels, cleaned), Scan(scan.pixels))
    pages = "1 page" if len(factors) == 1 else f"{len(factors)} pages"
    scales = ", ".join(sorted({f"{factor:.0%}" for factor in factors}))
    return f"{shown(task.source)} → {shown(task.target)} ({pages}, network input at {scales})"


class LockedModel:
    """A Keras model for several threads: one predicts at a time, which bounds memory."""

    def __init__(self, model: "keras.Model") -> None:
        self.layers = model.layers
        self._model = model
        self._lock = threading.Lock()

    def predict_on_batch(self, batch):
        """As `keras.Model.predict_on_batch`."""
        with self._lock:
            return self._model.predict_on_batch(batch)
