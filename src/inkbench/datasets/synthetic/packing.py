"""Archives whose bytes depend on their content only."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from inkbench import disk

_ZIP_DATE = (2000, 1, 1, 0, 0, 0)
_LEVEL = 4  # of compression: higher ones take longer and save little


def png(image: np.ndarray) -> bytes:
    """Encode a uint8 ``[h, w]`` image as an 8-bit grey PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=_LEVEL)
    return buffer.getvalue()


def write_gzip(path: Path, content: bytes) -> None:
    """Write one gzipped file."""
    with disk.new_file(path) as scratch:
        scratch.write_bytes(gzip.compress(content, _LEVEL, mtime=0))


def write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    """Write a zip of PNG files (stored: they are compressed already)."""
    with disk.new_file(path) as scratch, zipfile.ZipFile(scratch, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, date_time=_ZIP_DATE)
            info.create_system = 3  # not the one of this platform
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[name])


def write_tar_gz(path: Path, members: Mapping[str, bytes]) -> None:
    """Write a gzipped tar."""
    with (
        disk.new_file(path) as scratch,
        scratch.open("wb") as stream,
        gzip.GzipFile("", "wb", _LEVEL, stream, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for name in sorted(members):
            info = tarfile.TarInfo(name)
            info.size = len(members[name])
            archive.addfile(info, io.BytesIO(members[name]))
