"""Downloaded archives, read in place: nothing is unpacked to disk, and nothing is trusted.

`tarfile` and `zipfile` do the work. What is added here: limits on names and sizes, and a guard for
`tarfile`, which would read a long name or an extended header of any declared size into memory.
"""

import gzip
import hashlib
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from tqdm import tqdm

from inkbench.errors import InkbenchError

MEMBER_LIMIT = 16 * 2**20  # bytes, unpacked; a page of the documents has 0.1 MB
TOTAL_LIMIT = 2**31  # bytes, unpacked, with a tar's headers; notMNIST_large has 0.7 GB

# Files and folders that macOS and Windows add.
_ADDED = {"__MACOSX", ".AppleDouble", ".DS_Store", "Thumbs.db", "desktop.ini"}

DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,  # zipfile: encrypted, or compressed in an unknown way
)


class ArchiveError(InkbenchError):
    """An archive is damaged or not the official one.

    Attributes
    ----------
    reason
        The message without the path.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}; delete it and fetch it again")
        self.reason = reason


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Regular files of a ``.zip``, ``.tar`` or ``.tar.gz``, in archive order, one at a time.

    Files that macOS and Windows add (``._name``, ``__MACOSX/``, ``Thumbs.db`` …) are left out.

    Parameters
    ----------
    path
        The archive. Its content decides its format, not its name.

    Yields
    ------
    name, content
        The name is relative, with ``/``, and never leads outside.

    Raises
    ------
    ArchiveError
        If the archive is damaged, or a member is a link, a device or sparse, leads outside
        (``../``, absolute) or is larger than allowed.
    """
    total = 0
    try:
        with path.open("rb") as file:
            read = _zip_members if zipfile.is_zipfile(file) else _tar_members
            file.seek(0)
            for member, content in read(file, path):
                total += len(content)
                if total > TOTAL_LIMIT:
                    raise _refused(path, member, f"brings the total over {TOTAL_LIMIT:,} bytes")
                name = PurePosixPath(member.replace("\\", "/"))  # without `./`, `//` and `/./`
                if not _is_added(name):
                    yield str(name), content
    except DAMAGE as error:
        raise ArchiveError(path, f"damaged or not an archive ({error})") from None


def content_digest(path: Path) -> str:
    """Digest of an archive's members, which repacking does not change.

    Returns
    -------
    sha256 (hex) over ``name NUL sha256hex(content) LF`` of every member, sorted by name.
    """
    progress = tqdm(members(path), f"checking {path.name}", unit=" files", disable=None, delay=2)
    lines = sorted(f"{name}\0{hashlib.sha256(content).hexdigest()}\n" for name, content in progress)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def gunzip(path: Path, limit: int) -> bytes:
    """Content of a ``.gz`` file, at most ``limit`` bytes; `ArchiveError` if it has more."""
    try:
        with gzip.open(path) as file:
            content = file.read(limit + 1)
    except DAMAGE as error:
        raise ArchiveError(path, f"damaged or not gzip ({error})") from None
    if len(content) > limit:
        raise ArchiveError(path, f"unpacks to more than {limit:,} bytes, so not the official file")
    return content


def _zip_members(file: BinaryIO, path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if not info.is_dir():
                _check(path, info.filename, info.file_size, stat.S_IFMT(mode) in (0, stat.S_IFREG))
                with open_member(archive, info) as member:
                    yield info.filename, member.read(info.file_size + 1)


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member whose ``read(n)`` unpacks little more than n bytes.

    Raises
    ------
    zipfile.BadZipFile
        If it is packed in a way that `zipfile` unpacks without a bound, such as bzip2.
    """
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        reason = f"{info.filename[:120]!r} is packed in an unusual way; pack it with deflate"
        raise zipfile.BadZipFile(reason)
    return archive.open(info)


def _tar_members(file: BinaryIO, path: Path) -> Iterator[tuple[str, bytes]]:
    is_packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    guard = _Guard(gzip.GzipFile(fileobj=file) if is_packed else file)
    text = {"encoding": "utf-8", "errors": "backslashreplace"}
    with tarfile.open(fileobj=guard, mode="r:", **text) as archive:  # type: ignore[call-overload]
        while info := archive.next():
            archive.members = []  # or it keeps half a million
            if info.isdir():
                continue
            _check(path, info.name, info.size, info.isreg() and not info.issparse())
            content = archive.extractfile(info)
            assert content is not None  # it is a regular file
            yield info.name, content.read()
    if guard.latest.strip(b"\0") or len(guard.latest) != tarfile.BLOCKSIZE:
        raise ValueError("no header or end of the archive where one should be")
    while guard.read(2**20):  # to the end, where gzip has its checksum
        pass


class _Guard:
    """A file that refuses to read too much, at once or in all.

    Attributes
    ----------
    latest
        What the latest call of `read` returned.
    """

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self._file = file
        self._total = 0
        self.latest = b""
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MEMBER_LIMIT + tarfile.BLOCKSIZE:
            raise ValueError(f"a header of {size:,} bytes, more than the {MEMBER_LIMIT:,} allowed")
        self.latest = self._file.read(size)
        self._total += len(self.latest)
        if self._total > TOTAL_LIMIT:
            raise ValueError(f"unpacks to more than the {TOTAL_LIMIT:,} bytes allowed")
        return self.latest


def _check(path: Path, name: str, size: int, is_regular: bool) -> None:
    if not is_regular:
        raise _refused(path, name, "is a link, a device or sparse")
    if name.startswith(("/", "\\")) or ":" in name[:2]:
        raise _refused(path, name, "has an absolute path")
    if ".." in name and ".." in name.replace("\\", "/").split("/"):
        raise _refused(path, name, "leads outside with '..'")
    if not 0 <= size <= MEMBER_LIMIT:
        reason = f"unpacks to {size:,} bytes, more than the {MEMBER_LIMIT:,} allowed"
        raise _refused(path, name, reason)


def _refused(path: Path, name: str, reason: str) -> ArchiveError:
    return ArchiveError(path, f"member {name[:120]!r} {reason}, so not the official archive")


def _is_added(name: PurePosixPath) -> bool:
    return name.name.startswith("._") or not _ADDED.isdisjoint(name.parts)
