"""Find the files to clean, and name the output of each."""

import glob
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import TypeVar

from PIL import Image

from inkbench.denoise import remote
from inkbench.errors import InkbenchError, shown

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF")
WRITABLE = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pdf"}
# Suffixes of pictures. In a folder, such a file is not skipped, even if it cannot be read.
_PICTURES = WRITABLE | {
    *(".apng", ".avif", ".bmp", ".cr2", ".dcx", ".dib", ".djvu", ".dng", ".emf", ".eps", ".exr"),
    *(".gif", ".heic", ".heif", ".j2k", ".jbig2", ".jfif", ".jp2", ".jpe", ".jpx", ".jxl", ".mpo"),
    *(".nef", ".pam", ".pbm", ".pcx", ".pfm", ".pgm", ".pnm", ".ppm", ".ps", ".psd", ".svg"),
    *(".tga", ".webp", ".wmf", ".xps"),
}
P = TypeVar("P", bound=PurePath)
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "PDF": ".pdf"}
# A header at the start of a line; a printer's or a mail's lines may precede it.
_PDF = re.compile(rb"(?:^|[\r\n\0]|\xef\xbb\xbf)[ \t]*%PDF-\d")


def kind(path: Path) -> str | None:
    """Format of a file, judged by its content: a format of Pillow, ``PDF``, or None for others.

    A picture that is damaged, or a file that cannot be opened, has the format ``unreadable``.
    """
    try:
        if not path.is_file():  # a pipe or device might block forever
            return None
        with path.open("rb") as file:
            start = file.read(1024)
        with Image.open(path, formats=FORMATS) as image:
            return image.format
    except Image.UnidentifiedImageError:
        return "PDF" if _PDF.search(start) else None
    except Exception:  # decoders raise undocumented errors for damaged files
        return "unreadable"


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
        except OSError as error:
            errors.append(InkbenchError(f"{shown(text)}: {error.strerror or error}"))
    return files, errors


def find(
    inputs: Sequence[str], out: PurePath, compare: bool = False
) -> tuple[dict[PurePath, PurePath], list[InkbenchError]]:
    """Find the files of ``inputs`` (see `sources`; also ``s3://…``) and name their outputs.

    Parameters
    ----------
    out
        A folder, also in a bucket; or a file, if its suffix is in `WRITABLE` and there is one input
        file.
    compare
        Whether before/after images are written beside the results.

    Returns
    -------
    targets, errors
        The output of each file, and an error for each unusable input.

    Raises
    ------
    InkbenchError
        If ``out`` is one file for several inputs, or a file of a format that cannot be written; or
        if a bucket cannot be reached.
    """
    local = out if isinstance(out, Path) else None
    files: dict[PurePath, PurePath] = {}
    errors: list[InkbenchError] = []
    for text in inputs:
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
    unusable = out.suffix.lower() in _PICTURES or (local and local.exists())
    if not into_file and not (local and local.is_dir()) and unusable:
        formats = ", ".join(sorted(WRITABLE))
        raise InkbenchError(f"{shown(out)}: neither a folder nor a file in {formats}; choose one")
    originals = {os.path.realpath(source) for source in files}
    planned: dict[PurePath, PurePath] = {}  # output → input
    targets: dict[PurePath, PurePath] = {}
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
        if "**" in text:  # glob passes over folders that it cannot read
            start = os.path.dirname(text[: text.index("**") + 1]) or "."
            for _, folders, _ in os.walk(start, onerror=lambda error: _unreadable(error, errors)):
                folders[:] = [name for name in folders if not name.startswith(".")]
        if not matches:
            raise InkbenchError(f"{shown(text)}: matches no file")
    for path in map(Path, matches):
        if path.is_dir():
            yield from _in_folder(path, out, errors)
        else:
            path.stat()  # raises for a missing file or a link cycle
            yield path, Path(_target_name(path))


def _is_below(path: str, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _in_bucket(text: str, out: PurePath) -> dict[PurePath, PurePath]:
    """Find images in a bucket, judged by their suffixes; arguments are as in `sources`."""
    place = remote.location(text)
    found: dict[PurePath, PurePath] = {}
    with remote.reaching(place) as system:
        magic = glob.has_magic(str(place))
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
            elif path.suffix.lower() not in _PICTURES:
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
            if out and out.exists() and os.path.exists(path) and out.samefile(path):
                folders.remove(name)
            elif name.startswith(".") or path.is_symlink():
                _skip(path, "a hidden folder" if name.startswith(".") else "a link to a folder")
                folders.remove(name)
        folders.sort()
        for name in sorted(names):
            path, hidden = parent / name, name.startswith(".")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about damage; reading reports it
                content = kind(path)
            picture = content or path.suffix.lower() in _PICTURES
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
    stem = source.stem if suffix in _PICTURES else source.name
    content = content or kind(Path(source))
    return _name(stem, _SUFFIXES.get(content or "", ".png"))


def _name(stem: str, ending: str) -> str:
    """A file name of at most 255 bytes, the limit of file systems; a longer stem is cut."""
    while len(os.fsencode(stem + ending)) > 255:
        stem = stem[:-1]
    return stem + ending
