"""Clean many files, also in several processes; an error in one file does not stop the others."""

import contextlib
import functools
import json
import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from inkbench import disk, records
from inkbench.denoise import formats, inputs, reading, remote, writing
from inkbench.denoise.guard import Findings
from inkbench.denoise.page import clean
from inkbench.denoise.reading import Scan
from inkbench.denoise.scale import Scale
from inkbench.errors import InkbenchError, print_error, shown

_PLAIN = 4  # grey levels: a smaller range is one colour


@dataclass(frozen=True)
class Page:
    """What was done to a page."""

    scale: Scale
    findings: Findings | None
    plain: bool  # the result is of one colour
    unchanged: bool  # the result is the page of a PDF itself
    undrawn: int  # annotations of a PDF that are missing


@dataclass(frozen=True)
class Outcome:
    """What was done to a file."""

    source: PurePath
    target: PurePath
    pages: list[Page]
    is_pdf: bool  # before and after

    @property
    def is_copy(self) -> bool:
        """Whether a PDF is copied, with its text and fonts, because cleaning changes no page."""
        return self.is_pdf and all(page.unchanged for page in self.pages)

    def __str__(self) -> str:
        count = len(self.pages)
        scales = ", ".join(sorted({f"{page.scale.factor:.0%}" for page in self.pages}))
        facts = [_count(count, "page")]
        findings = [page.findings for page in self.pages if page.findings]
        if sum(bool(found.untouched) for found in findings) < count:
            facts.append(f"network input at {scales}")
        if pictures := sum(found.pictures for found in findings):
            facts.append(f"{_count(pictures, 'area')} of pictures or colour kept")
        if regions := sum(found.regions for found in findings):
            facts.append(f"{_count(regions, 'region')} with only the background divided out")
        remarks = ["inverted" for found in findings if found.inverted]
        remarks += [f"left as scanned: {found.untouched}" for found in findings if found.untouched]
        for remark in dict.fromkeys(remarks):
            pages = "" if count == 1 else f"{remarks.count(remark)} of them "
            facts.append(f"{pages}{remark}")
        if self.is_copy:
            facts[1:] = ["left as it is: cleaning changes no page"]
        elif self.is_pdf:
            facts.append("pages became images, without text layer")
        if plain := [str(number) for number, page in enumerate(self.pages, 1) if page.plain]:
            facts.append(f"of a single colour: page {', '.join(plain)}")
        undrawn = sum(page.undrawn for page in self.pages)
        if undrawn and not self.is_copy:
            facts.append(f"{_count(undrawn, 'annotation')} not drawn: print the file to a new PDF")
        return f"{shown(self.source)} → {shown(self.target)} ({', '.join(facts)})"

    def record(self) -> dict[str, Any]:
        """Its entry in the file of ``--report``."""
        return {
            "input": shown(self.source),
            "output": shown(self.target),
            "copied": self.is_copy,
            "pages": [
                {**asdict(page.scale), "one_colour": page.plain, "undrawn": page.undrawn}
                | (asdict(page.findings) if page.findings else {})
                for page in self.pages
            ],
        }


File = tuple[PurePath, PurePath]  # source and target
Result = Outcome | InkbenchError
Numbered = Generator[tuple[int, Result], None, None]  # index of the file, and what was done


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
        If the output, the model or the cluster is unusable.
    """
    out = remote.location(options.out)
    with disk.writing(Path(out)):
        targets, errors = inputs.find(options.inputs, out, options.compare)
    for error in errors:
        print_error(error)
    if options.report:
        _check_report(options.report, targets)
    total = len(targets) + len(errors)
    files = list(targets.items())
    if options.resume:
        files = [file for file in files if not _is_done(*file, options.compare)]
    left = dict(files)
    before = [source for source in targets if source not in left]
    done: list[Outcome] = []
    finished = False
    try:
        if files:
            _clean(options, files, done, errors)
        finished = True
    finally:
        if finished or done:  # also after an interruption
            summary = f"{len(done)} of {total} cleaned"
            print(summary + (f", {len(before)} before" if before else ""))
            if options.report:
                _write_report(options, done, errors, before)
    return len(done) + len(before) == total


def _clean(
    options: Namespace, files: list[File], done: list[Outcome], errors: list[InkbenchError]
) -> None:
    """Clean files, and add what was done to the lists."""
    remote.check_bucket(remote.location(options.out))
    several = options.address or (options.jobs or 1) > 1
    if several and len(files) == 1:
        option = "--address" if options.address else "--jobs"
        print(f"inkbench: {option} has no effect on a single file", file=sys.stderr)
    clean_all = _in_several_processes if several and len(files) > 1 else _in_one_process
    with (
        writing.without_leftovers(target for _, target in files),
        contextlib.closing(clean_all(options, files)) as results,
    ):
        for result in _in_order(results, len(files)):
            if isinstance(result, Outcome):
                done.append(result)
            else:
                errors.append(result)


def _write_report(
    options: Namespace, done: list[Outcome], errors: list[InkbenchError], before: list[PurePath]
) -> None:
    """Write the report; entries of the one that is there are kept for files cleaned before."""
    try:
        earlier = json.loads(options.report.read_text(encoding="utf-8"))
        known = {entry["input"]: entry for entry in earlier["cleaned"]}
    except (OSError, ValueError, LookupError, TypeError):  # none, or another file
        known = {}
    names = [shown(source) for source in before]
    report: dict[str, Any] = {
        "cleaned": [known[name] for name in names if name in known]
        + [outcome.record() for outcome in done],
        "errors": [str(error) for error in errors],
    }
    if options.resume:
        report["cleaned before"] = names
    with disk.writing(options.report):
        records.write_json(options.report, report)


def _check_report(report: Path, sources: Iterable[PurePath]) -> None:
    """Raise an error before any work if a report would replace a page or cannot be written."""
    if remote.is_remote(str(report).replace(":/", "://", 1)) or report.suffix.lower() != ".json":
        raise InkbenchError(f"--report {shown(report)}: expected a local file that ends in .json")
    with disk.writing(report):
        is_input = os.path.realpath(report) in {os.path.realpath(source) for source in sources}
        if is_input or report.is_dir():
            kind = "an input" if is_input else "a folder"
            raise InkbenchError(f"--report {shown(report)}: is {kind}; choose another name")
        report.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=report.parent):
            pass


def _is_done(source: PurePath, target: PurePath, compare: bool) -> bool:
    """Whether a file was cleaned since it was last changed. Results are written as a whole."""
    read = remote.modified(source)
    outputs = [target, inputs.comparison(target, 1)] if compare else [target]
    written = [remote.modified(path) for path in outputs]
    return read is not None and all(time is not None and time > read for time in written)


def _in_one_process(options: Namespace, files: list[File]) -> Numbered:
    """Clean files here, one after another."""
    from inkbench import chosen

    model, source = chosen.model("documents", "cleaning", options.model)
    print(source, file=sys.stderr)
    with reading.silenced_decoders():
        yield from enumerate(_attempt(model, options, file) for file in files)


def _in_several_processes(options: Namespace, files: list[File]) -> Numbered:
    """Clean files in processes that load the model once each."""
    from inkbench import chosen
    from inkbench.cluster import connection, pages

    content, source = chosen.content("documents", "cleaning", options.model)
    print(source, file=sys.stderr)
    settings = Namespace(**{k: v for k, v in vars(options).items() if k != "run"})
    keys = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    prepare = functools.partial(_prepare, content, settings, Path.cwd(), keys)
    try:
        for number, result in pages.run(prepare, files, options.jobs, options.address):
            if isinstance(result, pages.Killed):
                result = InkbenchError(f"{shown(files[number][0])}: {result}")
            yield number, result
    except connection.NotStarted as reason:
        print(f"inkbench: one process instead of --jobs {options.jobs}: {reason}", file=sys.stderr)
        yield from _in_one_process(options, files)


def _prepare(
    content: bytes, options: Namespace, folder: Path, keys: dict[str, str]
) -> Callable[[File], Result]:
    """Load the model in a process of its own, perhaps on another machine."""
    from inkbench import chosen

    os.environ |= keys
    with contextlib.suppress(FileNotFoundError):  # if all is in buckets, it need not be here
        os.chdir(folder)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "model.keras")
        path.write_bytes(content)
        try:
            model, _ = chosen.model("documents", "cleaning", path)
        except InkbenchError as error:
            name = shown(options.model or path.name)
            raise InkbenchError(str(error).replace(str(path), name)) from None
    return functools.partial(_attempt, model, options)


def _in_order(results: Numbered, total: int) -> Iterator[Result]:
    """Print and yield results in the order of the inputs; the progress bar counts each at once."""
    from tqdm import tqdm

    waiting: dict[int, Result] = {}
    following = 0
    # Decoders are silenced by file descriptor; the delay lets the line about the model come first.
    with open(os.dup(2), "w") as terminal:
        how = {"unit": "file", "leave": False, "disable": None, "file": terminal, "delay": 0.01}
        progress = tqdm(results, "cleaning", total, **how)
        for number, result in progress:
            waiting[number] = result
            while following in waiting:
                result = waiting.pop(following)
                with progress.external_write_mode():
                    print(result) if isinstance(result, Outcome) else print_error(result)
                yield result
                following += 1


def _attempt(model: Any, options: Namespace, file: File) -> Result:
    """Clean a file; returns what was done or the error."""
    source, target = file
    try:
        return _clean_file(model, options, source, target)
    except InkbenchError as error:
        return error
    except Exception as error:  # any library error: the other files must go on
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return InkbenchError(f"{shown(source)}: {reason}")


def _clean_file(model: Any, options: Namespace, source: PurePath, target: PurePath) -> Outcome:
    """Clean all pages of a file; after an error, no output is left."""
    with contextlib.ExitStack() as outputs:
        here = outputs.enter_context(remote.fetched(source))
        written = remote.modified(here)
        there = outputs.enter_context(remote.delivered(target, options.force))
        is_pdf = formats.kind(here) == "PDF" and there.suffix.lower() == ".pdf"
        outcome = Outcome(source, target, [], is_pdf)
        comparisons = outputs.enter_context(contextlib.ExitStack())  # appear after the result
        add = outputs.enter_context(
            writing.writing(there, options.force, lambda: here if outcome.is_copy else None)
        )
        for number, scan in enumerate(reading.read(here, options.dpi), 1):
            writing.check_size(there, scan.pixels)
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
            unchanged = is_pdf and bool((cleaned.pixels.T == scan.pixels.T).all())  # also if grey
            facts = plain, unchanged, scan.undrawn
            outcome.pages.append(Page(cleaned.scale, cleaned.findings, *facts))
            if options.compare:
                path = inputs.comparison(there, number)
                add_comparison = comparisons.enter_context(writing.writing(path, options.force))
                add_comparison(writing.side_by_side(scan.pixels, cleaned.pixels), Scan(scan.pixels))
        if remote.modified(here) != written:
            raise InkbenchError(f"{shown(source)}: changed while it was read; clean it again")
    return outcome
