"""The types of a dataset's ``SPEC``: what it is, where its archives are, how to verify them."""

from collections.abc import Mapping
from dataclasses import dataclass

KAGGLE = "kaggle:"  # prefix of a URL that Kaggle's own client fetches: kaggle:COMPETITION


@dataclass(frozen=True)
class Archive:
    """One file of a dataset; a checksum proves that a copy is the published one."""

    name: str  # in data/raw/D and at the mirror, <mirror>/D/<name>
    urls: tuple[str, ...]  # official addresses, tried in turn
    limit: int  # largest size to accept, in bytes
    sha256: str | None = None
    md5: str | None = None
    content_digest: str | None = None  # of its members (`archives.content_digest`), if repacked

    @property
    def is_pinned(self) -> bool:
        """Whether there is a checksum."""
        return any((self.sha256, self.md5, self.content_digest))


Edition = tuple[Archive, ...]


@dataclass(frozen=True)
class Spec:
    """Everything about a dataset that other packages need to know."""

    name: str  # of its module, its block under ``data:`` and its folders under data/
    title: str  # in figures and in the report
    about: str  # for the report: what the images show
    limits: str  # for the report: what they cannot tell
    tasks: tuple[str, ...]  # of "classification", "reconstruction", "restoration", "cleaning"
    image_shape: tuple[int, ...]  # height and width in pixels; empty where images differ
    classes: tuple[str, ...]  # names in the order of the labels; empty without labels
    editions: Mapping[str, tuple[Edition, ...]]  # subset → archives that hold it, best set first
    licence: str
    citation: str
    official_test: bool = False  # the publisher's test set is kept; otherwise test is a fraction
    synthetic: str | None = None  # module of `inkbench.datasets.synthetic` that imitates it
    glyph_size: int | None = None  # pixels of a centred glyph's longer side, of one glyph an image
