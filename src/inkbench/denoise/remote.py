"""Inputs and outputs in a bucket: ``s3://…`` through fsspec."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING

from inkbench.errors import InkbenchError, shown

if TYPE_CHECKING:
    import fsspec

_SCHEME = "s3://"


class Remote(PurePosixPath):
    """The address of a file or folder in a bucket, with the methods of a path."""

    def __str__(self) -> str:
        return super().__str__().replace(":/", "://", 1)


def is_remote(text: str) -> bool:
    """Whether a text is a URL, not a local path."""
    return "://" in text


def location(text: str) -> Path | Remote:
    """The local path or the address that a text names.

    Raises
    ------
    InkbenchError
        If it is a URL that is not ``s3://BUCKET…``.
    """
    if not is_remote(text):
        return Path(text)
    if not text.startswith(_SCHEME) or not text.removeprefix(_SCHEME).strip("/"):
        raise InkbenchError(f"{shown(text)}: expected a local path or s3://BUCKET/…")
    return Remote(text)


@contextlib.contextmanager
def reaching(place: PurePath) -> Iterator["fsspec.AbstractFileSystem"]:
    """Yield the file system of an address; errors become an `InkbenchError`."""
    try:
        import s3fs
    except ImportError:
        raise InkbenchError(
            f"{shown(place)}: s3:// needs the extra `s3`; install it: pip install -e '.[s3]'"
        ) from None
    try:
        yield s3fs.S3FileSystem()
    except FileNotFoundError as error:
        raise InkbenchError(f"{shown(place)}: not found ({_first_line(error)})") from None
    except Exception as error:  # s3fs and botocore raise many kinds
        remedy = "check the address, AWS_ENDPOINT_URL and credentials"
        raise InkbenchError(f"{shown(place)}: {_first_line(error)}; {remedy}") from None


def check_bucket(place: PurePath) -> None:
    """Raise an error if files cannot be put at a place because there is no such bucket."""
    if not isinstance(place, Path):
        with reaching(place) as system:
            system.call_s3("head_bucket", Bucket=place.parts[1])


def modified(path: PurePath) -> float | None:
    """When a file was written, in seconds since 1970; None if there is none."""
    if isinstance(path, Path):
        try:
            return path.stat().st_mtime if path.is_file() else None
        except OSError:  # in a folder that may not be searched
            return None
    with reaching(path) as system:
        try:
            return system.info(str(path))["LastModified"].timestamp()
        except (FileNotFoundError, KeyError):  # nothing there, or a folder
            return None


@contextlib.contextmanager
def fetched(source: PurePath) -> Iterator[Path]:
    """Yield a local copy of a file; a local file itself."""
    if isinstance(source, Path):
        yield source
        return
    with tempfile.TemporaryDirectory() as folder, _named(folder, source):
        path = Path(folder, source.name)
        with reaching(source) as system:
            system.get_file(str(source), str(path))
        yield path


@contextlib.contextmanager
def delivered(target: PurePath, force: bool) -> Iterator[Path]:
    """Yield a local path for a file; if the block succeeds, the file is written as a whole.

    With it goes what was written beside it.

    Raises
    ------
    InkbenchError
        If it exists, unless ``force``, or cannot be written.
    """
    if isinstance(target, Path):
        yield target
        return
    with tempfile.TemporaryDirectory() as folder, _named(folder, target):
        path = Path(folder, target.name)
        _refuse_existing(target, force)
        yield path
        for file in sorted(path.parent.iterdir(), key=lambda file: file == path):  # itself last
            address = target.with_name(file.name)
            _refuse_existing(address, force)
            with reaching(address) as system:
                system.put_file(str(file), str(address))


def _refuse_existing(target: PurePath, force: bool) -> None:
    if not force and modified(target) is not None:
        raise InkbenchError(
            f"{shown(target)}: exists; use --force to overwrite it, or --resume to skip it"
        )


@contextlib.contextmanager
def _named(folder: str, address: PurePath) -> Iterator[None]:
    """Name the address, not its local copy, in errors."""
    try:
        yield
    except InkbenchError as error:
        raise InkbenchError(str(error).replace(folder, str(address.parent))) from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
