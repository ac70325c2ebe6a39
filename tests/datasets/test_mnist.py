"""MNIST: the official test set stays as it is, validation comes from train."""

import gzip
from typing import Any

import made_archives as made
import numpy as np
import pytest

from inkbench import layout
from inkbench.datasets import mnist
from inkbench.datasets.common import store
from inkbench.errors import InkbenchError

pytestmark = pytest.mark.usefixtures("workplace")
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"


def preprocess(files: made.Files, **changed: object) -> dict[str, Any]:
    made.lay("mnist", files)
    return mnist.preprocess(made.settings("mnist", **changed))


def pixels(content: bytes) -> np.ndarray:
    return np.frombuffer(gzip.decompress(content), np.uint8)[16:].reshape(-1, 28, 28)


def test_the_official_test_set_is_untouched() -> None:
    files = made.digits()
    preprocess(files)
    test = store.load_images("mnist", "test")
    assert (test.images == pixels(files[TEST_IMAGES])).all()
    assert (test.labels == np.arange(40) % 10).all()


def test_validation_comes_from_train_in_proportion() -> None:
    card = preprocess(made.digits())
    assert {part: card["counts"][part]["total"] for part in store.PARTS} == {
        "train": 180,
        "valid": 20,
        "test": 40,
    }
    assert set(np.bincount(store.load_images("mnist", "valid").labels)) == {2}


def test_images_keep_their_labels() -> None:
    files = made.digits()
    preprocess(files)
    label_of = {image.tobytes(): at % 10 for at, image in enumerate(pixels(files[IMAGES]))}
    for part in ("train", "valid"):
        images = store.load_images("mnist", part)
        assert [label_of[i.tobytes()] for i in images.images] == images.labels.tolist()


def test_copies_in_train_stay_on_one_side_and_those_of_test_images_are_dropped() -> None:
    files = made.digits()
    train, test = pixels(files[IMAGES]).copy(), pixels(files[TEST_IMAGES])
    train[100:150] = train[0:50]
    train[150:160] = test[0:10]
    card = preprocess({**files, IMAGES: made.idx(train)})
    sides = [
        {image.tobytes() for image in store.load_images("mnist", part).images}
        for part in store.PARTS
    ]
    assert sum(map(len, sides)) == len(set.union(*sides))
    assert card["duplicates"]["dropped_from_train"] == 10
    assert card["counts"]["test"]["total"] == 40


def test_the_same_archives_give_the_same_bytes() -> None:
    states = []
    for _ in range(2):
        preprocess(made.digits())
        states.append({p.name: p.read_bytes() for p in layout.processed("mnist").iterdir()})
    assert states[0] == states[1]


def test_a_limit_keeps_all_digits_in_all_parts() -> None:
    card = preprocess(made.digits(), limit=40)
    for part in store.PARTS:
        assert all(card["counts"][part][digit] >= 1 for digit in "0123456789")
    assert sum(card["counts"][part]["total"] for part in store.PARTS) <= 50


def damaged(content: bytes) -> dict[str, bytes]:
    plain = gzip.decompress(content)
    return {
        "truncated": content[:-20],
        "too short": gzip.compress(plain[:10]),
        "not an IDX file of bytes": gzip.compress(plain[:-1]),
        "damaged or not gzip": plain,
        "unpacks to more than": gzip.compress(bytes(80_000_000)),
    }


@pytest.mark.parametrize("how", damaged(made.idx(np.zeros((1, 28, 28), np.uint8))))
def test_a_damaged_file_is_one_line(how: str) -> None:
    files = made.digits()
    expected = "damaged" if how == "truncated" else how
    with pytest.raises(InkbenchError, match=f"{IMAGES}: .*{expected}"):
        preprocess({**files, IMAGES: damaged(files[IMAGES])[how]})


@pytest.mark.parametrize(
    "labels", [np.zeros(199, np.uint8), np.full(200, 10, np.uint8)], ids=["too few", "ten"]
)
def test_labels_that_do_not_fit_are_one_line(labels: np.ndarray) -> None:
    with pytest.raises(InkbenchError, match="do not fit labels"):
        preprocess({**made.digits(), LABELS: made.idx(labels)})


def test_images_of_another_size_are_one_line() -> None:
    images = np.zeros((200, 32, 32), np.uint8)
    with pytest.raises(InkbenchError, match=r"images \(200, 32, 32\) do not fit"):
        preprocess({**made.digits(), IMAGES: made.idx(images)})


def test_a_missing_archive_is_one_line() -> None:
    files = made.digits()
    del files[LABELS]
    with pytest.raises(InkbenchError, match=f"{LABELS}: damaged"):
        preprocess(files)
