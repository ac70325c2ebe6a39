"""Processed datasets on disk: uncompressed ``.npz`` arrays and one ``dataset.json`` per dataset.

The same arrays give the same bytes, so that DVC sees a new version only if the data changed.
"""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import layout, records
from inkbench.errors import InkbenchError

PARTS = ("train", "valid", "test")
UNLABELLED = "unlabelled"
PAGE_DISJOINT = "page-disjoint"


@dataclass(frozen=True)
class Images:
    """One part of a dataset of labelled images."""

    images: np.ndarray  # uint8 [n, h, w], 255 = ink
    labels: np.ndarray  # uint8 [n], indices of the classes
    groups: np.ndarray  # int64 [n]; images with the same number have the same pixels


@dataclass(frozen=True)
class Page:
    """One page: uint8 ``[h, w]``, 255 = paper."""

    name: str
    noisy: np.ndarray
    clean: np.ndarray | None  # the target, if there is one
    noise: str  # such as "coffee", or "unknown"
    group: int  # pages with the same number have the same clean side; -1 without one


def save_images(folder: Path, part: str, images: Images) -> None:
    """Write one part of an image dataset as ``folder/<part>.npz``."""
    _save(folder, part, vars(images))


def save_pages(folder: Path, part: str, pages: Iterable[Page]) -> None:
    """Write pages as ``folder/<part>.npz``: one array per page size, pages in the order given."""
    sizes: dict[str, list[Page]] = {}
    for page in pages:
        height, width = page.noisy.shape
        sizes.setdefault(f"{height}x{width}", []).append(page)
    arrays: dict[str, np.ndarray] = {}
    for size, same in sorted(sizes.items()):
        arrays[f"noisy_{size}"] = np.stack([page.noisy for page in same])
        arrays[f"names_{size}"] = np.array([page.name for page in same])
        arrays[f"noise_{size}"] = np.array([page.noise for page in same])
        clean = [page.clean for page in same if page.clean is not None]
        if clean:
            arrays[f"clean_{size}"] = np.stack(clean)
            arrays[f"groups_{size}"] = np.array([page.group for page in same], np.int64)
    _save(folder, part, arrays)


def save_card(folder: Path, card: dict[str, Any]) -> None:
    """Write ``dataset.json``: counts, splits, skipped files, provenance."""
    records.write_json(folder / layout.dataset_card("").name, card)


def load_images(dataset: str, part: str) -> Images:
    """Read one part (``train``, ``valid`` or ``test``) of an image dataset.

    Raises
    ------
    InkbenchError
        If the file is missing, damaged or of another dataset.
    """
    arrays = _load(dataset, part)
    try:
        return Images(arrays["images"], arrays["labels"], arrays["groups"])
    except KeyError as error:
        raise _damaged(dataset, part, f"has no array {error}") from None


def load_pages(dataset: str, part: str, split: str = PAGE_DISJOINT) -> list[Page]:
    """Read the pages of one part of a split, sorted by name.

    Parameters
    ----------
    dataset
        A dataset of pages.
    part
        ``train``, ``valid`` or ``test``; or ``unlabelled`` for pages without a clean version.
    split
        ``page-disjoint``, or one that ``dataset.json`` lists by name (``mlebench``,
        ``background-disjoint``) and that draws from all three files.

    Raises
    ------
    InkbenchError
        If a file is missing or damaged, or there is no such split.
    """
    if part == UNLABELLED or split == PAGE_DISJOINT:
        return _by_name(_pages(dataset, part))
    splits = load_card(dataset).get("splits", {})
    if part not in splits.get(split, {}):
        raise InkbenchError(
            f"{layout.dataset_card(dataset)}: no split {split!r} with a part {part!r}; "
            f"there are: {', '.join(splits) or 'none'}"
        )
    wanted = set(splits[split][part])
    return _by_name(page for p in PARTS for page in _pages(dataset, p) if page.name in wanted)


def load_card(dataset: str) -> dict[str, Any]:
    """Read ``dataset.json``; `InkbenchError` if it is missing or damaged."""
    path, remedy = layout.dataset_card(dataset), _remedy(dataset)
    card = records.record(path, remedy)
    for key, kind in (("classes", list), ("data_source", str)):
        if not isinstance(card.get(key), kind):
            raise records.corrupt(path, ValueError(f"no {key!r}"), remedy)
    return card


def _pages(dataset: str, part: str) -> list[Page]:
    arrays = _load(dataset, part)
    pages = []
    try:
        for key in arrays:
            kind, _, size = key.partition("_")
            if kind != "noisy":
                continue
            names, noise = arrays[f"names_{size}"], arrays[f"noise_{size}"]
            clean = arrays.get(f"clean_{size}", [None] * len(names))
            groups = arrays.get(f"groups_{size}", [-1] * len(names))
            rows = zip(names, arrays[key], clean, noise, groups, strict=True)
            pages += [Page(str(name), n, c, str(kind), int(g)) for name, n, c, kind, g in rows]
    except (KeyError, ValueError) as error:
        raise _damaged(dataset, part, f"lacks pages: {error}") from None
    return pages


def _save(folder: Path, part: str, arrays: dict[str, np.ndarray]) -> None:
    np.savez(folder / f"{part}.npz", **arrays)  # type: ignore[arg-type]


def _by_name(pages: Iterable[Page]) -> list[Page]:
    return sorted(pages, key=lambda page: (len(page.name), page.name))  # "2" before "10"


def _load(dataset: str, part: str) -> dict[str, np.ndarray]:
    path = layout.processed(dataset) / f"{part}.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise InkbenchError(f"{path} not found; run: {_remedy(dataset)}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(dataset, part, f"is damaged ({error})") from None


def _damaged(dataset: str, part: str, what: str) -> InkbenchError:
    path = layout.processed(dataset) / f"{part}.npz"
    return InkbenchError(f"{path} {what}; run: {_remedy(dataset, force=True)}")


def _remedy(dataset: str, force: bool = False) -> str:
    return f"dvc repro {'--force --single-item ' if force else ''}preprocess@{dataset}"
