"""The types of a dataset's ``SPEC``: what it is, where its archives are, how to verify them."""

from collections.abc import Mapping
from dataclasses import dataclass

KAGGLE = "kaggle:"  # prefix of a URL that Kaggle's own client fetches: kaggle:COMPETITION


@dataclass(frozen=True)
class Archive:
    """One file of a dataset.

    Attributes
    ----------
    name
        File name, in ``data/raw/D`` and at the mirror (``<mirror>/D/<name>``).
    urls
        Official addresses, tried in turn.
    limit
        Largest size to accept, in bytes.
    sha256, md5
        Checksum of the file, where the publisher's bytes are known.
    content_digest
        Digest of the archive's members (see `archives.content_digest`), for files that publishers
        or mirrors repack.
    """

    name: str
    urls: tuple[str, ...]
    limit: int
    sha256: str | None = None
    md5: str | None = None
    content_digest: str | None = None

    @property
    def is_pinned(self) -> bool:
        """Whether a checksum can prove that a file is the published one."""
        return any((self.sha256, self.md5, self.content_digest))


Edition = tuple[Archive, ...]


@dataclass(frozen=True)
class Spec:
    """Everything about a dataset that other packages need to know.

    Attributes
    ----------
    name
        Name of the module, of the block under ``data:`` and of the folders under ``data/``.
    title
        Title in figures and in the report.
    about, limits
        Sentences for the report: what the images show, and what they cannot tell.
    tasks
        Tasks that a model can be trained for: ``"classification"``, ``"reconstruction"``,
        ``"restoration"``.
    image_shape
        Height and width of every image in pixels; empty where they differ.
    classes
        Class names in the order of the labels; empty for images without labels.
    editions
        For each ``subset``: sets of archives, each of which holds all of it, best first.
    licence, citation
        For ``provenance.json`` and ``dataset.json``.
    official_test
        Whether the publisher's own test set is kept (``test: official``); otherwise ``test`` is a
        fraction.
    synthetic
        Module of `inkbench.datasets.synthetic` that generates a synthetic version; None if there
        is no such version.
    glyph_size
        Length in pixels of a centred glyph's longer side, where an image shows one glyph.
    """

    name: str
    title: str
    about: str
    limits: str
    tasks: tuple[str, ...]
    image_shape: tuple[int, ...]
    classes: tuple[str, ...]
    editions: Mapping[str, tuple[Edition, ...]]
    licence: str
    citation: str
    official_test: bool = False
    synthetic: str | None = None
    glyph_size: int | None = None
