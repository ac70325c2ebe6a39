"""Clean many files; an error in one file does not stop the others."""

import contextlib
import functools
import sys
import threading
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from inkbench import disk
from inkbench.denoise import inputs, reading, writing
from inkbench.denoise.inputs import shown
from inkbench.denoise.page import clean
from inkbench.denoise.reading import Scan
from inkbench.errors import InkbenchError, print_error

_PLAIN = 4  # grey levels: a smaller range is one colour


def run(options: Namespace) -> bool:
    """Clean files as the options of ``inkbench denoise`` say, and print one line for each.

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

    with disk.writing(options.out):
        targets, errors = inputs.find(options.inputs, options.out, options.compare)
    for error in errors:
        print_error(error)
    if not targets:
        return False
    model, source = chosen.model("documents", "cleaning", options.model)
    print(source, file=sys.stderr)
    attempt = functools.partial(_attempt, _locked(model), options)
    cleaned = 0
    with reading.silenced_decoders(), ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(attempt, targets, targets.values())
        progress = tqdm(results, "cleaning", len(targets), unit="file", leave=False, disable=None)
        try:
            for result in progress:
                with progress.external_write_mode():
                    print(result) if isinstance(result, str) else print_error(result)
                cleaned += isinstance(result, str)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    total = len(targets) + len(errors)
    print(f"{cleaned} of {total} cleaned")
    return cleaned == total


def _attempt(model: Any, options: Namespace, source: Path, target: Path) -> str | InkbenchError:
    """Clean a file; returns the summary or the error."""
    try:
        return _clean_file(model, options, source, target)
    except InkbenchError as error:
        return error
    except Exception as error:  # any library error: the other files must go on
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return InkbenchError(f"{shown(source)}: {reason}")


def _clean_file(model: Any, options: Namespace, source: Path, target: Path) -> str:
    """Clean all pages of a file; after an error, no output is left."""
    factors, plain = [], []
    with contextlib.ExitStack() as outputs:  # cleaned file and comparisons: all or nothing
        add = outputs.enter_context(writing.writing(target, options.force))
        for number, scan in enumerate(reading.read(source, options.dpi), 1):
            result = clean(
                model,
                scan.pixels,
                dpi=scan.dpi[0] if scan.dpi else None,
                factor=options.scale,
                grey=options.grey,
            )
            cleaned = result.pixels
            add(cleaned, scan)
            factors.append(result.scale.factor)
            if np.ptp(cleaned, axis=(0, 1)).max() <= _PLAIN:
                plain.append(number)
            if options.compare:
                path = inputs.comparison(target, number)
                add_comparison = outputs.enter_context(writing.writing(path, options.force))
                add_comparison(writing.side_by_side(scan.pixels, cleaned), Scan(scan.pixels))
    pages = "1 page" if len(factors) == 1 else f"{len(factors)} pages"
    scales = ", ".join(sorted({f"{factor:.0%}" for factor in factors}))
    note = f"; of one colour: page {', '.join(map(str, plain))}" if plain else ""
    return f"{shown(source)} → {shown(target)} ({pages}, network input at {scales}{note})"


def _locked(model: Any) -> SimpleNamespace:
    """A Keras model for several threads: one predicts at a time, which bounds memory."""
    lock = threading.Lock()

    def predict_on_batch(batch):
        with lock:
            return model.predict_on_batch(batch)

    return SimpleNamespace(layers=model.layers, predict_on_batch=predict_on_batch)
