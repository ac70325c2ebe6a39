"""Find the files to clean, and name the output of each."""

import contextlib
import glob
import itertools
import os
import re
import sys
import unicodedata
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import TypeVar

from inkbench.denoise import remote
from inkbench.denoise.formats import PICTURES, WRITABLE, is_read, kind, refusal
from inkbench.errors import InkbenchError, shown

P = TypeVar("P", bound=PurePath)
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "PDF": ".pdf"}


def sources(
    inputs: Sequence[str], out: Path | None = None
) -> tuple[dict[Path, Path], list[InkbenchError]]:
    """Find the files of ``inputs``: files, folders and glob patterns (with ``**``).

    Links to folders are not followed; what is in the folder ``out`` is left out. In a folder, the
    content or the suffix shows which files are images; a line on stderr names each that is skipped.

    Returns
    -------
    files, errors
        Each file with its path relative to an output folder, and an error for each unusable input.
    """
    files: dict[Path, Path] = {}
    errors: list[InkbenchError] = []
    for text in inputs:
        try:
            for source, place in _files(text, out, errors):
                files.setdefault(source, place)
        except InkbenchError as error:
            errors.append(error)
    return files, errors


def find(
    inputs: Sequence[str], out: PurePath, compare: bool = False
) -> tuple[dict[PurePath, PurePath], list[InkbenchError]]:
    """Find the files of ``inputs`` (see `sources`; also ``s3://…``) and name their outputs.

    Parameters
    ----------
    out
        A folder, also in a bucket; or a file, if its suffix is in `formats.WRITABLE` and there is
        one input file.
    compare
        Whether before/after images are written beside the results.

    Returns
    -------
    targets, errors
        The output of each file, and an error for each unusable input.

    Raises
    ------
    InkbenchError
        If ``out`` is the input folder, one file for several inputs, or a file of a format that
        cannot be written; or if a bucket cannot be reached.
    """
    local = out if isinstance(out, Path) else None
    files: dict[PurePath, PurePath] = {}
    errors: list[InkbenchError] = []
    others = [text for text in inputs if not _is_folder(text, local)]
    if not others:
        raise InkbenchError(f"-o {shown(out)}: is the input folder; choose another")
    for text in inputs:
        if others and text not in others:  # as a shell's pattern gives it
            _skip(PurePath(text), "the output folder")
            continue
        if remote.is_remote(text):
            found: dict = _in_bucket(text, out)
        else:
            found, wrong = sources([text], local)
            errors += wrong
        files |= {path: place for path, place in found.items() if path not in files}
    into_file = out.suffix.lower() in WRITABLE and not (local and local.is_dir())
    if into_file and len(files) > 1:
        raise InkbenchError(
            f"{shown(out)}: one output file for {len(files)} inputs; choose a folder for -o"
        )
    unusable = out.suffix.lower() in PICTURES or (local and local.exists())
    if not into_file and not (local and local.is_dir()) and unusable:
        formats = ", ".join(sorted(WRITABLE))
        raise InkbenchError(f"{shown(out)}: neither a folder nor a file in {formats}; choose one")
    wanted = {path: out if into_file else out / place for path, place in files.items()}
    return _without_conflicts(wanted, compare, errors), errors


def _without_conflicts(
    wanted: dict[PurePath, PurePath], compare: bool, errors: list[InkbenchError]
) -> dict[PurePath, PurePath]:
    """Leave out the inputs whose outputs would overwrite an input or another output."""
    originals = {key: path for path in wanted for key in (_identity(path), _place(path, compare))}
    planned: dict[str, PurePath] = {}  # name of an output → input
    others = (path for path in wanted if path.suffix.lower() not in WRITABLE)
    unread = {path for path in others if isinstance(path, Path) and not is_read(path)}
    for source in sorted(wanted, key=unread.__contains__):
        target = wanted[source]
        outputs = [target, comparison(target, 1)] if compare else [target]
        places = {_as_one(_folded(path, str(path)), compare): path for path in outputs}
        keys = [*(_place(path, compare) for path in outputs), *map(_identity, outputs)]
        if overwritten := [originals[key] for key in keys if key in originals]:
            reason = f"would overwrite the input {shown(overwritten[0])}; choose another -o"
        elif shared := [at for at in places if at in planned]:
            other = planned[shared[0]]
            if _identity(source) == _identity(other) and wanted[source] == wanted[other]:
                continue  # named twice
            same = f"{shown(places[shared[0]])}, as {shown(other)}"
            reason = f"has the same output, {same}; clean it into another folder"
            if source in unread and kind(Path(source)) != "unreadable":
                reason = refusal(kind(Path(source)))
        else:
            planned |= dict.fromkeys(places, source)
            continue
        errors.append(InkbenchError(f"{shown(source)}: {reason}"))
    kept = set(planned.values())
    return {source: target for source, target in wanted.items() if source in kept}


def _identity(path: PurePath) -> Hashable:
    """What all names of a file have in common; of a file that is not there, the name."""
    with contextlib.suppress(OSError):
        if isinstance(path, Path):
            status = path.stat()
            return status.st_dev, status.st_ino
    return _folded(path, str(path))


def _place(path: PurePath, compare: bool) -> Hashable:
    """Folder and name of a file."""
    return _identity(path.parent), _as_one(_folded(path, path.name), compare)


def _as_one(name: str, compare: bool) -> str:
    """A name in which all before/after images of a result count as one."""
    return re.sub(r"-compare-\d+\.png$", "-compare.png", name) if compare else name


def _folded(path: PurePath, text: str) -> str:
    """A name as file systems take it that ignore case and the form of accents."""
    return unicodedata.normalize("NFC", text).lower() if isinstance(path, Path) else text


def comparison(target: P, number: int) -> P:
    """Path of the before/after image of a page, beside the result."""
    page = "" if number == 1 else f"-{number}"
    return target.with_name(_name(target.stem, f"-compare{page}.png"))


def _files(text: str, out: Path | None, errors: list[InkbenchError]) -> Iterator[tuple[Path, Path]]:
    matches = [text]
    if glob.has_magic(text) and not os.path.lexists(text):
        found = sorted(glob.glob(text, recursive=True))
        aside = out and not _is_below(text, out)
        matches = [path for path in found if not (out and aside and _is_below(path, out))]
        matches = list(_without_links(text, matches))
        if "**" in text:  # glob passes over folders that it cannot read
            start = os.path.dirname(text[: text.index("**") + 1]) or "."
            for _, folders, _ in os.walk(start, onerror=lambda error: _unreadable(error, errors)):
                folders[:] = [name for name in folders if not name.startswith(".")]
        if not matches:
            raise InkbenchError(f"{shown(text)}: matches no file")
    for path in map(Path, matches):
        try:
            if path.is_dir():
                yield from _in_folder(path, out, errors)
            else:
                path.stat()  # raises for a missing file or a link cycle
                yield path, Path(_target_name(path))
        except InkbenchError as error:
            errors.append(error)
        except OSError as error:
            errors.append(InkbenchError(f"{shown(path)}: {error.strerror or error}"))


def _without_links(pattern: str, matches: list[str]) -> Iterator[str]:
    """Skip the matches of a pattern that are links to folders, or below one that it matches."""
    fixed = [*itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts)]
    skipped = set()
    for match in matches:
        path = Path(match)
        below = [path, *path.parents][: len(path.parts) - len(fixed)]
        links = [place for place in below if os.path.islink(place) and os.path.isdir(place)]
        if links:
            skipped.add(links[-1])
        else:
            yield match
    for link in sorted(skipped):
        _skip(link, "a link to a folder")


def _is_folder(path: str | Path, folder: Path | None) -> bool:
    return folder is not None and all(map(os.path.isdir, (path, folder))) and folder.samefile(path)


def _is_below(path: str, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _in_bucket(text: str, out: PurePath) -> dict[PurePath, PurePath]:
    """Find images in a bucket, judged by their suffixes; arguments are as in `sources`."""
    place = remote.location(text)
    found: dict[PurePath, PurePath] = {}
    with remote.reaching(place) as system:
        magic = glob.has_magic(str(place)) and not system.exists(str(place))
        roots = sorted(system.glob(str(place))) if magic else [str(place)]
        names = {root: sorted(system.find(root)) for root in roots}
    for root, below in names.items():
        folder = remote.location(_url(root))
        for name in below:
            path = remote.location(_url(name))
            inside = path.relative_to(folder)
            is_result = out in path.parents and (magic or out not in (folder, *folder.parents))
            if is_result or name.endswith("/"):  # "/": the marker of a folder
                continue
            if path == folder:  # a file that was named, whatever its suffix
                found[path] = Path(_target_name(path, "unknown"))
            elif any(part.startswith(".") for part in inside.parts):
                _skip(path, "hidden")
            elif path.suffix.lower() not in PICTURES:
                _skip(path, "no suffix of an image or a PDF")
            else:
                found[path] = inside.with_name(_target_name(path, "unknown"))
    if not found:
        raise InkbenchError(f"{shown(place)}: no images there")
    return found


def _url(name: str) -> str:
    return f"s3://{name.removeprefix('s3://')}"


def _in_folder(
    folder: Path, out: Path | None, errors: list[InkbenchError]
) -> Iterator[tuple[Path, Path]]:
    before, empty = len(errors), True
    for root, folders, names in os.walk(folder, onerror=lambda error: _unreadable(error, errors)):
        parent = Path(root)
        for name in sorted(folders):
            path = parent / name
            if _is_folder(path, out):
                folders.remove(name)
            elif name.startswith(".") or path.is_symlink():
                _skip(path, "a hidden folder" if name.startswith(".") else "a link to a folder")
                folders.remove(name)
        folders.sort()
        for name in sorted(names):
            path, hidden = parent / name, name.startswith(".")
            content = kind(path)
            picture = content or path.suffix.lower() in PICTURES
            if picture and not hidden:
                empty = False
                yield path, path.relative_to(folder).with_name(_target_name(path, content))
            elif picture or not hidden:
                _skip(path, "hidden" if hidden else "neither an image nor a PDF")
    if empty and len(errors) == before:
        raise InkbenchError(f"{shown(folder)}: no images in this folder")


def _unreadable(error: OSError, errors: list[InkbenchError]) -> None:
    reason = f"cannot be read ({error.strerror}); allow it or leave it out"
    errors.append(InkbenchError(f"{shown(error.filename)}: {reason}"))


def _skip(path: PurePath, reason: str) -> None:
    print(f"inkbench: skipped {shown(path)}: {reason}", file=sys.stderr)


def _target_name(source: PurePath, content: str | None = None) -> str:
    """The file name, with the suffix of its format, or .png, if its own cannot be written.

    The format of a local file need not be given.
    """
    suffix = source.suffix.lower()
    if suffix in WRITABLE:
        return source.name
    stem = source.stem if suffix in PICTURES else source.name
    content = content or kind(Path(source))
    return _name(stem, _SUFFIXES.get(content or "", ".png"))


def _name(stem: str, ending: str) -> str:
    """A file name of at most 255 bytes, the limit of file systems; a longer stem is cut."""
    while len(os.fsencode(stem + ending)) > 255:
        stem = stem[:-1]
    return stem + ending
