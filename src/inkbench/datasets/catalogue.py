"""What there is to download: archives, where they are, how to know that they are the real ones."""

from dataclasses import dataclass

_MIB = 2**20

KAGGLE = "kaggle:denoising-dirty-documents"  # not a URL: fetched with Kaggle's own client
KAGGLE_RULES = "https://www.kaggle.com/c/denoising-dirty-documents/rules"


@dataclass(frozen=True)
class Archive:
    """One file of a dataset.

    Attributes
    ----------
    name
        File name, in ``data/raw/D`` and at the mirror (``<mirror>/D/<name>``).
    urls
        Official places, tried in turn.
    limit
        Most bytes to accept.
    sha256, md5
        Of the file, where the publisher's bytes are known.
    content_digest
        Of what the archive holds (see `archives.content_digest`), where it gets packed again.
    """

    name: str
    urls: tuple[str, ...]
    limit: int
    sha256: str | None = None
    md5: str | None = None
    content_digest: str | None = None

    @property
    def pinned(self) -> bool:
        """Whether a file can be proved to be the real one."""
        return any((self.sha256, self.md5, self.content_digest))


@dataclass(frozen=True)
class Origin:
    """Licence and citation of a dataset, for provenance and data cards."""

    licence: str
    citation: str


ORIGINS = {
    "notmnist": Origin(
        "no licence stated; published by its author for research use",
        "Yaroslav Bulatov: notMNIST dataset, 2011, "
        "http://yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html",
    ),
    "mnist": Origin(
        "CC BY-SA 3.0",
        "Yann LeCun, Corinna Cortes, Christopher J. C. Burges: The MNIST database of handwritten "
        "digits, 1998, http://yann.lecun.com/exdb/mnist/",
    ),
    "documents": Origin(
        "CC BY 4.0",
        "M. J. Castro-Bleda, S. España-Boquera, J. Pastor-Pellicer, F. Zamora-Martínez: The "
        "NoisyOffice database: a corpus to train supervised machine learning filters for image "
        "processing, The Computer Journal 63(11), 2020; UCI dataset 318; also Kaggle, Denoising "
        "Dirty Documents, 2015",
    ),
}


def editions(dataset: str, subset: str) -> tuple[tuple[Archive, ...], ...]:
    """Sets of archives, each of which holds the whole dataset, in order of preference."""
    return _EDITIONS[dataset, subset]


def _notmnist(subset: str, limit: int, md5: str, digest: str | None) -> tuple[Archive, ...]:
    name = f"notMNIST_{subset}"
    tar = Archive(
        f"{name}.tar.gz",
        (
            f"https://commondatastorage.googleapis.com/books1000/{name}.tar.gz",
            f"http://yaroslavvb.com/upload/notMNIST/{name}.tar.gz",
        ),
        limit,
        content_digest=digest,
    )
    zenodo = f"https://zenodo.org/records/8274268/files/{name}.zip"
    return tar, Archive(f"{name}.zip", (zenodo,), 2 * limit, md5=md5)


def _mnist(name: str, sha256: str) -> Archive:
    hosts = (
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    )
    return Archive(name, tuple(host + name for host in hosts), 32 * _MIB, sha256=sha256)


_SMALL = _notmnist(
    "small",
    64 * _MIB,
    "3de91fb69221d9c2d5c57387101ebc6c",
    "a74dffe265392753749fa9a3f7ad1132ff855cf687c163ccdb4fc5e358e424af",
)
_LARGE = _notmnist("large", 512 * _MIB, "c3f9e0862df000a897766593044e366a", None)
_DIGITS = tuple(
    _mnist(f"{name}-ubyte.gz", sha256)
    for name, sha256 in {
        "train-images-idx3": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    }.items()
)
_KAGGLE_PAGES = tuple(
    Archive(f"{name}.zip", (KAGGLE,), 64 * _MIB, content_digest=digest)
    for name, digest in {
        "train": "a179f6b08359e30737458deddf053bfcde343d976c9b2857578e3955c8d67c70",
        "train_cleaned": "c61414109edcb42c9a9ddcf880e29afeb8c1f1cd4b585b6c47ab079516838b0f",
        "test": "ce7ccd1f806fce34be0dfe7157c891058fa258d664efb89f91d99f83ceaa61b9",
    }.items()
)
_UCI_PAGES = Archive(
    "noisyoffice.zip",
    ("https://archive.ics.uci.edu/static/public/318/noisyoffice.zip",),
    1024 * _MIB,
)

_EDITIONS: dict[tuple[str, str], tuple[tuple[Archive, ...], ...]] = {
    ("notmnist", "small"): tuple((archive,) for archive in _SMALL),
    ("notmnist", "large"): tuple((archive,) for archive in _LARGE),
    ("mnist", "all"): (_DIGITS,),
    ("documents", "all"): (_KAGGLE_PAGES, (_UCI_PAGES,)),
}
