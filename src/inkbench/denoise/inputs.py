"""Find the files to clean, and name the output of each."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from inkbench.errors import InkbenchError

WRITABLE = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pdf"}
# Suffixes to look for in a folder. A file that the user names may have any suffix.
READABLE = WRITABLE | {".webp", ".bmp", ".pgm", ".ppm", ".pbm"}


def shown(path: Path | str) -> str:
    """A path as one printable line, with other characters escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def sources(
    inputs: Sequence[str], out: Path | None = None
) -> tuple[dict[Path, Path], list[InkbenchError]]:
    """Find the files of ``inputs``: files, folders and glob patterns (with ``**``).

    Links to folders are not followed, the folder ``out`` is skipped.

    Returns
    -------
    files, errors
        Each file with its path relative to an output folder, and an error for each unusable input.
    """
    files: dict[Path, Path] = {}
    errors: list[InkbenchError] = []
    for text in inputs:
        try:
            for source, place in _files(text, out):
                files.setdefault(source, place)
        except InkbenchError as error:
            errors.append(error)
        except OSError as error:
            errors.append(InkbenchError(f"{shown(text)}: {error.strerror or error}"))
    return files, errors


def find(
    inputs: Sequence[str], out: Path, compare: bool = False
) -> tuple[dict[Path, Path], list[InkbenchError]]:
    """Find the files of ``inputs`` (see `sources`) and name their outputs.

    Parameters
    ----------
    out
        A folder; or a file, if its suffix is in `WRITABLE` and there is one input file.
    compare
        Whether before/after images are written beside the results.

    Returns
    -------
    targets, errors
        The output of each file, and an error for each unusable input.

    Raises
    ------
    InkbenchError
        If ``out`` is one file for several inputs, or neither a folder nor a writable format.
    """
    files, errors = sources(inputs, out)
    into_file = out.suffix.lower() in WRITABLE and not out.is_dir()
    if into_file and len(files) > 1:
        raise InkbenchError(
            f"{shown(out)}: one output file for {len(files)} inputs; choose a folder for -o"
        )
    if out.exists() and not out.is_dir() and not into_file:
        formats = ", ".join(sorted(WRITABLE))
        raise InkbenchError(f"{shown(out)}: neither a folder nor a file in {formats}")
    originals = {os.path.realpath(source) for source in files}
    planned: dict[Path, Path] = {}  # output → input
    targets = {}
    for source, place in files.items():
        target = out if into_file else out / place
        outputs = [target, comparison(target, 1)] if compare else [target]
        if overwritten := [path for path in outputs if os.path.realpath(path) in originals]:
            reason = f"would overwrite the input {shown(overwritten[0])}; choose another -o"
            errors.append(InkbenchError(f"{shown(source)}: {reason}"))
        elif shared := [path for path in outputs if path in planned]:
            reason = f"has the same output, {shown(shared[0])}, as {shown(planned[shared[0]])}"
            errors.append(InkbenchError(f"{shown(source)}: {reason}; clean them separately"))
        else:
            planned |= dict.fromkeys(outputs, source)
            targets[source] = target
    return targets, errors


def comparison(target: Path, number: int) -> Path:
    """Path of the before/after image of a page, beside the result."""
    page = "" if number == 1 else f"-{number}"
    return target.with_name(f"{target.stem}-compare{page}.png")


def _files(text: str, out: Path | None) -> Iterator[tuple[Path, Path]]:
    matches = [text]
    if glob.has_magic(text) and not os.path.lexists(text):
        matches = sorted(glob.glob(text, recursive=True))
        if not matches:
            raise InkbenchError(f"{shown(text)}: matches no file")
    for path in map(Path, matches):
        if path.is_dir():
            yield from _in_folder(path, out)
        else:
            path.stat()  # raises for a missing file or a link cycle
            yield path, Path(_target_name(path))


def _in_folder(folder: Path, out: Path | None) -> Iterator[tuple[Path, Path]]:
    empty = True
    for root, folders, names in os.walk(folder):
        parent = Path(root)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and not (out and out.exists() and out.samefile(parent / name))
        )
        for name in sorted(names):
            path = parent / name
            if path.suffix.lower() in READABLE and not name.startswith("."):
                empty = False
                yield path, path.relative_to(folder).with_name(_target_name(path))
    if empty:
        raise InkbenchError(f"{shown(folder)}: no images in this folder")


def _target_name(source: Path) -> str:
    """The file name, with the suffix .png if its format cannot be written."""
    return source.name if source.suffix.lower() in WRITABLE else f"{source.stem}.png"
