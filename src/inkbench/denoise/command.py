"""Clean many files; an error in one file does not stop the others."""

import contextlib
import functools
import sys
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import disk, records
from inkbench.denoise import inputs, reading, writing
from inkbench.denoise.guard import Findings
from inkbench.denoise.inputs import shown
from inkbench.denoise.page import clean
from inkbench.denoise.reading import Scan
from inkbench.denoise.scale import Scale
from inkbench.errors import InkbenchError, print_error

_PLAIN = 4  # grey levels: a smaller range is one colour


@dataclass(frozen=True)
class Page:
    """What was done to a page."""

    scale: Scale
    findings: Findings | None
    plain: bool  # the result is of one colour
    undrawn: int  # annotations of a PDF that are missing


@dataclass(frozen=True)
class Outcome:
    """What was done to a file."""

    source: Path
    target: Path
    pages: list[Page]

    def __str__(self) -> str:
        count = len(self.pages)
        scales = ", ".join(sorted({f"{page.scale.factor:.0%}" for page in self.pages}))
        facts = [_count(count, "page"), f"network input at {scales}"]
        findings = [page.findings for page in self.pages if page.findings]
        if pictures := sum(found.pictures for found in findings):
            facts.append(f"{_count(pictures, 'picture')} kept")
        if regions := sum(found.regions for found in findings):
            facts.append(f"{_count(regions, 'region')} left as background division leaves them")
        for reason in dict.fromkeys(found.untouched for found in findings if found.untouched):
            number = sum(found.untouched == reason for found in findings)
            pages = "" if count == 1 else f"{number} of them "
            facts.append(f"{pages}left as scanned: {reason}")
        if plain := [str(number) for number, page in enumerate(self.pages, 1) if page.plain]:
            facts.append(f"of one colour: page {', '.join(plain)}")
        if undrawn := sum(page.undrawn for page in self.pages):
            facts.append(f"{_count(undrawn, 'annotation')} missing: print the PDF to a PDF first")
        return f"{shown(self.source)} → {shown(self.target)} ({', '.join(facts)})"

    def record(self) -> dict[str, Any]:
        """Its entry in the file of ``--report``."""
        return {
            "input": shown(self.source),
            "output": shown(self.target),
            "pages": [
                {**asdict(page.scale), "one_colour": page.plain, "undrawn": page.undrawn}
                | (asdict(page.findings) if page.findings else {})
                for page in self.pages
            ],
        }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
    attempt = functools.partial(_attempt, model, options)
    done: list[Outcome] = []
    total = len(targets) + len(errors)
    with reading.silenced_decoders(), ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(attempt, targets, targets.values())
        progress = tqdm(results, "cleaning", len(targets), unit="file", leave=False, disable=None)
        try:
            for result in progress:
                with progress.external_write_mode():
                    print(result) if isinstance(result, Outcome) else print_error(result)
                if isinstance(result, Outcome):
                    done.append(result)
                else:
                    errors.append(result)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if options.report:
        report = {
            "cleaned": [outcome.record() for outcome in done],
            "errors": [str(error) for error in errors],
        }
        with disk.writing(options.report):
            records.write_json(options.report, report)
    print(f"{len(done)} of {total} cleaned")
    return len(done) == total


def _attempt(model: Any, options: Namespace, source: Path, target: Path) -> Outcome | InkbenchError:
    """Clean a file; returns what was done or the error."""
    try:
        return _clean_file(model, options, source, target)
    except InkbenchError as error:
        return error
    except Exception as error:  # any library error: the other files must go on
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return InkbenchError(f"{shown(source)}: {reason}")


def _clean_file(model: Any, options: Namespace, source: Path, target: Path) -> Outcome:
    """Clean all pages of a file; after an error, no output is left."""
    pages: list[Page] = []
    with contextlib.ExitStack() as outputs:  # cleaned file and comparisons: all or nothing
        add = outputs.enter_context(writing.writing(target, options.force))
        for number, scan in enumerate(reading.read(source, options.dpi), 1):
            cleaned = clean(
                model,
                scan.pixels,
                dpi=scan.dpi[0] if scan.dpi else None,
                factor=options.scale,
                grey=options.grey,
                invert_dark=options.invert_dark,
            )
            add(cleaned.pixels, scan)
            plain = bool(np.ptp(cleaned.pixels, axis=(0, 1)).max() <= _PLAIN)
            pages.append(Page(cleaned.scale, cleaned.findings, plain, scan.undrawn))
            if options.compare:
                path = inputs.comparison(target, number)
                add_comparison = outputs.enter_context(writing.writing(path, options.force))
                add_comparison(writing.side_by_side(scan.pixels, cleaned.pixels), Scan(scan.pixels))
    return Outcome(source, target, pages)
