"""Writing files so that a full disk costs one line, not the good state that was there before."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from inkbench.errors import InkbenchError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn a failure to write a file or folder into the one line that says what to do."""
    try:
        yield
    except OSError as error:
        raise InkbenchError(_reason(target, error)) from None


def empty_folder(folder: Path) -> None:
    """Make a folder, without what a killed run may have left in it."""
    with writing(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)


@contextlib.contextmanager
def new_version(folder: Path) -> Iterator[Path]:
    """A scratch folder that takes the place of ``folder`` when the block ends without an error.

    Raises
    ------
    InkbenchError
        If the disk is full or not writable; ``folder`` is then as it was.
    """
    scratch, old = (folder.with_name(f".{folder.name}.{suffix}") for suffix in ("new", "old"))
    try:
        empty_folder(scratch)
        shutil.rmtree(old, ignore_errors=True)
        with writing(folder):
            yield scratch
            if folder.exists():
                os.replace(folder, old)
            os.replace(scratch, folder)
    finally:
        for leftover in (scratch, old):
            shutil.rmtree(leftover, ignore_errors=True)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write; takes its place when the block ends without an error.

    Raises
    ------
    InkbenchError
        If the disk is full or not writable; ``path`` is then as it was.
    """
    # Of this process: two that write the same file do not meet before one takes the place.
    scratch = path.with_name(f".{path.stem}.{os.getpid()}.new{path.suffix}")
    try:
        with writing(path):
            yield scratch
            os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all; errors as `new_file`."""
    with new_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def _reason(target: Path, error: OSError) -> str:
    if error.errno in _FULL:
        folder = next(path for path in (target, *target.parents, Path()) if path.is_dir())
        free = shutil.disk_usage(folder).free // 10**6
        return f"{target}: no room to write it ({free} MB free there); free some and run again"
    return f"{target}: cannot be written: {error.strerror or error}; mend that and run again"
