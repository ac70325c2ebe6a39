"""notMNIST: letters A–J from many fonts (Yaroslav Bulatov, 2011)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from inkbench import layout
from inkbench.datasets.specs import Archive, Edition, Spec
from inkbench.errors import InkbenchError

if TYPE_CHECKING:
    import numpy as np

    from inkbench.params import Data

_LABEL_NOISE = {"small": 0.005, "large": 0.065}  # fraction of wrong labels, Bulatov's estimates


def _editions(subset: str, limit: int, md5: str, digest: str | None) -> tuple[Edition, ...]:
    """Bulatov's tar, which mirrors repack, and Zenodo's zip."""
    name = f"notMNIST_{subset}"
    hosts = (
        "https://commondatastorage.googleapis.com/books1000/",
        "http://yaroslavvb.com/upload/notMNIST/",
    )
    urls = tuple(f"{host}{name}.tar.gz" for host in hosts)
    zenodo = (f"https://zenodo.org/records/8274268/files/{name}.zip",)
    return (
        (Archive(f"{name}.tar.gz", urls, limit, content_digest=digest),),
        (Archive(f"{name}.zip", zenodo, 2 * limit, md5=md5),),
    )


SPEC = Spec(
    name="notmnist",
    title="notMNIST letters",
    about="The letters A to J from thousands of typefaces, as 28×28 grey images. They are harder "
    "than digits, since some typefaces are drawings. This is the small, hand-checked part "
    "of Yaroslav Bulatov's collection (2011).",
    limits="It has ten Latin capitals. About one image in 200 has a wrong label or shows no "
    "letter.",
    tasks=("reconstruction", "classification"),
    image_shape=(28, 28),
    classes=tuple("ABCDEFGHIJ"),
    editions={
        "small": _editions(
            "small",
            64 * 2**20,
            "3de91fb69221d9c2d5c57387101ebc6c",
            "a74dffe265392753749fa9a3f7ad1132ff855cf687c163ccdb4fc5e358e424af",
        ),
        "large": _editions("large", 512 * 2**20, "c3f9e0862df000a897766593044e366a", None),
    },
    licence="no licence stated; published by its author for research use",
    citation="Yaroslav Bulatov: notMNIST dataset, 2011, "
    "http://yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html",
    synthetic="letters",
    glyph_size=28,
)


class Letters(NamedTuple):
    """Content of an archive, sorted by file name."""

    images: "np.ndarray"  # uint8 [n, 28, 28], 255 = ink
    labels: "np.ndarray"  # uint8 [n]
    names: list[str]  # of the files
    skipped: list[dict[str, str]]  # files that are not usable images, and the reason


def preprocess(settings: "Data") -> dict[str, Any]:
    """Raw archive → ``data/processed/notmnist``.

    Returns
    -------
    Content of ``dataset.json``.

    Raises
    ------
    InkbenchError
        If the archive is missing or damaged, or more than 1 % of its images are unusable.
    """
    from inkbench.datasets.reading import labelled, provenance

    source = provenance.load(SPEC.name)
    letters = read(layout.raw(SPEC.name) / source["files"][0]["name"])
    facts = {"label_noise": _LABEL_NOISE[settings.subset], **letters._asdict()}
    return labelled.write(SPEC, settings, source, **facts)


def read(path: Path) -> Letters:
    """Decode every image of an archive.

    Raises
    ------
    InkbenchError
        If the archive is damaged, a file is in a folder that is not a class, or more than 1 % of
        the images are unusable.
    """
    import numpy as np
    from tqdm import tqdm

    from inkbench.datasets.reading import archives, cards, png

    pixels, labels, names = bytearray(), bytearray(), []
    skipped: png.Skipped = []
    members = archives.members(path)
    for name, content in tqdm(members, f"reading {path.name}", unit=" files", disable=None):
        label = _label(path, name)
        image = png.usable(name, content, skipped, SPEC.image_shape)
        if image is not None:
            pixels += image.tobytes()
            labels.append(label)
            names.append(name)
    if not names and not skipped:
        raise archives.ArchiveError(path, "holds no images")
    cards.refuse_if_many(path, skipped, len(names) + len(skipped))
    order = sorted(range(len(names)), key=names.__getitem__)
    return Letters(
        np.frombuffer(pixels, np.uint8).reshape(-1, *SPEC.image_shape)[order],
        np.frombuffer(labels, np.uint8)[order],
        [names[index] for index in order],
        sorted(skipped, key=lambda entry: entry["file"]),
    )


def _label(path: Path, name: str) -> int:
    folder = name.split("/")[-2] if "/" in name else ""
    if folder not in SPEC.classes:
        raise InkbenchError(
            f"{path}: {name[:120]!r} is in the folder {folder!r}, which is not a class "
            f"({SPEC.classes[0]}–{SPEC.classes[-1]}), so not the official archive; delete it and "
            "fetch it again"
        )
    return SPEC.classes.index(folder)
