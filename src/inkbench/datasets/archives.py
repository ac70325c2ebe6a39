"""Archives from elsewhere, read in place: nothing is unpacked, and nothing in them is trusted."""

import gzip
import hashlib
import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from inkbench.errors import InkbenchError

# Most bytes that one member, and all of them, may unpack to.
MEMBER_LIMIT = 16 * 2**20  # bytes; a page of the documents is 0.1 MB
TOTAL_LIMIT = 2**30  # bytes; notMNIST_large holds 0.3 GB, UCI's pages 0.5 GB

_BLOCK = 512  # of a tar
_CHUNK = 2**20

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,  # zipfile: encrypted, or a compression it does not know
)


class ArchiveError(InkbenchError):
    """An archive is damaged or holds what no official one does; ``why`` leaves out its path."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}; delete it and fetch it again")
        self.why = why


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Regular files of a ``.zip``, ``.tar`` or ``.tar.gz``, in archive order, one at a time.

    Parameters
    ----------
    path
        The archive; its kind is told by its content, not by its name.

    Yields
    ------
    name, content
        Names are relative, with ``/``, and never lead outside.

    Raises
    ------
    ArchiveError
        On a member that is a link or a device, leads outside (``../``, absolute), is larger than
        allowed, or if the archive is damaged.
    """
    total = 0
    try:
        with path.open("rb") as file:
            read = _zip_members if zipfile.is_zipfile(file) else _tar_members
            file.seek(0)
            for name, size, content in read(file, path):
                total += size
                if total > TOTAL_LIMIT:
                    raise _refused(path, name, f"brings the total over {TOTAL_LIMIT:,} bytes")
                yield name, content
    except _DAMAGE as error:
        raise ArchiveError(path, f"damaged or not an archive ({error})") from None


def content_digest(path: Path) -> str:
    """Digest of what an archive holds, the same whoever packed it.

    Returns
    -------
    sha256 (hex) over ``name NUL sha256hex(content) LF`` of every member, sorted by name.
    """
    progress = tqdm(members(path), f"checking {path.name}", unit=" files", disable=None, delay=2)
    lines = sorted(f"{name}\0{hashlib.sha256(content).hexdigest()}\n" for name, content in progress)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def gunzip(path: Path, limit: int) -> bytes:
    """Content of a ``.gz`` file, refusing to unpack more than ``limit`` bytes."""
    try:
        with gzip.open(path) as file:
            content = file.read(limit + 1)
    except _DAMAGE as error:
        raise ArchiveError(path, f"damaged or not gzip ({error})") from None
    if len(content) > limit:
        raise ArchiveError(path, f"unpacks to more than {limit:,} bytes, so not the official file")
    return content


def _zip_members(file: BinaryIO, path: Path) -> Iterator[tuple[str, int, bytes]]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            plain = not mode or stat.S_ISREG(mode) or stat.S_IFMT(mode) == 0
            if not info.is_dir():
                _check(path, info.filename, info.file_size, plain)
                yield info.filename, info.file_size, archive.read(info)


def _tar_members(file: BinaryIO, path: Path) -> Iterator[tuple[str, int, bytes]]:
    """Members of a POSIX or GNU tar.

    `tarfile` would do, were it not four times slower on notMNIST's half million of small files,
    and did it not read a long name of whatever length a header claims into memory.
    """
    packed = file.peek(2)[:2] == b"\x1f\x8b"  # type: ignore[attr-defined]
    stream = _Stream(gzip.GzipFile(fileobj=file) if packed else file)
    override: dict[str, str] = {}  # what an extended header says about the next member
    while any(header := stream.take(_BLOCK)):  # the end is a block of zeros
        if header[257:262] != b"ustar":
            raise ValueError("no tar header where one should be")
        kind, name = header[156:157], _name(header)
        size = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
        if kind in b"xLg":
            _check(path, "(long name)", size, True)
            content = stream.take_padded(size)
            if kind == b"L":
                override["path"] = _text(content)
            elif kind == b"x":
                override |= _pax_records(content)
            continue
        name, size = override.pop("path", name), int(override.pop("size", size))
        if kind != b"5":
            _check(path, name, size, kind in b"0\0")
            yield name, size, stream.take_padded(size)
    stream.drain()  # to the end, where gzip has its checksum


class _Stream:
    """Bytes of a file in pieces of any size, inflated a chunk at a time."""

    def __init__(self, file: BinaryIO | gzip.GzipFile) -> None:
        self._chunks = iter(lambda: file.read(_CHUNK), b"")
        self._buffer, self._at = b"", 0
        self._left = 2 * TOTAL_LIMIT + 2**20  # headers and padding take their part, too

    def take(self, size: int) -> bytes:
        """The next bytes; `EOFError` if there are not as many."""
        if self._at + size > len(self._buffer):
            self._fill(size)
        piece = self._buffer[self._at : self._at + size]
        self._at += size
        return piece

    def take_padded(self, size: int) -> bytes:
        """The next bytes, and past what fills up their last block."""
        return self.take(-(-size // _BLOCK) * _BLOCK)[:size]

    def drain(self) -> None:
        """Read what is left, which the archive does not speak of."""
        for chunk in self._chunks:
            self._count(chunk)

    def _fill(self, size: int) -> None:
        pieces = [self._buffer[self._at :]]
        missing = size - len(pieces[0])
        while missing > 0 and (chunk := next(self._chunks, b"")):
            self._count(chunk)
            pieces.append(chunk)
            missing -= len(chunk)
        self._buffer, self._at = b"".join(pieces), 0
        if missing > 0:
            raise EOFError("it ends too early")

    def _count(self, chunk: bytes) -> None:
        self._left -= len(chunk)
        if self._left < 0:
            raise ValueError("it unpacks to more than allowed")


def _name(header: bytes) -> str:
    name = _text(header[:100])
    if header[257:263] == b"ustar\0" and header[345]:
        return f"{_text(header[345:500])}/{name}"
    return name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _pax_records(content: bytes) -> dict[str, str]:
    """``path`` and ``size`` of an extended header: records ``<length> <key>=<value>LF``."""
    records = {}
    while content:
        length = int(content.partition(b" ")[0])
        key, _, value = content[:length].partition(b" ")[2].partition(b"=")
        if length <= 0 or not value.endswith(b"\n"):
            raise ValueError("a damaged extended header")
        if key in (b"path", b"size"):
            records[key.decode()] = _text(value[:-1])
        content = content[length:]
    return records


def _check(path: Path, name: str, size: int, regular: bool) -> None:
    if not regular:
        raise _refused(path, name, "is a link or a device")
    if name.startswith(("/", "\\")) or ":" in name[:2]:
        raise _refused(path, name, "has an absolute path")
    if ".." in name and ".." in name.replace("\\", "/").split("/"):
        raise _refused(path, name, "leads outside with '..'")
    if not 0 <= size <= MEMBER_LIMIT:
        why = f"unpacks to {size:,} bytes, more than the {MEMBER_LIMIT:,} allowed"
        raise _refused(path, name, why)


def _refused(path: Path, name: str, why: str) -> ArchiveError:
    return ArchiveError(path, f"member {name[:120]!r} {why}, so not the official archive")
