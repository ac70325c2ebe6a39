"""notMNIST as the notMNIST_autoencoder document's scripts read it: every readable image."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inkbench import layout
from inkbench.datasets import notmnist
from inkbench.datasets.reading import archives, provenance, splits
from inkbench.errors import InkbenchError
from inkbench.records import rerun_command

_SIDE = 28
_LEAST = 40  # images; every part of a claim's split then has some


@dataclass(frozen=True)
class Letters:
    """All readable images, duplicates included, sorted by file name.

    Attributes
    ----------
    images, labels
        uint8 ``[n, 28, 28]`` (255 = ink) and ``[n]``.
    keys
        int64 ``[n]``: the same for images of the same pixels.
    """

    images: np.ndarray
    labels: np.ndarray
    keys: np.ndarray


def archive() -> Path:
    """The archive that the data stage fetched."""
    source = provenance.load(notmnist.SPEC.name)
    return layout.raw(notmnist.SPEC.name) / source["files"][0]["name"]


def read(limit: int | None) -> Letters:
    """Read every readable image of the archive, or ``limit`` of them at random.

    `InkbenchError` if the archive is damaged, or these are too few.
    """
    path = archive()
    found = notmnist.read(path)
    rows = np.arange(len(found.labels))
    if limit and limit < len(rows):
        rows = np.sort(np.random.default_rng(0).choice(rows, limit, replace=False))
    _refuse_if_few(path, len(rows), "images")
    keys = splits.duplicate_groups(found.images)
    return Letters(found.images[rows], found.labels[rows], keys[rows])


def tiles(limit: int) -> np.ndarray:
    """Read the archive as if it were a gzipped IDX file of images, as the script did.

    The script decompresses the file, skips the 16 bytes of an IDX header and cuts the rest, tar
    headers and compressed PNG data, into at most ``limit`` images: uint8 ``[n, 28, 28]``.
    `InkbenchError` if the archive is damaged, or these are too few.
    """
    path, size = archive(), _SIDE * _SIDE
    try:
        with path.open("rb") as file:
            is_gzip = file.peek(2)[:2] == b"\x1f\x8b"  # the zip from Zenodo is read as it is
            stream = gzip.GzipFile(fileobj=file) if is_gzip else file
            content = stream.read(16 + limit * size)[16:]
    except archives.DAMAGE as error:
        raise archives.ArchiveError(path, f"damaged or not gzip ({error})") from None
    count = len(content) // size
    _refuse_if_few(path, count, "tiles of 28×28 bytes")
    return np.frombuffer(content, np.uint8, count * size).reshape(count, _SIDE, _SIDE)


def _refuse_if_few(path: Path, count: int, what: str) -> None:
    if count < _LEAST:
        raise InkbenchError(
            f"{path}: only {count} {what}, at least {_LEAST} are needed; raise train_limit in "
            f"{layout.PARAMS}, or run `{rerun_command('download', path.parent.name)}`"
        )
