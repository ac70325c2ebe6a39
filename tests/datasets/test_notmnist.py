"""notMNIST: bad files are skipped and listed, copies stay together, contradictions are dropped."""

import random
from pathlib import Path
from typing import Any

import made_archives as made
import numpy as np
import pytest

from inkbench import layout
from inkbench.datasets import notmnist
from inkbench.datasets.common import store
from inkbench.errors import InkbenchError

pytestmark = pytest.mark.usefixtures("workplace")
Card = dict[str, Any]
FOLDER = "notMNIST_small"


def preprocess(files: made.Files, source: str = "official", **changed: object) -> Card:
    """Lay down an archive as if it had been fetched, and process it."""
    raw(made.tar_gz(files), source)
    return notmnist.preprocess(made.settings("notmnist", **changed))


def raw(content: bytes, source: str = "official", name: str = "notMNIST_small.tar.gz") -> None:
    made.lay("notmnist", {name: content}, source)


def processed() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in layout.processed("notmnist").iterdir()}


def all_images() -> list[store.Images]:
    return [store.load_images("notmnist", part) for part in store.PARTS]


def test_every_image_arrives_with_its_label() -> None:
    card = preprocess(made.letter_files(20))
    expected = {
        (at, made.random_image(1000 * at + number).tobytes())
        for at in range(10)
        for number in range(20)
    }
    found = {
        (int(label), image.tobytes())
        for part in all_images()
        for image, label in zip(part.images, part.labels, strict=True)
    }
    assert found == expected
    assert card["data_source"] == "real"


def test_counts_are_those_of_the_arrays() -> None:
    card = preprocess(made.letter_files(20))
    for part in store.PARTS:
        labels = store.load_images("notmnist", part).labels
        assert card["counts"][part]["total"] == len(labels)
        assert card["counts"][part]["C"] == (labels == 2).sum()
    assert [card["counts"][part]["A"] for part in store.PARTS] == [14, 2, 4]


def test_the_same_archive_gives_the_same_bytes() -> None:
    preprocess(made.letter_files(10))
    first = processed()
    preprocess(made.letter_files(10))
    assert processed() == first


def test_the_order_in_an_archive_does_not_matter() -> None:
    files = list(made.letter_files(10).items())
    preprocess(dict(files))
    first = processed()
    random.Random(0).shuffle(files)
    preprocess(dict(files))
    assert processed() == first


def test_copies_of_an_image_stay_on_one_side() -> None:
    files = made.letter_files(20)
    for letter in made.CLASSES:
        for number in range(10):
            files[f"{FOLDER}/{letter}/copy of {number}.png"] = files[
                f"{FOLDER}/{letter}/{number}.png"
            ]
    card = preprocess(files)
    sides = [{image.tobytes() for image in part.images} for part in all_images()]
    assert sum(map(len, sides)) == len(set.union(*sides))
    assert card["duplicates"]["copies"] == 100
    assert card["duplicates"]["distinct"] == 200


def test_copies_share_a_group_number() -> None:
    files = made.letter_files(20)
    files[f"{FOLDER}/A/copy.png"] = files[f"{FOLDER}/A/7.png"]
    preprocess(files)
    for part in all_images():
        number_of = {i.tobytes(): g for i, g in zip(part.images, part.groups, strict=True)}
        assert len(set(part.groups)) == len(number_of)


def test_an_image_under_two_labels_is_dropped_and_listed() -> None:
    files = made.letter_files(20)
    files[f"{FOLDER}/B/also an A.png"] = files[f"{FOLDER}/A/3.png"]
    card = preprocess(files)
    assert card["conflicting"] == [[f"{FOLDER}/A/3.png", f"{FOLDER}/B/also an A.png"]]
    dropped = made.random_image(3).tobytes()
    assert not any(dropped == image.tobytes() for part in all_images() for image in part.images)


BAD = {
    "empty file": b"",
    "corrupt PNG": made.png(made.random_image(0))[:200],
    "32×32 pixels instead of 28×28": made.png(made.random_image(1, 32, 32)),
    "mode RGB instead of 8-bit grey": made.png(np.zeros((28, 28, 3), np.uint8)),
}


@pytest.mark.parametrize("reason", BAD)
def test_an_unusable_image_is_skipped_counted_and_listed(reason: str) -> None:
    card = preprocess({**made.letter_files(20), f"{FOLDER}/D/bad.png": BAD[reason]})
    assert [entry["file"] for entry in card["skipped"]] == [f"{FOLDER}/D/bad.png"]
    assert card["skipped"][0]["reason"].startswith(reason)
    assert sum(card["counts"][part]["total"] for part in store.PARTS) == 200


@pytest.mark.parametrize("reason", BAD)
def test_more_than_one_in_a_hundred_is_an_error(reason: str) -> None:
    files = {f"{FOLDER}/D/bad{at}.png": BAD[reason] for at in range(3)}
    with pytest.raises(InkbenchError, match=r"3 of 203 images are unusable \(at most 1% may be\)"):
        preprocess({**made.letter_files(20), **files})


def test_an_unknown_class_folder_is_an_error() -> None:
    files = {**made.letter_files(20), f"{FOLDER}/K/1.png": made.png(made.random_image(1))}
    with pytest.raises(InkbenchError, match=r"'notMNIST_small/K/1.png' stands in 'K', which is no"):
        preprocess(files)


def test_a_file_outside_any_folder_is_an_error() -> None:
    with pytest.raises(InkbenchError, match="which is no class"):
        preprocess({**made.letter_files(20), "README": b"hello"})


def test_an_archive_without_images_is_an_error() -> None:
    with pytest.raises(InkbenchError, match="holds no images"):
        preprocess({})


def test_an_error_leaves_the_old_good_state() -> None:
    preprocess(made.letter_files(20))
    before = processed()
    with pytest.raises(InkbenchError):
        preprocess({f"{FOLDER}/A/bad.png": b""})
    assert processed() == before


def test_a_full_disk_leaves_the_old_good_state(monkeypatch: pytest.MonkeyPatch) -> None:
    preprocess(made.letter_files(20))
    before = processed()
    opened = Path.open

    def full(path: Path, mode: str = "r", *how: object, **more: object) -> object:
        target = Path("/dev/full") if (path.name, mode) == ("valid.npz", "wb") else path
        return opened(target, mode, *how, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(InkbenchError, match="data/processed/notmnist: no room to write it"):
        preprocess(made.letter_files(20), seed=1)
    assert processed() == before
    assert [path.name for path in layout.processed("notmnist").parent.iterdir()] == ["notmnist"]


def test_a_limit_keeps_all_classes_in_all_parts() -> None:
    card = preprocess(made.letter_files(30), limit=40)
    for part, count in (("train", 2), ("valid", 1), ("test", 1)):
        assert all(card["counts"][part][letter] == count for letter in made.CLASSES)


def test_stand_in_data_is_marked() -> None:
    assert preprocess(made.letter_files(20), source="synthetic")["data_source"] == "synthetic"


def test_the_zip_edition_is_read_as_well() -> None:
    files = made.letter_files(10)
    preprocess(files)
    arrays = {name: content for name, content in processed().items() if name.endswith(".npz")}
    raw(made.zipped(files), name="notMNIST_small.zip")
    notmnist.preprocess(made.settings("notmnist"))
    assert {n: c for n, c in processed().items() if n.endswith(".npz")} == arrays
