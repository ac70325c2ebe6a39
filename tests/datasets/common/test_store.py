"""Stored datasets are read back; a missing or damaged file is one line."""

from pathlib import Path

import numpy as np
import pytest

from inkbench import disk, layout
from inkbench.datasets.common import store
from inkbench.errors import InkbenchError

pytestmark = pytest.mark.usefixtures("workplace")
CARD = {"classes": ["A"], "data_source": "synthetic"}
IMAGES = store.Images(
    np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28),
    np.array([1, 2], np.uint8),
    np.array([5, 6]),
)


def saved(dataset: str = "mnist") -> Path:
    with disk.new_version(layout.processed(dataset)) as folder:
        store.save_images(folder, "train", IMAGES)
        store.save_card(folder, CARD)
    return layout.processed(dataset)


def page(name: str, height: int, clean: bool = True) -> store.Page:
    pixels = np.full((height, 9), int(name), np.uint8)
    return store.Page(name, pixels, pixels + 1 if clean else None, "fold", 7 if clean else -1)


def test_load_images_returns_what_was_saved():
    saved()
    found = store.load_images("mnist", "train")
    for name in ("images", "labels", "groups"):
        assert (getattr(found, name) == getattr(IMAGES, name)).all()
        assert getattr(found, name).dtype == getattr(IMAGES, name).dtype


def test_load_pages_sorts_pages_of_two_sizes_by_number():
    with disk.new_version(layout.processed("documents")) as folder:
        store.save_pages(folder, "train", [page("10", 4), page("9", 4), page("2", 6)])
    found = store.load_pages("documents", "train")
    assert [p.name for p in found] == ["2", "9", "10"]
    assert [p.noisy.shape for p in found] == [(6, 9), (4, 9), (4, 9)]
    assert [int(p.clean[0, 0]) for p in found if p.clean is not None] == [3, 10, 11]
    assert {(p.noise, p.group) for p in found} == {("fold", 7)}


def test_load_pages_returns_pages_without_target():
    with disk.new_version(layout.processed("documents")) as folder:
        store.save_pages(folder, "unlabelled", [page("1", 4, clean=False)])
    (found,) = store.load_pages("documents", "unlabelled")
    assert found.clean is None
    assert (found.noise, found.group) == ("fold", -1)


def test_load_card_returns_what_was_saved():
    saved()
    assert store.load_card("mnist") == CARD


def test_load_names_the_command_if_a_file_is_missing():
    for load in (store.load_card, lambda d: store.load_images(d, "train")):
        with pytest.raises(InkbenchError, match=r"not found.*dvc repro preprocess@mnist"):
            load("mnist")


@pytest.mark.parametrize("keep", [0, 10, 900])
def test_load_images_refuses_damaged_file(keep):
    path = saved() / "train.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InkbenchError, match=r"train.npz is damaged .* --force .*preprocess@mnist"):
        store.load_images("mnist", "train")


def test_load_images_refuses_other_arrays():
    folder = saved()
    np.savez(folder / "train.npz", other=np.zeros(1))
    with pytest.raises(InkbenchError, match="has no array 'images'"):
        store.load_images("mnist", "train")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"classes": ["A"]}', '{"classes": 1, "data_source": "real"}']
)
def test_load_card_refuses_damaged_file(text):
    (saved() / "dataset.json").write_text(text)
    with pytest.raises(InkbenchError, match=r"dataset\.json .*preprocess@mnist"):
        store.load_card("mnist")
