"""notMNIST: bad files are skipped and listed, copies stay together, contradictions are dropped."""

import random
import subprocess
import sys
from typing import Any

import made_archives as made
import numpy as np
import pytest

from helpers import contents
from inkbench import layout
from inkbench.datasets import notmnist
from inkbench.datasets.common import store
from inkbench.errors import InkbenchError

pytestmark = pytest.mark.usefixtures("workplace")
Card = dict[str, Any]
FOLDER = "notMNIST_small"


def preprocess(files: made.Files, source: str = "official", **changed: object) -> Card:
    """Write an archive as if it had been fetched, and process it."""
    made.lay("notmnist", {f"{FOLDER}.tar.gz": made.tar_gz(files)}, source)
    return notmnist.preprocess(made.settings("notmnist", **changed))


def processed() -> dict[str, bytes]:
    return contents(layout.processed("notmnist"))


def all_images() -> list[store.Images]:
    return [store.load_images("notmnist", part) for part in store.PARTS]


def total(card: Card) -> int:
    return sum(card["counts"][part]["total"] for part in store.PARTS)


def test_preprocess_keeps_every_image_with_its_label():
    card = preprocess(made.letter_files(20), source="synthetic")
    expected = {
        (at, made.random_image(1000 * at + number).tobytes())
        for at in range(10)
        for number in range(20)
    }
    pairs = {
        (int(label), image.tobytes())
        for part in all_images()
        for image, label in zip(part.images, part.labels, strict=True)
    }
    assert pairs == expected
    assert card["data_source"] == "synthetic"


def test_preprocess_counts_images_by_class():
    card = preprocess(made.letter_files(20))
    for part in store.PARTS:
        labels = store.load_images("notmnist", part).labels
        assert card["counts"][part]["total"] == len(labels)
        assert card["counts"][part]["C"] == (labels == 2).sum()
    assert [card["counts"][part]["A"] for part in store.PARTS] == [14, 2, 4]


def test_preprocess_gives_the_same_bytes_for_the_same_members():
    files = made.letter_files(10)
    preprocess(files)
    first = processed()
    shuffled = list(files.items())
    random.Random(0).shuffle(shuffled)
    preprocess(dict(shuffled))
    assert processed() == first
    made.lay("notmnist", {f"{FOLDER}.zip": made.zipped(files)})
    notmnist.preprocess(made.settings("notmnist"))
    assert processed() == first


def test_preprocess_keeps_copies_in_one_part_and_group():
    files = made.letter_files(20)
    for letter in made.CLASSES:
        for number in range(10):
            copy = f"{FOLDER}/{letter}/copy of {number}.png"
            files[copy] = files[f"{FOLDER}/{letter}/{number}.png"]
    card = preprocess(files)
    pixels = [{image.tobytes() for image in part.images} for part in all_images()]
    assert sum(map(len, pixels)) == len(set.union(*pixels))
    for part in all_images():
        group_of = {i.tobytes(): g for i, g in zip(part.images, part.groups, strict=True)}
        assert len(set(part.groups)) == len(group_of)
    assert (card["duplicates"]["copies"], card["duplicates"]["distinct"]) == (100, 200)


def test_preprocess_drops_and_lists_image_with_two_labels():
    files = made.letter_files(20)
    files[f"{FOLDER}/B/also an A.png"] = files[f"{FOLDER}/A/3.png"]
    card = preprocess(files)
    assert card["conflicting"] == [[f"{FOLDER}/A/3.png", f"{FOLDER}/B/also an A.png"]]
    dropped = made.random_image(3).tobytes()
    assert not any(dropped == image.tobytes() for part in all_images() for image in part.images)


BAD = {
    "empty file": b"",
    "corrupt PNG": made.png(made.random_image(0))[:200],
    "32×32 pixels": made.png(made.random_image(1, 32, 32)),
    "mode RGB": made.png(np.zeros((28, 28, 3), np.uint8)),
}


def test_preprocess_skips_and_lists_unusable_images():
    files = {f"{FOLDER}/D/bad{at}.png": content for at, content in enumerate(BAD.values())}
    card = preprocess({**made.letter_files(50), **files})
    assert [entry["file"] for entry in card["skipped"]] == list(files)
    for entry, reason in zip(card["skipped"], BAD, strict=True):
        assert entry["reason"].startswith(reason)
    assert total(card) == 500


@pytest.mark.parametrize(
    ("more", "facts"),
    [
        ({f"{FOLDER}/D/{name}.png": content for name, content in BAD.items()}, "4 of 204"),
        ({f"{FOLDER}/K/1.png": made.png(made.random_image(1))}, f"{FOLDER}/K/1.png.*A–J"),
        ({"README": b"hello"}, "README.*A–J"),
    ],
    ids=["too-many-unusable", "unknown-class", "no-class"],
)
def test_preprocess_refuses_bad_archive_and_keeps_old_state(more, facts):
    preprocess(made.letter_files(20))
    before = processed()
    with pytest.raises(InkbenchError, match=facts):
        preprocess({**made.letter_files(20), **more})
    assert processed() == before


def test_preprocess_refuses_empty_archive():
    with pytest.raises(InkbenchError, match="holds no images"):
        preprocess({})


def test_preprocess_on_full_disk_keeps_old_state(request):
    preprocess(made.letter_files(20))
    before = processed()
    made.lay("notmnist", {f"{FOLDER}.tar.gz": made.tar_gz(made.letter_files(21))})
    request.getfixturevalue("full_disk")
    with pytest.raises(InkbenchError, match=r"data/processed/notmnist.*no room"):
        notmnist.preprocess(made.settings("notmnist"))
    assert processed() == before
    assert [path.name for path in layout.processed("notmnist").parent.iterdir()] == ["notmnist"]


def test_preprocess_with_limit_keeps_all_classes_in_all_parts():
    card = preprocess(made.letter_files(30), limit=40)
    for part, count in (("train", 2), ("valid", 1), ("test", 1)):
        assert all(card["counts"][part][letter] == count for letter in made.CLASSES)


LARGE = 529_119  # files in the real notMNIST_large
PEAK = """
import resource
from inkbench.datasets import notmnist
from inkbench.params import Data
notmnist.preprocess(Data(source="official", subset="large", seed=0, valid=0.1, test=0.2))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def lay_large(number: int) -> None:
    archive = made.tar_gz(made.large_letters(number))
    made.lay("notmnist", {"notMNIST_large.tar.gz": archive})


def test_large_subset_skips_corrupt_files_and_states_label_noise():
    lay_large(1000)
    card = notmnist.preprocess(made.settings("notmnist", subset="large"))
    assert (len(card["skipped"]), total(card)) == (5, 995)
    assert (card["subset"], card["label_noise"]) == ("large", 0.065)


def test_large_subset_needs_less_than_two_and_a_half_gigabytes():
    """Peak memory for two sizes, extrapolated to the real one."""
    sizes = np.array([4_000, 14_000])
    peaks = []
    for size in sizes:
        lay_large(int(size))
        done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.split()[-1]) * 1024)
    slope, start = np.polyfit(sizes, peaks, 1)
    assert start + slope * LARGE < 2.5e9
