"""MNIST: handwritten digits (LeCun, Cortes, Burges, 1998)."""

import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import disk, layout
from inkbench.datasets import archives, cards, fetch, splits
from inkbench.datasets.common import store
from inkbench.datasets.common.store import Images
from inkbench.errors import InkbenchError
from inkbench.params import Data

NAME = "mnist"
CLASSES = list("0123456789")
SHAPE = (28, 28)
_MOST_ITEMS = 100_000
_UINT8 = 8  # type code of the IDX format


def preprocess(settings: Data) -> dict[str, Any]:
    """Raw archives → ``data/processed/mnist``: the official test set, validation out of train.

    Copies of an image are kept together; a training image that is also in the test set is dropped.

    Returns
    -------
    What ``dataset.json`` says.

    Raises
    ------
    InkbenchError
        If an archive is missing, damaged or not what the IDX format says.
    """
    provenance = fetch.load_provenance(NAME)
    train, test = (_read(prefix) for prefix in ("train", "t10k"))
    labels = np.concatenate([train[1], test[1]])
    keys = [hashlib.sha256(image).digest() for s in (train, test) for image in s[0]]
    groups = splits.first_occurrence(keys)
    size = len(train[0])
    in_both = np.isin(groups[:size], groups[size:])
    train_rows, test_rows = np.flatnonzero(~in_both), np.arange(size, len(groups))
    if settings.limit:
        test_limit = settings.limit // 7  # as in the whole: 60,000 and 10,000
        train_rows, test_rows = (
            rows[splits.take_groups(groups[rows], labels[rows], limit, settings.seed, least)]
            for rows, limit, least in (
                (train_rows, settings.limit - test_limit, 2),
                (test_rows, test_limit, 1),
            )
        )
    chosen = splits.split_groups(
        groups[train_rows], labels[train_rows], {"valid": settings.valid}, settings.seed
    )
    rows = {part: train_rows[at] for part, at in chosen.items()} | {"test": test_rows}
    images = np.concatenate([train[0], test[0]])
    parts = {part: Images(images[at], labels[at], groups[at]) for part, at in rows.items()}
    card = cards.card(
        NAME,
        provenance,
        classes=CLASSES,
        counts={p: cards.class_counts(images.labels, CLASSES) for p, images in parts.items()},
        skipped=[],
        duplicates=splits.duplicates(groups) | {"dropped_from_train": int(in_both.sum())},
        conflicting=[],
        image_shape=list(SHAPE),
        splits={
            "policy": "official test set; validation from train, by image hash and class",
            "seed": settings.seed,
            "valid": settings.valid,
            "test": settings.test,
        },
    )
    with disk.new_version(layout.processed(NAME)) as folder:
        for part, content in parts.items():
            store.save_images(folder, part, content)
        store.save_card(folder, card)
    return card


def read_idx(path: Path) -> np.ndarray:
    """Read a gzipped IDX file of bytes (the format is described on the MNIST page).

    Returns
    -------
    uint8, of the shape that the header states.

    Raises
    ------
    InkbenchError
        If the file is damaged, or its header and its length disagree.
    """
    content = archives.gunzip(path, limit=_MOST_ITEMS * SHAPE[0] * SHAPE[1])
    try:
        zeros, kind, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except struct.error:
        raise archives.ArchiveError(path, "too short for an IDX file") from None
    body = np.frombuffer(content, np.uint8)[4 + 4 * dimensions :]
    if zeros or kind != _UINT8 or body.size != np.prod(shape, dtype=np.int64):
        raise archives.ArchiveError(
            path, f"not an IDX file of bytes: shape {shape}, type {kind}, {body.size:,} bytes"
        )
    return body.reshape(shape)


def _read(prefix: str) -> tuple[np.ndarray, np.ndarray]:
    kinds = ("images-idx3", "labels-idx1")
    paths = [layout.raw(NAME) / f"{prefix}-{kind}-ubyte.gz" for kind in kinds]
    images, labels = (read_idx(path) for path in paths)
    if images.shape != (len(labels), *SHAPE) or labels.ndim != 1 or labels.max(initial=0) > 9:
        raise InkbenchError(
            f"{paths[0]}: images {images.shape} do not fit labels {labels.shape} 0..9 of "
            f"{paths[1].name}; delete both and fetch them again"
        )
    return images, labels
