"""Pages: split by clean page, both sizes and all noises everywhere; Kaggle's and UCI's archives."""

from typing import Any

import made_archives as made
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import contents
from inkbench import layout
from inkbench.datasets import documents
from inkbench.datasets.common import store
from inkbench.errors import InkbenchError

pytestmark = pytest.mark.usefixtures("workplace")
BLOCKS = 12
KINDS = {"coffee", "fold", "footprint", "wrinkle"}


def preprocess(files: made.Files, **changed: object) -> dict[str, Any]:
    made.lay("documents", files)
    return documents.preprocess(made.settings("documents", **changed))


def kaggle(**changed: object) -> dict[str, Any]:
    return preprocess(made.page_zips(made.pages(BLOCKS, small=4)), **changed)


def loaded(split: str = store.PAGE_DISJOINT) -> dict[str, list[store.Page]]:
    return {part: store.load_pages("documents", part, split) for part in store.PARTS}


def uci_zip(blocks: int = 18) -> made.Files:
    """The pages of `made.pages` under NoisyOffice's names, among other files."""
    fonts = [f"Font{size}{kind}{m}" for size in "Lfn" for kind in "rst" for m in "em"]
    members = made.pages(blocks, small=6)
    files: made.Files = {}
    number = 0
    root = "SimulatedNoisyOffice"
    for font in fonts[:blocks]:
        for noise in "cfpw":
            for part in ("TE", "TR", "VA"):
                number += 1
                noisy = f"{root}/simulated_noisy_images_grayscale/{font}_Noise{noise}_{part}.png"
                clean = f"{root}/clean_images_grayscale/{font}_Clean_{part}.png"
                if number % 3 == 1:
                    files[noisy] = members["test"][f"test/{number}.png"]
                else:
                    files[noisy] = members["train"][f"train/{number}.png"]
                    files[clean] = members["train_cleaned"][f"train_cleaned/{number}.png"]
                files[clean.replace("clean_images", "clean_images_double")] = b"not wanted"
    files["RealNoisyOffice/real_noisy_images_grayscale/FontLre_Noisec_RE.png"] = b"not wanted"
    files["README"] = b"hello"
    return {"noisyoffice.zip": made.zipped(files)}


def test_preprocess_keeps_pages_with_their_twins():
    members = made.pages(BLOCKS, small=4)
    preprocess(made.page_zips(members))
    pages = [page for part in loaded().values() for page in part]
    assert {page.name for page in pages} == {n[6:-4] for n in members["train"]}
    for page in pages:
        assert made.png(page.noisy) == members["train"][f"train/{page.name}.png"]
        assert made.png(page.clean) == members["train_cleaned"][f"train_cleaned/{page.name}.png"]


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.floats(0.05, 0.4), st.floats(0.05, 0.4))
def test_preprocess_splits_by_clean_page_with_every_size_and_noise_in_every_part(seed, valid, test):
    kaggle(seed=seed, valid=valid, test=test)
    parts = loaded()
    groups = [{page.group for page in part} for part in parts.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 2 * BLOCKS
    clean = [{page.clean.tobytes() for page in part} for part in parts.values()]  # type: ignore[union-attr]
    assert sum(map(len, clean)) == len(set.union(*clean))
    for part in parts.values():
        assert {page.noise for page in part} == KINDS
        assert {page.noisy.shape for page in part} == {(20, 24), (30, 24)}


def test_preprocess_derives_noise_from_kaggles_numbers():
    kaggle()
    noise = {page.name: page.noise for part in loaded().values() for page in part}
    assert [noise[n] for n in ("2", "5", "8", "11", "14")] == [
        "coffee",
        "fold",
        "footprint",
        "wrinkle",
        "coffee",
    ]


def test_preprocess_marks_noise_unknown_if_the_numbers_are_not_kaggles():
    members = made.pages(BLOCKS)
    cleaned = members["train_cleaned"]
    cleaned["train_cleaned/2.png"], cleaned["train_cleaned/14.png"] = (
        cleaned["train_cleaned/14.png"],
        cleaned["train_cleaned/2.png"],
    )
    preprocess(made.page_zips(members))
    assert {page.noise for part in loaded().values() for page in part} == {"unknown"}


def test_preprocess_stores_unlabelled_pages_separately():
    card = kaggle()
    pages = store.load_pages("documents", "unlabelled")
    assert len(pages) == card["unlabelled"] == 4 * BLOCKS
    assert [page.name for page in pages[:3]] == ["1", "4", "7"]
    assert all(page.clean is None for page in pages)


def test_mlebench_split_is_drawn_from_names_as_strings():
    from sklearn.model_selection import train_test_split

    kaggle()
    names = [n for n in range(1, 12 * BLOCKS + 1) if n % 3 != 1]
    paths = sorted(f"/kaggle/train/{name}.png" for name in names)
    expected = train_test_split(paths, test_size=0.2, random_state=0)[1]
    parts = loaded("mlebench")
    chosen = {part: {page.name for page in pages} for part, pages in parts.items()}
    assert chosen["test"] == {path[14:-4] for path in expected}
    assert len(chosen["valid"]) == documents.MLEBENCH_VALID
    assert sum(map(len, chosen.values())) == len(set.union(*chosen.values())) == len(names)


def test_background_disjoint_split_separates_the_two_texts():
    kaggle()
    parts = loaded(documents.BACKGROUND_DISJOINT)
    assert {int(page.name) % 3 for page in parts["test"]} == {0}
    assert {int(p.name) % 3 for part in ("train", "valid") for p in parts[part]} == {2}
    groups = [{page.group for page in part} for part in parts.values()]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_load_pages_names_the_splits_there_are():
    kaggle()
    with pytest.raises(InkbenchError, match="no split 'other' with a part 'test'; there are: back"):
        store.load_pages("documents", "test", "other")


def arrays() -> dict[str, bytes]:
    files = contents(layout.processed("documents"))
    return {name: content for name, content in files.items() if name.endswith(".npz")}


def test_preprocess_gives_the_same_bytes_from_uci_and_kaggle():
    preprocess(made.page_zips(made.pages(18, small=6)))
    from_kaggle = arrays()
    preprocess(uci_zip())
    assert arrays() == from_kaggle


def test_preprocess_refuses_incomplete_uci_archive():
    with pytest.raises(InkbenchError, match="204 simulated noisy pages instead of 216"):
        preprocess(uci_zip(blocks=17))


@pytest.mark.parametrize(
    ("archive", "complaint"),
    [("train", "clean page 5 has no noisy"), ("train_cleaned", "noisy page 5 has no clean")],
)
def test_preprocess_refuses_page_without_twin(archive, complaint):
    members = made.pages(BLOCKS)
    del members[archive][f"{archive}/5.png"]
    with pytest.raises(InkbenchError, match=complaint):
        preprocess(made.page_zips(members))


def damaged(kind: str) -> dict[str, made.Files]:
    """240 pages, of which one is unusable."""
    members = made.pages(20, small=8)
    members["train"]["train/5.png"] = {
        "empty file": b"",
        "corrupt PNG": members["train"]["train/5.png"][:150],
        "mode RGB": made.png(np.zeros((20, 24, 3), np.uint8)),
        "noisy page is (10, 24)": made.png(made.random_image(0, 10, 24)),
    }[kind]
    return members


@pytest.mark.parametrize(
    "kind", ["empty file", "corrupt PNG", "mode RGB", "noisy page is (10, 24)"]
)
def test_preprocess_skips_and_lists_unusable_page(kind):
    card = preprocess(made.page_zips(damaged(kind)))
    assert len(card["skipped"]) == 1
    assert card["skipped"][0]["reason"].startswith(kind)
    assert sum(card["counts"][part]["total"] for part in store.PARTS) == 159


def test_preprocess_refuses_more_than_one_percent_unusable_pages():
    members = made.pages(BLOCKS)
    for number in (2, 3, 5):
        members["train"][f"train/{number}.png"] = b""
    with pytest.raises(InkbenchError, match=r"3 of .* images are unusable"):
        preprocess(made.page_zips(members))


def test_preprocess_with_limit_keeps_both_sizes_in_every_part():
    card = kaggle(limit=40)
    assert 24 <= sum(card["counts"][part]["total"] for part in store.PARTS) <= 40
    for part in loaded().values():
        assert {page.noisy.shape for page in part} == {(20, 24), (30, 24)}
    assert all(len(part) >= 1 for part in loaded("mlebench").values())
    assert all(len(part) >= 1 for part in loaded(documents.BACKGROUND_DISJOINT).values())


def test_preprocess_refuses_archive_without_pages():
    with pytest.raises(InkbenchError, match="holds no pages"):
        preprocess(made.page_zips({"train": {}, "train_cleaned": {}, "test": {}}))
