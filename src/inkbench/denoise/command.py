"""The command: every file in turn, whatever happens to one of them."""

import contextlib
import sys
import threading
from collections.abc import Iterator
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
    """What may be asked for beside the files (see ``inkbench denoise --help``)."""

    keep_colour: bool = False
    force: bool = False
    compare: bool = False
    jobs: int = 1
    scale: float | None = None
    dpi: int = 300


def run(arguments: list[str], out: Path, model_file: Path | None, settings: Settings) -> bool:
    """Clean files.

    Parameters
    ----------
    arguments
        Files, folders and patterns.
    out
        Folder or file for the results.
    model_file
        A restorer; by default the champion, or what the pipeline has built.
    settings
        The rest.

    Returns
    -------
    bool
        Whether all of them were cleaned.

    Raises
    ------
    InkbenchError
        If nothing could be started.
    """
    from inkbench import chosen

    with disk.writing(out):
        tasks, unusable = inputs.find(arguments, out, settings.compare)
    for error in unusable:
        print_error(error)
    if not tasks:
        return False
    model, whence = chosen.model("documents", "restoration", model_file)
    print(whence, file=sys.stderr)
    wanted = len(tasks) + len(unusable)
    with reading.silenced_decoders():
        done = sum(clean_all(OneAtATime(model), tasks, settings))
    print(f"{done} of {wanted} cleaned")
    return done == wanted


def clean_all(model: "keras.Model", tasks: list[Task], settings: Settings) -> Iterator[bool]:
    """Clean the files of all tasks, ``settings.jobs`` at a time; say which and how.

    Yields
    ------
    bool
        For every task, whether it was done.
    """
    from tqdm import tqdm

    def attempt(task: Task) -> str | InkbenchError:
        try:
            return clean_file(model, task, settings)
        except InkbenchError as error:
            return error
        except MemoryError:
            return InkbenchError(f"{shown(task.source)}: too large for this machine's memory")
        except Exception as error:  # whatever a library makes of an odd file; the others go on
            said = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            return InkbenchError(f"{shown(task.source)}: {said}")

    with ThreadPoolExecutor(settings.jobs) as pool:
        results = pool.map(attempt, tasks)
        bar = tqdm(results, "cleaning", len(tasks), unit="file", leave=False, disable=None)
        try:
            for result in bar:
                with bar.external_write_mode():
                    print(result) if isinstance(result, str) else print_error(result)
                yield isinstance(result, str)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def clean_file(model: "keras.Model", task: Task, settings: Settings) -> str:
    """Clean the pages of one file.

    Returns
    -------
    str
        What was done.

    Raises
    ------
    InkbenchError
        If it cannot be read or written; there is then no result.
    """
    factors = []
    with contextlib.ExitStack() as whole:  # result and sheets: all or nothing
        file = whole.enter_context(writing.writing(task.target, settings.force))
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
                sheet = whole.enter_context(writing.writing(path, settings.force))
                sheet.add(writing.side_by_side(scan.pixels, cleaned), Scan(scan.pixels))
    pages = "1 page" if len(factors) == 1 else f"{len(factors)} pages"
    seen = ", ".join(sorted({f"{factor:.0%}" for factor in factors}))
    return f"{shown(task.source)} → {shown(task.target)} ({pages}, seen at {seen} of its size)"


class OneAtATime:
    """A model that threads share: reading and writing overlap, its memory is needed once.

    Parameters
    ----------
    model
        A Keras model.
    """

    def __init__(self, model: "keras.Model") -> None:
        self.layers = model.layers
        self._model = model
        self._turn = threading.Lock()

    def predict_on_batch(self, batch):
        """As `keras.Model.predict_on_batch`."""
        with self._turn:
            return self._model.predict_on_batch(batch)
