"""notMNIST: letters A–J from many fonts (Yaroslav Bulatov, 2011)."""

import hashlib
import itertools
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from inkbench import disk, layout
from inkbench.datasets import archives, cards, fetch, png, splits
from inkbench.datasets.common import store
from inkbench.datasets.spool import Spool
from inkbench.errors import InkbenchError
from inkbench.params import Data

NAME = "notmnist"
CLASSES = list("ABCDEFGHIJ")
SHAPE = (28, 28)
LABEL_NOISE = {"small": 0.005, "large": 0.065}  # share of wrong labels, Bulatov's estimates
MOST_LISTED = 500  # conflicts named in dataset.json; their count is complete
_BATCH = 2048  # files decoded at a time


@dataclass(frozen=True)
class Letters:
    """What an archive holds besides pixels, sorted by file name.

    Attributes
    ----------
    numbers
        int64 ``[n]``: the how-manieth usable image of the archive each is.
    labels, keys, names
        Class (uint8 ``[n]``), hash of the pixels and file name of each image.
    skipped
        Files that are no usable image.
    """

    numbers: np.ndarray
    labels: np.ndarray
    keys: list[bytes]
    names: list[str]
    skipped: cards.Skipped


def preprocess(settings: Data) -> dict[str, Any]:
    """Raw archive → ``data/processed/notmnist``.

    Copies of an image stay on one side of the split; an image that stands under two labels is
    dropped, all its copies with it.

    Returns
    -------
    What ``dataset.json`` says.

    Raises
    ------
    InkbenchError
        If the archive is missing, damaged, or more than 1 % of its images are unusable.
    """
    provenance = fetch.load_provenance(NAME)
    path = layout.raw(NAME) / provenance["files"][0]["name"]
    with disk.new_version(layout.processed(NAME)) as folder, Spool(folder, SHAPE) as spool:
        letters = read(path, spool)
        groups = splits.first_occurrence(letters.keys)
        first_label = letters.labels[groups]  # a group's number is the place of its first image
        conflicting = np.unique(groups[letters.labels != first_label])
        usable = np.flatnonzero(~np.isin(groups, conflicting))
        parts = _split(usable, groups, letters.labels, settings)
        for part, at in parts.items():
            store.save_arrays(
                folder,
                part,
                images=spool.select(letters.numbers[at]),
                labels=letters.labels[at],
                groups=groups[at],
            )
        card = cards.card(
            NAME,
            provenance,
            subset=settings.subset,
            classes=CLASSES,
            counts={p: cards.class_counts(letters.labels[at], CLASSES) for p, at in parts.items()},
            skipped=letters.skipped,
            duplicates=splits.duplicates(groups) | {"largest": int(np.bincount(groups).max())},
            conflicting=_listed(conflicting, groups, letters)[:MOST_LISTED],
            conflicting_total=len(conflicting),
            label_noise=LABEL_NOISE[settings.subset],
            image_shape=list(SHAPE),
            splits={
                "policy": "by image hash, stratified by class",
                "seed": settings.seed,
                "valid": settings.valid,
                "test": settings.test,
            },
        )
        store.save_card(folder, card)
    return card


def read(path: Path, spool: Spool) -> Letters:
    """Decode every image of an archive into a spool.

    Raises
    ------
    InkbenchError
        If the archive is damaged, a file stands in a folder that is no class, or more than 1 % of
        the images are unusable.
    """
    labels = bytearray()
    keys: list[bytes] = []
    names: list[str] = []
    skipped: cards.Skipped = []
    files = tqdm(archives.members(path), f"reading {path.name}", unit=" files", disable=None)
    members = iter(files)
    while batch := list(itertools.islice(members, _BATCH)):
        images, unusable = png.batch([content for _, content in batch], SHAPE)
        usable = [at for at in range(len(batch)) if at not in unusable]
        spool.append(images[usable] if unusable else images)
        skipped += [{"file": batch[at][0], "reason": why} for at, why in unusable.items()]
        keys += [hashlib.sha256(images[at]).digest()[:16] for at in usable]
        names += [batch[at][0] for at in usable]
        of_all = [_label(path, name) for name, _ in batch]
        labels += bytes(of_all[at] for at in usable)
    if not names and not skipped:
        raise archives.ArchiveError(path, "holds no images")
    cards.refuse_if_many(path, skipped, len(names) + len(skipped))
    order = sorted(range(len(names)), key=names.__getitem__)
    return Letters(
        np.array(order, np.int64),
        np.frombuffer(labels, np.uint8)[order],
        [keys[at] for at in order],
        [names[at] for at in order],
        sorted(skipped, key=lambda entry: entry["file"]),
    )


def _split(
    usable: np.ndarray, groups: np.ndarray, labels: np.ndarray, settings: Data
) -> dict[str, np.ndarray]:
    """Positions of the images of each part, shuffled: the archive is sorted by class."""
    few = splits.take_groups(groups[usable], labels[usable], settings.limit, settings.seed)
    usable = usable[few]
    shares = {"test": float(settings.test), "valid": settings.valid}
    chosen = splits.split_groups(groups[usable], labels[usable], shares, settings.seed)
    rng = np.random.default_rng(settings.seed)
    return {part: rng.permutation(usable[picked]) for part, picked in chosen.items()}


def _label(path: Path, name: str) -> int:
    folder = name.split("/")[-2] if "/" in name else ""
    if folder not in CLASSES:
        raise InkbenchError(
            f"{path}: {name[:120]!r} stands in {folder!r}, which is no class "
            f"({CLASSES[0]}–{CLASSES[-1]}); not the official archive, delete it and fetch it again"
        )
    return CLASSES.index(folder)


def _listed(conflicting: np.ndarray, groups: np.ndarray, letters: Letters) -> list[list[str]]:
    files: dict[int, list[str]] = defaultdict(list)
    for at in np.flatnonzero(np.isin(groups, conflicting)):
        files[int(groups[at])].append(letters.names[at])
    return list(files.values())
