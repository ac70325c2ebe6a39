"""MNIST: the official test set stays as it is, validation comes from train."""

import gzip
from typing import Any

import made_archives as made
import numpy as np
import pytest

from inkbench.datasets import mnist
from inkbench.datasets.common import store
from inkbench.datasets.reading import labelled
from inkbench.errors import InkbenchError

pytestmark = pytest.mark.usefixtures("workplace")
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"


def preprocess(files: made.Files, **changed: object) -> dict[str, Any]:
    made.lay("mnist", files)
    return mnist.preprocess(made.settings("mnist", **changed))


def pixels(content: bytes) -> np.ndarray:
    return np.frombuffer(gzip.decompress(content), np.uint8)[16:].reshape(-1, 28, 28)


def test_preprocess_keeps_official_test_set():
    files = made.digits()
    preprocess(files)
    test = store.load_images("mnist", "test")
    assert (test.images == pixels(files[TEST_IMAGES])).all()
    assert (test.labels == np.arange(40) % 10).all()


def test_preprocess_draws_validation_from_train_by_class():
    files = made.digits()
    card = preprocess(files)
    totals = {part: card["counts"][part]["total"] for part in store.PARTS}
    assert totals == {"train": 180, "valid": 20, "test": 40}
    assert set(np.bincount(store.load_images("mnist", "valid").labels)) == {2}
    label_of = {image.tobytes(): at % 10 for at, image in enumerate(pixels(files[IMAGES]))}
    for part in ("train", "valid"):
        images = store.load_images("mnist", part)
        assert [label_of[i.tobytes()] for i in images.images] == images.labels.tolist()


def test_preprocess_keeps_copies_in_one_part_and_drops_those_of_test_images():
    files = made.digits()
    train, test = pixels(files[IMAGES]).copy(), pixels(files[TEST_IMAGES])
    train[100:150] = train[0:50]
    train[150:160] = test[0:10]
    card = preprocess({**files, IMAGES: made.idx(train)})
    parts = [
        {image.tobytes() for image in store.load_images("mnist", part).images}
        for part in store.PARTS
    ]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert card["duplicates"]["dropped_from_train"] == 10
    assert card["counts"]["test"]["total"] == 40


def test_preprocess_with_limit_keeps_all_classes_in_all_parts():
    card = preprocess(made.digits(), limit=40)
    for part in store.PARTS:
        assert all(card["counts"][part][digit] >= 1 for digit in "0123456789")
    assert sum(card["counts"][part]["total"] for part in store.PARTS) <= 50


DAMAGED = {
    "damaged": lambda content: content[:-20],
    "too short": lambda content: gzip.compress(gzip.decompress(content)[:10]),
    "not an IDX file of bytes": lambda content: gzip.compress(gzip.decompress(content)[:-1]),
    "not gzip": gzip.decompress,
    "unpacks to more than": lambda _: gzip.compress(bytes(80_000_000)),
    r"images \(200, 32, 32\) do not fit": lambda _: made.idx(np.zeros((200, 32, 32), np.uint8)),
}


@pytest.mark.parametrize("reason", DAMAGED)
def test_preprocess_refuses_damaged_images(reason):
    files = made.digits()
    with pytest.raises(InkbenchError, match=f"{IMAGES}: .*{reason}"):
        preprocess({**files, IMAGES: DAMAGED[reason](files[IMAGES])})


@pytest.mark.parametrize(
    "labels", [np.zeros(199, np.uint8), np.full(200, 10, np.uint8)], ids=["too few", "ten"]
)
def test_preprocess_refuses_labels_that_do_not_fit(labels):
    with pytest.raises(InkbenchError, match="do not fit labels"):
        preprocess({**made.digits(), LABELS: made.idx(labels)})


@pytest.mark.parametrize(("side", "label"), [(8, 0), (28, 10)], ids=["other-size", "other-class"])
def test_write_refuses_arrays_that_do_not_fit_the_spec(side, label):
    images, labels = np.zeros((3, side, side), np.uint8), np.full(3, label, np.uint8)
    with pytest.raises(InkbenchError, match=r"data/raw/mnist.*\(28, 28\), 10 classes"):
        labelled.write(mnist.SPEC, made.settings("mnist"), {}, images, labels)


def test_preprocess_names_missing_archive():
    files = made.digits()
    del files[LABELS]
    with pytest.raises(InkbenchError, match=LABELS):
        preprocess(files)
