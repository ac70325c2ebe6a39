"""MNIST: handwritten digits (LeCun, Cortes, Burges, 1998)."""

from typing import TYPE_CHECKING, Any

from inkbench import layout
from inkbench.datasets.specs import Archive, Spec
from inkbench.errors import InkbenchError

if TYPE_CHECKING:
    import numpy as np

    from inkbench.params import Data

_HOSTS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
_SHA256 = {
    "train-images-idx3": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


def _archive(name: str, sha256: str) -> Archive:
    return Archive(name, tuple(host + name for host in _HOSTS), 32 * 2**20, sha256)


SPEC = Spec(
    name="mnist",
    title="MNIST digits",
    about="Digits handwritten by American census employees and students, as 28×28 grey images, "
    "with the official test set (LeCun, Cortes, Burges, 1998).",
    limits="The digits are centred and normalised, and come from one country and decade. Nearly "
    "every model does well on them.",
    tasks=("reconstruction", "classification"),
    image_shape=(28, 28),
    classes=tuple("0123456789"),
    editions={
        "all": (tuple(_archive(f"{name}-ubyte.gz", sha) for name, sha in _SHA256.items()),),
    },
    licence="CC BY-SA 3.0",
    citation="Yann LeCun, Corinna Cortes, Christopher J. C. Burges: The MNIST database of "
    "handwritten digits, 1998, http://yann.lecun.com/exdb/mnist/",
    official_test=True,
    synthetic="digits",
    glyph_size=20,
)


def preprocess(settings: "Data") -> dict[str, Any]:
    """Raw archives → ``data/processed/mnist``: the official test set, validation out of train.

    Returns
    -------
    Content of ``dataset.json``.

    Raises
    ------
    InkbenchError
        If an archive is missing, damaged or not in the IDX format.
    """
    import numpy as np

    from inkbench.datasets.reading import labelled, provenance

    source = provenance.load(SPEC.name)
    (train, train_labels), (test, test_labels) = read("train"), read("t10k")
    images, labels = np.concatenate([train, test]), np.concatenate([train_labels, test_labels])
    return labelled.write(SPEC, settings, source, images, labels, n_test=len(test))


def read(prefix: str) -> tuple["np.ndarray", "np.ndarray"]:
    """Images uint8 ``[n, 28, 28]`` and labels uint8 ``[n]`` of ``train`` or ``t10k``."""
    from inkbench.datasets.reading.idx import read_idx

    kinds = ("images-idx3", "labels-idx1")
    paths = [layout.raw(SPEC.name) / f"{prefix}-{kind}-ubyte.gz" for kind in kinds]
    images, labels = (read_idx(path) for path in paths)
    fits = images.shape == (len(labels), *SPEC.image_shape) and labels.ndim == 1
    if not fits or labels.max(initial=0) >= len(SPEC.classes):
        raise InkbenchError(
            f"{paths[0]}: images {images.shape} do not fit labels {labels.shape} 0..9 of "
            f"{paths[1].name}; delete both and fetch them again"
        )
    return images, labels
