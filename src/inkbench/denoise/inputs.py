"""Which files to clean, and where the result of each goes."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from inkbench.errors import InkbenchError

WRITABLE = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pdf"}
# What is taken from a folder; a file that is named itself may be called anything.
READABLE = WRITABLE | {".webp", ".bmp", ".pgm", ".ppm", ".pbm"}


@dataclass(frozen=True)
class Task:
    """A file to read, and the one to write."""

    source: Path
    target: Path


def shown(path: Path | str) -> str:
    """A path in one printable line, whatever its name holds."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def sources(
    inputs: Sequence[str], out: Path | None = None
) -> tuple[dict[Path, Path], list[InkbenchError]]:
    """Files that are asked for.

    Parameters
    ----------
    inputs
        Files, folders and glob patterns (``**`` too). Links to folders are not followed.
    out
        A folder that is not looked into.

    Returns
    -------
    found, unusable
        File → its place in a folder of results; and a complaint for every input that gives none.
    """
    found: dict[Path, Path] = {}
    unusable: list[InkbenchError] = []
    for text in inputs:
        try:
            for source, place in _files(text, out):
                found.setdefault(source, place)
        except InkbenchError as error:
            unusable.append(error)
        except OSError as error:
            unusable.append(InkbenchError(f"{shown(text)}: {error.strerror or error}"))
    return found, unusable


def find(
    inputs: Sequence[str], out: Path, compare: bool = False
) -> tuple[list[Task], list[InkbenchError]]:
    """Turn what was asked for into tasks.

    Parameters
    ----------
    inputs
        See `sources`.
    out
        A folder, or a file if its name ends in one of `WRITABLE` and there is one input file.
    compare
        Whether there will be before/after sheets beside the results.

    Returns
    -------
    tasks, unusable
        Tasks in order, each file once, and a complaint for every input that gives none.

    Raises
    ------
    InkbenchError
        If several files would go into one.
    """
    found, unusable = sources(inputs, out)
    one = out.suffix.lower() in WRITABLE and not out.is_dir()
    if one and len(found) > 1:
        raise InkbenchError(
            f"{shown(out)}: {len(found)} files do not fit into one; give -o a folder"
        )
    if out.exists() and not out.is_dir() and not one:
        raise InkbenchError(
            f"{shown(out)}: neither a folder nor a name in {', '.join(sorted(WRITABLE))}"
        )
    originals = {os.path.realpath(source) for source in found}
    taken: dict[Path, Path] = {}
    tasks = []
    for source, place in found.items():
        target = out if one else out / place
        written = [target, comparison(target, 1)] if compare else [target]
        if lost := [path for path in written if os.path.realpath(path) in originals]:
            why = f"{shown(lost[0])} is an input and would be replaced; choose another -o"
            unusable.append(InkbenchError(f"{shown(source)}: {why}"))
        elif twice := [path for path in written if path in taken]:
            why = f"its result would be {shown(twice[0])}, as that of {shown(taken[twice[0]])}"
            unusable.append(InkbenchError(f"{shown(source)}: {why}; clean them one by one"))
        else:
            taken |= dict.fromkeys(written, source)
            tasks.append(Task(source, target))
    return tasks, unusable


def comparison(target: Path, number: int) -> Path:
    """Where the before/after sheet of a page goes: beside the result."""
    page = "" if number == 1 else f"-{number}"
    return target.with_name(f"{target.stem}-compare{page}.png")


def _files(text: str, out: Path | None) -> Iterator[tuple[Path, Path]]:
    path = Path(text)
    if path.is_dir():
        yield from _in_folder(path, out)
        return
    matches = [text]
    if glob.has_magic(text) and not os.path.lexists(path):
        matches = sorted(glob.glob(text, recursive=True))
        if not matches:
            raise InkbenchError(f"{shown(text)}: matches no file")
    for match in map(Path, matches):
        if match.is_dir():
            yield from _in_folder(match, out)
        else:
            match.stat()  # a missing file, or a link that leads in a circle, is said here
            yield match, Path(_target_name(match))


def _in_folder(folder: Path, out: Path | None) -> Iterator[tuple[Path, Path]]:
    count = 0
    for place, folders, names in os.walk(folder):
        here = Path(place)
        kept = [n for n in folders if not n.startswith(".") and not _same(here / n, out)]
        folders[:] = sorted(kept)
        for name in sorted(names):
            path = here / name
            if path.suffix.lower() in READABLE and not name.startswith("."):
                count += 1
                yield path, path.relative_to(folder).with_name(_target_name(path))
    if not count:
        raise InkbenchError(f"{shown(folder)}: no images in this folder")


def _same(one: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and os.path.samefile(one, other)


def _target_name(source: Path) -> str:
    """The same name, in a format that is written."""
    return source.name if source.suffix.lower() in WRITABLE else f"{source.stem}.png"
