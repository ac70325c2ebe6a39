"""Dirty office pages and their clean twins (NoisyOffice, UCI 2015; Kaggle's competition)."""

import hashlib
import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from tqdm import tqdm

from inkbench import disk, layout
from inkbench.datasets import archives, cards, fetch, png, splits
from inkbench.datasets.common import store
from inkbench.datasets.common.store import Page
from inkbench.errors import InkbenchError
from inkbench.params import Data

NAME = "documents"
UCI = "noisyoffice.zip"
MLEBENCH = "mlebench"
BACKGROUND_DISJOINT = "background-disjoint"
MLEBENCH_VALID = 8  # pages held out of its training part, for choices
UNKNOWN = "unknown"

_NOISE = {"c": "coffee", "f": "fold", "p": "footprint", "w": "wrinkle"}
_UCI_NAME = re.compile(r"Font[fnL][tsr][em]_(Noise[cfpw]|Clean)_(TE|TR|VA)\.png")
_UCI_PAGES = 216  # 18 fonts × 4 kinds of noise × 3 partitions
_UCI_NOISY = "simulated_noisy_images_grayscale"
_UCI_CLEAN = "clean_images_grayscale"

Pictures = dict[str, np.ndarray | None]  # by page number; None: unusable


def preprocess(settings: Data) -> dict[str, Any]:
    """Raw archives → ``data/processed/documents``.

    All versions of one clean page stay on one side; page sizes are split in the same proportion.

    Returns
    -------
    What ``dataset.json`` says.

    Raises
    ------
    InkbenchError
        If an archive is missing or damaged, a page lacks its twin, or more than 1 % are unusable.
    """
    provenance = fetch.load_provenance(NAME)
    skipped: cards.Skipped = []
    pages, unlabelled = _read(provenance, skipped)
    groups = np.array([page.group for page in pages])
    heights = np.array([page.noisy.shape[0] for page in pages])
    rows = splits.take_groups(groups, heights, settings.limit, settings.seed)
    shares = {"test": float(settings.test), "valid": settings.valid}
    chosen = splits.split_groups(groups[rows], heights[rows], shares, settings.seed)
    parts = {part: [pages[at] for at in rows[picked]] for part, picked in chosen.items()}
    card = cards.card(
        NAME,
        provenance,
        classes=[],
        counts={part: _counts(of_part) for part, of_part in parts.items()},
        clean_pages={part: len({p.group for p in of_part}) for part, of_part in parts.items()},
        unlabelled=len(unlabelled),
        skipped=skipped,
        duplicates={"clean pages": len(np.unique(groups)), "noisy pages": len(pages)},
        conflicting=[],
        image_shape=[None, None],
        image_shapes=sorted({page.noisy.shape for page in pages}),
        splits={
            store.PAGE_DISJOINT: {part: [p.name for p in picked] for part, picked in parts.items()},
            MLEBENCH: _mlebench([pages[at].name for at in rows], settings.seed),
            BACKGROUND_DISJOINT: _background_disjoint([pages[at] for at in rows], settings),
            "policy": "page-disjoint: by clean page, stratified by page size",
            "seed": settings.seed,
            **shares,
        },
    )
    with disk.new_version(layout.processed(NAME)) as folder:
        for part, of_part in parts.items():
            store.save_pages(folder, part, of_part)
        if unlabelled:
            store.save_pages(folder, store.UNLABELLED, unlabelled)
        store.save_card(folder, card)
    return card


def _read(provenance: dict[str, Any], skipped: cards.Skipped) -> tuple[list[Page], list[Page]]:
    """Labelled and unlabelled pages in the order of their numbers, which are Kaggle's."""
    if provenance["files"][0]["name"] == UCI:
        path = layout.raw(NAME) / UCI
        noisy, clean, test = _uci_pictures(path, skipped)
    else:
        path = layout.raw(NAME) / "train.zip"
        noisy, clean, test = (
            _kaggle_pictures(layout.raw(NAME) / f"{name}.zip", skipped)
            for name in ("train", "train_cleaned", "test")
        )
    if not noisy and not clean:
        raise archives.ArchiveError(path, "holds no pages")
    cards.refuse_if_many(path, skipped, len(noisy) + len(clean) + len(test))
    pairs = _pairs(noisy, clean, path, skipped)
    keys = [hashlib.sha256(target.tobytes()).digest() for _, target in pairs.values()]
    groups = splits.first_occurrence(keys)
    kinds = _noise_kinds(list(pairs), groups)
    pages = [
        Page(name, *pairs[name], kinds[name], int(group))
        for name, group in zip(pairs, groups, strict=True)
    ]
    known = UNKNOWN not in kinds.values()
    return pages, [
        Page(name, picture, None, noise_of(int(name)) if known else UNKNOWN, -1)
        for name, picture in test.items()
        if picture is not None
    ]


def _pairs(
    noisy: Pictures, clean: Pictures, path: Path, skipped: cards.Skipped
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Both sides of the pages that have them, by name, in the order of their numbers."""
    for name in sorted(noisy.keys() ^ clean.keys(), key=int):
        has, lacks = ("noisy", "clean") if name in noisy else ("clean", "noisy")
        raise InkbenchError(
            f"{path}: the {has} page {name} has no {lacks} twin, so the archives are incomplete; "
            "delete them and fetch them again"
        )
    pairs = {}
    for name in sorted(noisy, key=int):
        picture, target = noisy[name], clean[name]
        if picture is None or target is None:
            continue
        if picture.shape != target.shape:
            reason = f"noisy page is {picture.shape}, its clean twin {target.shape}"
            skipped.append({"file": name, "reason": reason})
            continue
        pairs[name] = picture, target
    cards.refuse_if_many(path, skipped, len(noisy) + len(clean))
    return pairs


def noise_of(number: int) -> str:
    """Kind of noise of Kaggle's page of that number.

    Kaggle numbered NoisyOffice's files in the order of their names, ``Font…_Noise{c|f|p|w}_{TE|TR|
    VA}.png``: three pages with a coffee stain, three folded, three with footprints, three wrinkled,
    and so on. See ``data/README.md`` for how that was found.
    """
    return list(_NOISE.values())[(number - 1) // 3 % 4]


def _noise_kinds(names: list[str], groups: np.ndarray) -> dict[str, str]:
    """Noise of each page; ``unknown`` for all, if the pages are not in Kaggle's order."""
    kinds = {name: noise_of(int(name)) for name in names}
    blocks: dict[int, set[tuple[int, int]]] = {}
    for name, group in zip(names, groups.tolist(), strict=True):
        # Versions of a clean page have numbers of one block of twelve, and one remainder by three.
        blocks.setdefault(group, set()).add(((int(name) - 1) // 12, int(name) % 3))
    in_order = all(len(block) == 1 for block in blocks.values())
    return kinds if in_order else dict.fromkeys(names, UNKNOWN)


def _kaggle_pictures(path: Path, skipped: cards.Skipped) -> Pictures:
    """Pages of one of Kaggle's archives by number."""
    pictures = {}
    for name, content in archives.members(path):
        number = re.fullmatch(r"[a-z_]+/(\d+)\.png", name)
        if number:
            pictures[number[1]] = _decoded(f"{path.name}/{name}", content, skipped)
    return dict(sorted(pictures.items(), key=lambda item: int(item[0])))


def _uci_pictures(path: Path, skipped: cards.Skipped) -> tuple[Pictures, Pictures, Pictures]:
    """Noisy, clean and test pages of UCI's archive by the number that Kaggle gave them."""
    files: dict[str, dict[str, bytes]] = {_UCI_NOISY: {}, _UCI_CLEAN: {}}
    for name, content in tqdm(archives.members(path), f"reading {path.name}", disable=None):
        place = PurePosixPath(name)
        if place.parent.name in files and _UCI_NAME.fullmatch(place.name):
            files[place.parent.name][place.name] = content
    if len(files[_UCI_NOISY]) != _UCI_PAGES:
        raise archives.ArchiveError(
            path, f"{len(files[_UCI_NOISY])} simulated noisy pages instead of {_UCI_PAGES}"
        )
    noisy, clean, test = {}, {}, {}
    for number, file in enumerate(sorted(files[_UCI_NOISY]), start=1):
        picture = _decoded(file, files[_UCI_NOISY][file], skipped)
        if number % 3 == 1:  # its test pages stay unlabelled, as at Kaggle: same task, same figures
            test[str(number)] = picture
            continue
        noisy[str(number)] = picture
        twin = re.sub("_Noise[cfpw]_", "_Clean_", file)
        if twin in files[_UCI_CLEAN]:
            clean[str(number)] = _decoded(twin, files[_UCI_CLEAN][twin], skipped)
    return noisy, clean, test


def _decoded(file: str, content: bytes, skipped: cards.Skipped) -> np.ndarray | None:
    try:
        return png.grey(content)
    except png.Unusable as error:
        skipped.append({"file": file, "reason": str(error)})
        return None


def _mlebench(names: list[str], seed: int) -> dict[str, list[str]]:
    """The split of MLE-bench's task: a fifth of the pages, drawn from their paths as strings.

    Source: openai/mle-bench, ``mlebench/competitions/denoising-dirty-documents/prepare.py``. Test
    pages have their clean page, under other noises, in the training part.
    """
    from sklearn.model_selection import train_test_split

    paths = sorted(f"train/{name}.png" for name in names)
    rest, test = train_test_split(paths, test_size=0.2, random_state=0)
    held_out = min(MLEBENCH_VALID, len(rest) // 4)
    train, valid = train_test_split(sorted(rest), test_size=held_out, random_state=seed)
    split = {"train": train, "valid": valid, "test": test}
    return {
        part: sorted((path[len("train/") : -len(".png")] for path in picked), key=int)
        for part, picked in split.items()
    }


def _background_disjoint(pages: list[Page], settings: Data) -> dict[str, list[str]]:
    """Train and validation on the pages 2 mod 3, test on the pages 0 mod 3.

    Each NoisyOffice partition has one text and one scanned sheet per kind of noise; so here, alone
    of the splits, the test pages have a text and backgrounds that training has not seen.
    """
    rest, test = ([p for p in pages if int(p.name) % 3 == remainder] for remainder in (2, 0))
    groups = np.array([page.group for page in rest])
    heights = np.array([page.noisy.shape[0] for page in rest])
    chosen = splits.split_groups(groups, heights, {"valid": settings.valid}, settings.seed)
    return {
        "train": [rest[at].name for at in chosen["train"]],
        "valid": [rest[at].name for at in chosen["valid"]],
        "test": [page.name for page in test],
    }


def _counts(pages: list[Page]) -> dict[str, int]:
    kinds = Counter(page.noise for page in pages)
    return {**dict(sorted(kinds.items())), "total": len(pages)}
