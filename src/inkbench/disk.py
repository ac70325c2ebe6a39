"""Replace files and folders atomically; a failure leaves the previous version in place."""

import contextlib
import errno
import hashlib
import os
import shutil
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from inkbench.errors import InkbenchError, shown

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn an OSError while writing ``target`` into an `InkbenchError`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            folder = next(path for path in (target, *target.parents, Path()) if path.is_dir())
            free = shutil.disk_usage(folder).free // 10**6
            reason = f"no room to write it ({free} MB free); free some space and rerun"
        else:
            reason = f"cannot be written: {error.strerror or error}; fix the cause and rerun"
        raise InkbenchError(f"{shown(target)}: {reason}") from None


def empty_folder(folder: Path) -> None:
    """Create an empty folder, removing leftovers of a killed run."""
    with writing(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)


@contextlib.contextmanager
def new_version(folder: Path) -> Iterator[Path]:
    """Yield a scratch folder that replaces ``folder`` if the block succeeds.

    Raises
    ------
    InkbenchError
        If the disk is full or not writable; ``folder`` is then unchanged.
    """
    scratch, old = (folder.with_name(f".{folder.name}.{suffix}") for suffix in ("new", "old"))
    try:
        empty_folder(scratch)
        with writing(folder):
            if old.exists() and not folder.exists():  # killed between the two renames
                os.replace(old, folder)
            shutil.rmtree(old, ignore_errors=True)
            yield scratch
            if folder.exists():
                os.replace(folder, old)
            os.replace(scratch, folder)
    finally:
        if old.exists() and not folder.exists():  # interrupted between the two
            os.replace(old, folder)
        for leftover in (scratch, old):
            shutil.rmtree(leftover, ignore_errors=True)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a scratch path that replaces ``path`` if the block succeeds.

    Raises
    ------
    InkbenchError
        If the disk is full or not writable; ``path`` is then unchanged.
    """
    # The process id keeps concurrent writers of the same file apart.
    scratch = path.with_name(f"{_scratch_start(path)}.{os.getpid()}.new{path.suffix}")
    try:
        with writing(path):
            yield scratch
            os.replace(scratch, path)
    finally:
        with contextlib.suppress(OSError):  # of a folder that may not be changed
            scratch.unlink()


def remove_leftovers(paths: Iterable[Path], running: Container[int] = ()) -> bool:
    """Remove the scratch files that killed writers of these files left behind.

    Parameters
    ----------
    running
        Ids of processes whose files are kept.

    Returns
    -------
    bool
        Whether a file was removed.
    """
    removed = False
    starts = defaultdict(set)
    for path in paths:
        starts[path.parent].add(_scratch_start(path))
    for folder, names in starts.items():
        with contextlib.suppress(OSError):  # a folder that may not be searched
            for file in folder.glob(".*.new*"):
                _, digest, process, *_ = file.name.split(".")
                if f".{digest}" in names and int(process) not in running:
                    file.unlink(missing_ok=True)
                    removed = True
    return removed


def _scratch_start(path: Path) -> str:
    """A digest, as the name itself may be as long as file systems allow."""
    return f".{hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()}"


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically; raises the errors of `new_file`."""
    with new_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")
