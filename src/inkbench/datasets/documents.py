"""Dirty office pages and their clean versions (NoisyOffice, UCI 2015; Kaggle's competition)."""

import hashlib
import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from inkbench import layout
from inkbench.datasets.specs import KAGGLE, Archive, Spec
from inkbench.errors import InkbenchError

if TYPE_CHECKING:
    import numpy as np

    from inkbench.datasets.common.store import Page
    from inkbench.params import Data

MLEBENCH = "mlebench"
BACKGROUND_DISJOINT = "background-disjoint"
MLEBENCH_VALID = 8  # pages of its training part that are held out for validation
UNKNOWN = "unknown"

_KAGGLE_DIGESTS = {
    "train": "a179f6b08359e30737458deddf053bfcde343d976c9b2857578e3955c8d67c70",
    "train_cleaned": "c61414109edcb42c9a9ddcf880e29afeb8c1f1cd4b585b6c47ab079516838b0f",
    "test": "ce7ccd1f806fce34be0dfe7157c891058fa258d664efb89f91d99f83ceaa61b9",
}
_KAGGLE_PAGES = tuple(
    Archive(f"{name}.zip", (f"{KAGGLE}denoising-dirty-documents",), 2**26, content_digest=digest)
    for name, digest in _KAGGLE_DIGESTS.items()
)
_UCI_PAGES = Archive(
    "noisyoffice.zip",
    ("https://archive.ics.uci.edu/static/public/318/noisyoffice.zip",),
    2**30,
)

SPEC = Spec(
    name="documents",
    title="Dirty office pages",
    about="Typed pages with coffee stains, footprints, folds and wrinkles, and a clean version of "
    "each (NoisyOffice, UCI 318; Kaggle's Denoising Dirty Documents).",
    limits="There are few distinct texts and few distinct stained backgrounds, all simulated with "
    "one scanner. Test pages are unseen, but their texts (in other fonts) and backgrounds "
    "are in the training data.",
    tasks=("restoration", "cleaning"),
    image_shape=(),
    classes=(),
    editions={"all": (_KAGGLE_PAGES, (_UCI_PAGES,))},
    licence="CC BY 4.0",
    citation="M. J. Castro-Bleda, S. España-Boquera, J. Pastor-Pellicer, F. Zamora-Martínez: The "
    "NoisyOffice database: a corpus to train supervised machine learning filters for image "
    "processing, The Computer Journal 63(11), 2020; UCI dataset 318; also Kaggle, Denoising "
    "Dirty Documents, 2015",
    synthetic="pages",
)

_NOISE = {"c": "coffee", "f": "fold", "p": "footprint", "w": "wrinkle"}
_UCI_NAME = re.compile(r"Font[fnL][tsr][em]_(Noise[cfpw]|Clean)_(TE|TR|VA)\.png")
_UCI_COUNT = 216  # 18 fonts × 4 kinds of noise × 3 partitions
_UCI_NOISY = "simulated_noisy_images_grayscale"
_UCI_CLEAN = "clean_images_grayscale"

Images = dict[str, "np.ndarray | None"]  # by page number; None: unusable
Skipped = list[dict[str, str]]  # file and reason


def preprocess(settings: "Data") -> dict[str, Any]:
    """Raw archives → ``data/processed/documents``.

    All versions of a clean page stay in one part; page sizes are split in the same proportion.

    Returns
    -------
    Content of ``dataset.json``.

    Raises
    ------
    InkbenchError
        If an archive is missing or damaged, a page is incomplete, or over 1 % are unusable.
    """
    import numpy as np

    from inkbench import disk
    from inkbench.datasets.common import store
    from inkbench.datasets.reading import cards, provenance, splits

    source = provenance.load(SPEC.name)
    skipped: Skipped = []
    pages, unlabelled = _read(source, skipped)
    groups = np.array([page.group for page in pages])
    heights = np.array([page.noisy.shape[0] for page in pages])
    rows = splits.take_groups(groups, heights, settings.limit, settings.seed)
    shares = {"test": float(settings.test), "valid": settings.valid}
    chosen = splits.split_groups(groups[rows], heights[rows], shares, settings.seed)
    parts = {part: [pages[at] for at in rows[picked]] for part, picked in chosen.items()}
    names = {part: [page.name for page in picked] for part, picked in parts.items()}
    card = cards.card(
        SPEC,
        source,
        counts={part: _counts(picked) for part, picked in parts.items()},
        clean_pages={part: len({page.group for page in picked}) for part, picked in parts.items()},
        unlabelled=len(unlabelled),
        skipped=skipped,
        duplicates={"clean pages": len(np.unique(groups)), "noisy pages": len(pages)},
        conflicting=[],
        image_shapes=sorted({page.noisy.shape for page in pages}),
        splits={
            store.PAGE_DISJOINT: names,
            MLEBENCH: _mlebench([pages[at].name for at in rows], settings.seed),
            BACKGROUND_DISJOINT: _background_disjoint([pages[at] for at in rows], settings),
            "policy": "page-disjoint: by clean page, stratified by page size",
            "seed": settings.seed,
            **shares,
        },
    )
    with disk.new_version(layout.processed(SPEC.name)) as folder:
        for part, picked in parts.items():
            store.save_pages(folder, part, picked)
        if unlabelled:
            store.save_pages(folder, store.UNLABELLED, unlabelled)
        store.save_card(folder, card)
    return card


def _read(source: dict[str, Any], skipped: Skipped) -> tuple[list["Page"], list["Page"]]:
    """Labelled and unlabelled pages in the order of Kaggle's page numbers."""
    from inkbench.datasets.common.store import Page
    from inkbench.datasets.reading import archives, cards, splits

    folder = layout.raw(SPEC.name)
    path = folder / source["files"][0]["name"]
    if path.name == _UCI_PAGES.name:
        noisy, clean, test = _uci_images(path, skipped)
    else:
        path = folder / "train.zip"
        noisy, clean, test = (
            _kaggle_images(folder / f"{name}.zip", skipped) for name in _KAGGLE_DIGESTS
        )
    if not noisy and not clean:
        raise archives.ArchiveError(path, "holds no pages")
    pairs = _pairs(noisy, clean, path, skipped)
    cards.refuse_if_many(path, skipped, len(noisy) + len(clean) + len(test))
    keys = [hashlib.sha256(target.tobytes()).digest() for _, target in pairs.values()]
    groups = splits.first_occurrence(keys).tolist()
    kinds = _noise_kinds(list(pairs), groups)
    pages = [
        Page(name, *pairs[name], kinds[name], group)
        for name, group in zip(pairs, groups, strict=True)
    ]
    is_known = UNKNOWN not in kinds.values()
    return pages, [
        Page(name, image, None, noise_of(int(name)) if is_known else UNKNOWN, -1)
        for name, image in test.items()
        if image is not None
    ]


def _pairs(
    noisy: Images, clean: Images, path: Path, skipped: Skipped
) -> dict[str, tuple["np.ndarray", "np.ndarray"]]:
    """Noisy and clean side of every usable page, by name, in the order of the numbers."""
    for name in sorted(noisy.keys() ^ clean.keys(), key=int):
        has, lacks = ("noisy", "clean") if name in noisy else ("clean", "noisy")
        raise InkbenchError(
            f"{path}: the {has} page {name} has no {lacks} version, so archives are incomplete; "
            "delete them and fetch them again"
        )
    pairs = {}
    for name in sorted(noisy, key=int):
        image, target = noisy[name], clean[name]
        if image is None or target is None:
            continue
        if image.shape == target.shape:
            pairs[name] = image, target
        else:
            reason = f"noisy page is {image.shape}, its clean version {target.shape}"
            skipped.append({"file": name, "reason": reason})
    return pairs


def noise_of(number: int) -> str:
    """Kind of noise of Kaggle's page with this number.

    Kaggle numbered NoisyOffice's files in the order of their names, ``Font…_Noise{c|f|p|w}_{TE|TR|
    VA}.png``: three pages with a coffee stain, three folded, three with footprints, three wrinkled,
    and so on. ``data/README.md`` tells how that was found and checked.
    """
    return list(_NOISE.values())[(number - 1) // 3 % 4]


def _noise_kinds(names: list[str], groups: list[int]) -> dict[str, str]:
    """Noise of each page; ``unknown`` for all if the pages are not in Kaggle's order."""
    blocks: dict[int, set[tuple[int, int]]] = {}
    for name, group in zip(names, groups, strict=True):
        # Versions of a clean page lie in the same block of twelve and have the same number mod 3.
        blocks.setdefault(group, set()).add(((int(name) - 1) // 12, int(name) % 3))
    if any(len(block) > 1 for block in blocks.values()):
        return dict.fromkeys(names, UNKNOWN)
    return {name: noise_of(int(name)) for name in names}


def _kaggle_images(path: Path, skipped: Skipped) -> Images:
    """Pages of one of Kaggle's archives by number."""
    from inkbench.datasets.reading import archives, png

    images = {}
    for name, content in archives.members(path):
        number = re.fullmatch(r"[a-z_]+/(\d+)\.png", name)
        if number:
            images[number[1]] = png.usable(f"{path.name}/{name}", content, skipped)
    return dict(sorted(images.items(), key=lambda item: int(item[0])))


def _uci_images(path: Path, skipped: Skipped) -> tuple[Images, Images, Images]:
    """Noisy, clean and test pages of UCI's archive by the numbers that Kaggle gave them."""
    from tqdm import tqdm

    from inkbench.datasets.reading import archives, png

    files: dict[str, dict[str, bytes]] = {_UCI_NOISY: {}, _UCI_CLEAN: {}}
    for name, content in tqdm(archives.members(path), f"reading {path.name}", disable=None):
        place = PurePosixPath(name)
        if place.parent.name in files and _UCI_NAME.fullmatch(place.name):
            files[place.parent.name][place.name] = content
    if len(files[_UCI_NOISY]) != _UCI_COUNT:
        raise archives.ArchiveError(
            path, f"{len(files[_UCI_NOISY])} simulated noisy pages instead of {_UCI_COUNT}"
        )
    noisy, clean, test = {}, {}, {}
    for number, file in enumerate(sorted(files[_UCI_NOISY]), start=1):
        image = png.usable(file, files[_UCI_NOISY][file], skipped)
        if number % 3 == 1:  # its test pages stay unlabelled, as at Kaggle: same task, same metrics
            test[str(number)] = image
            continue
        noisy[str(number)] = image
        counterpart = re.sub("_Noise[cfpw]_", "_Clean_", file)
        if counterpart in files[_UCI_CLEAN]:
            clean[str(number)] = png.usable(counterpart, files[_UCI_CLEAN][counterpart], skipped)
    return noisy, clean, test


def _mlebench(names: list[str], seed: int) -> dict[str, list[str]]:
    """The split of MLE-bench's task: a fifth of the pages, drawn from their paths as strings.

    Source: openai/mle-bench, ``mlebench/competitions/denoising-dirty-documents/prepare.py``. The
    clean side of a test page is in the training part too, under other noises.
    """
    from sklearn.model_selection import train_test_split

    paths = sorted(f"train/{name}.png" for name in names)
    rest, test = train_test_split(paths, test_size=0.2, random_state=0)
    held_out = min(MLEBENCH_VALID, len(rest) // 4)
    train, valid = train_test_split(sorted(rest), test_size=held_out, random_state=seed)
    split = {"train": train, "valid": valid, "test": test}
    return {
        part: sorted((Path(path).stem for path in picked), key=int)
        for part, picked in split.items()
    }


def _background_disjoint(pages: list["Page"], settings: "Data") -> dict[str, list[str]]:
    """Training and validation on the pages 2 mod 3, test on the pages 0 mod 3.

    Each NoisyOffice partition has one text and one scanned sheet per kind of noise. So this is the
    only split whose test pages have a text and backgrounds that training has not seen.
    """
    import numpy as np

    from inkbench.datasets.reading import splits

    rest, test = ([p for p in pages if int(p.name) % 3 == remainder] for remainder in (2, 0))
    groups = np.array([page.group for page in rest])
    heights = np.array([page.noisy.shape[0] for page in rest])
    chosen = splits.split_groups(groups, heights, {"valid": settings.valid}, settings.seed)
    return {
        "train": [rest[at].name for at in chosen["train"]],
        "valid": [rest[at].name for at in chosen["valid"]],
        "test": [page.name for page in test],
    }


def _counts(pages: list["Page"]) -> dict[str, int]:
    kinds = Counter(page.noise for page in pages)
    return {**dict(sorted(kinds.items())), "total": len(pages)}
