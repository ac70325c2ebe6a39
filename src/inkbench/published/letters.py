"""notMNIST as the notMNIST_autoencoder document's scripts read it: every readable image."""

import gzip
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inkbench import layout
from inkbench.datasets import archives, fetch, notmnist
from inkbench.datasets.spool import Spool
from inkbench.errors import InkbenchError
from inkbench.records import rerun_command

_SIDE = 28


@dataclass(frozen=True)
class Letters:
    """All readable images, duplicates included, sorted by file name.

    Attributes
    ----------
    images, labels
        uint8 ``[n, 28, 28]`` (255 = ink) and ``[n]``.
    keys
        bytes ``[n]``: the same for images of the same pixels.
    """

    images: np.ndarray
    labels: np.ndarray
    keys: np.ndarray


def archive() -> Path:
    """The archive that the data stage fetched."""
    provenance = fetch.load_provenance(notmnist.NAME)
    return layout.raw(notmnist.NAME) / provenance["files"][0]["name"]


def read(limit: int | None) -> Letters:
    """Read every readable image of the archive, or ``limit`` of them drawn by lot."""
    with Spool(Path(tempfile.gettempdir()), (_SIDE, _SIDE)) as spool:
        found = notmnist.read(archive(), spool)
        rows = np.arange(len(found.labels))
        if limit and limit < len(rows):
            rows = np.sort(np.random.default_rng(0).choice(rows, limit, replace=False))
        images = spool.select(found.numbers[rows])[:]
    return Letters(images, found.labels[rows], np.array(found.keys)[rows])


def tiles(limit: int) -> np.ndarray:
    """Read the archive as if it were a gzipped IDX file of images, as the script did.

    The script decompresses the file, skips the 16 bytes of an IDX header and cuts the rest, tar
    headers and compressed PNG data, into at most ``limit`` images: uint8 ``[n, 28, 28]``.
    `InkbenchError` if the archive is damaged or too small.
    """
    path, size = archive(), _SIDE * _SIDE
    try:
        with path.open("rb") as file:
            is_gzip = file.peek(2)[:2] == b"\x1f\x8b"  # the zip from Zenodo is read as it is
            stream = gzip.GzipFile(fileobj=file) if is_gzip else file
            content = stream.read(16 + limit * size)[16:]
    except (OSError, EOFError) as error:
        raise archives.ArchiveError(path, f"damaged or not gzip ({error})") from None
    count = len(content) // size
    if count < 40:
        raise InkbenchError(
            f"{path}: only {count} tiles of 28×28 bytes; at least 40 are needed for training; "
            f"run `{rerun_command('download', path.parent.name)}`"
        )
    return np.frombuffer(content, np.uint8, count * size).reshape(count, _SIDE, _SIDE)
