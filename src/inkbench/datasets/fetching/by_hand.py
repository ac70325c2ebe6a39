"""Archives that a user unpacked or left inside another one, as in Kaggle's "Download All" zip."""

import shutil
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from inkbench.datasets.reading import archives
from inkbench.datasets.specs import Archive

_Open = Callable[[], IO[Any]]


def pack(archive: Archive, folder: Path, others: set[str], target: Path) -> bool:
    """Write an archive from what else is in ``folder``: a copy of it, or its unpacked members.

    Parameters
    ----------
    archive
        What to write. Members of ``train.zip`` are the files below a folder ``train``.
    folder
        ``data/raw/D``. Its subfolders and zip files are searched.
    others
        Names in it that are not searched.
    target
        The file to write; the caller verifies it.

    Returns
    -------
    Whether there was anything to write.
    """
    stem = archive.name.removesuffix(".zip").removesuffix(".tar.gz")
    members: dict[str, _Open] = {}
    for parts, read in _files(folder, others):
        if parts[-1] == archive.name:
            with read() as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            return True
        if stem in parts[:-1]:
            start = len(parts) - 1 - parts[::-1].index(stem)
            members["/".join(parts[start:])] = read
    if members:
        with zipfile.ZipFile(target, "w") as packed:
            for name in sorted(members):
                with members[name]() as source:
                    content = source.read(archives.MEMBER_LIMIT + 1)
                if len(content) > archives.MEMBER_LIMIT:
                    raise ValueError(f"{name}: more than {archives.MEMBER_LIMIT:,} bytes")
                packed.writestr(zipfile.ZipInfo(name), content)
    return bool(members)


def _files(folder: Path, others: set[str]) -> Iterator[tuple[tuple[str, ...], _Open]]:
    """Path below ``folder`` (or inside a zip there) of every file, and how to open it."""
    for path in sorted(folder.iterdir()):
        if path.name in others or path.name.startswith("."):
            continue
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file():
                    yield file.relative_to(folder).parts, partial(file.open, "rb")
        elif zipfile.is_zipfile(path):
            outer = zipfile.ZipFile(path)
            for info in outer.infolist():
                if not info.is_dir():
                    parts = PurePosixPath(info.filename.replace("\\", "/")).parts
                    yield parts, partial(archives.open_member, outer, info)
