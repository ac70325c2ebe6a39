"""The last step of every dataset of labelled images: duplicates, split, files on disk."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inkbench import disk, layout
from inkbench.datasets.common import store
from inkbench.datasets.common.store import Images
from inkbench.datasets.reading import cards, splits
from inkbench.datasets.specs import Spec
from inkbench.errors import InkbenchError

if TYPE_CHECKING:
    from inkbench.params import Data

MAX_LISTED = 500  # conflicts listed in dataset.json; their count is complete

Rows = dict[str, np.ndarray]  # part → indices of its images


def write(
    spec: Spec,
    settings: "Data",
    provenance: dict[str, Any],
    images: np.ndarray,
    labels: np.ndarray,
    *,
    n_test: int = 0,
    names: Sequence[str] = (),
    skipped: Sequence[dict[str, str]] = (),
    **facts: Any,
) -> dict[str, Any]:
    """Split labelled images and write ``data/processed/D``.

    All copies of an image stay in one part, and each class is split in the same proportion. An
    image with two labels is dropped, with all its copies. An official test set stays as it is, in
    the published order; a training image that is also in it is dropped.

    Parameters
    ----------
    spec, settings
        The dataset, and its block of ``params.yaml``.
    provenance
        As `provenance.load` returns it.
    images, labels
        uint8 ``[n, h, w]``, 255 = ink; uint8 ``[n]``.
    n_test
        Number of images at the end that are the official test set.
    names
        Names of the images, by which conflicting labels are listed; by default their indices.
    skipped
        Files that are not usable images: ``file`` and ``reason``.
    facts
        More keys of ``dataset.json``.

    Returns
    -------
    Content of ``dataset.json``.
    """
    top = labels.max(initial=0)
    if images.shape != (len(labels), *spec.image_shape) or top >= len(spec.classes):
        raise InkbenchError(
            f"{layout.raw(spec.name)}: images {images.shape} and labels {labels.shape} up to {top} "
            f"do not fit the SPEC of {spec.name}: {spec.image_shape}, {len(spec.classes)} classes"
        )
    groups = splits.duplicate_groups(images)
    n_distinct = len(np.unique(groups))
    conflicting = np.unique(groups[labels != labels[groups]])  # a group is its first image's index
    duplicates = {
        "distinct": n_distinct,
        "copies": len(groups) - n_distinct,
        "largest": int(np.bincount(groups).max()),
    }
    if spec.official_test:
        rows, dropped = _official(groups, labels, conflicting, n_test, settings)
        duplicates["dropped_from_train"] = dropped
        policy = "official test set; validation from train, by image hash and class"
    else:
        rows = _drawn(groups, labels, conflicting, settings)
        policy = "by image hash, stratified by class"
    card = cards.card(
        spec,
        provenance,
        subset=settings.subset,
        counts={part: _counts(labels[at], spec.classes) for part, at in rows.items()},
        skipped=list(skipped),
        duplicates=duplicates,
        conflicting=_listed(conflicting, groups, names)[:MAX_LISTED],
        conflicting_total=len(conflicting),
        splits={
            "policy": policy,
            "seed": settings.seed,
            "valid": settings.valid,
            "test": settings.test,
        },
        **facts,
    )
    with disk.new_version(layout.processed(spec.name)) as folder:
        for part, at in rows.items():
            store.save_images(folder, part, Images(images[at], labels[at], groups[at]))
        store.save_card(folder, card)
    return card


def _drawn(
    groups: np.ndarray, labels: np.ndarray, conflicting: np.ndarray, settings: "Data"
) -> Rows:
    """Random parts, shuffled, because archives are sorted by class."""
    usable = np.flatnonzero(~np.isin(groups, conflicting))
    few = splits.take_groups(groups[usable], labels[usable], settings.limit, settings.seed)
    usable = usable[few]
    shares = {"test": float(settings.test), "valid": settings.valid}
    chosen = splits.split_groups(groups[usable], labels[usable], shares, settings.seed)
    rng = np.random.default_rng(settings.seed)
    return {part: rng.permutation(usable[picked]) for part, picked in chosen.items()}


def _official(
    groups: np.ndarray, labels: np.ndarray, conflicting: np.ndarray, n_test: int, settings: "Data"
) -> tuple[Rows, int]:
    """Official test set, validation drawn from the rest; and how many of the rest were dropped."""
    size = len(groups) - n_test
    in_test = np.isin(groups[:size], groups[size:])
    train = np.flatnonzero(~in_test & ~np.isin(groups[:size], conflicting))
    test = np.arange(size, len(groups))
    if settings.limit:
        test_limit = settings.limit * n_test // len(groups)
        train, test = (
            rows[splits.take_groups(groups[rows], labels[rows], limit, settings.seed, least)]
            for rows, limit, least in (
                (train, settings.limit - test_limit, 2),
                (test, test_limit, 1),
            )
        )
    chosen = splits.split_groups(
        groups[train], labels[train], {"valid": settings.valid}, settings.seed
    )
    return {part: train[at] for part, at in chosen.items()} | {"test": test}, int(in_test.sum())


def _counts(labels: np.ndarray, classes: Sequence[str]) -> dict[str, int]:
    """Images per class and in all."""
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    return {**dict(zip(classes, counts, strict=True)), "total": len(labels)}


def _listed(conflicting: np.ndarray, groups: np.ndarray, names: Sequence[str]) -> list[list[str]]:
    """Names of the images of each group that has more than one label."""
    files: dict[int, list[str]] = defaultdict(list)
    for at in np.flatnonzero(np.isin(groups, conflicting)).tolist():
        files[int(groups[at])].append(names[at] if names else str(at))
    return list(files.values())
