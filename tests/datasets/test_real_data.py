"""The real archives, if a mirror has them: known facts, and splits without leaks."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from inkbench import datasets
from inkbench.datasets import documents
from inkbench.datasets.common import store
from inkbench.datasets.fetching import fetch
from inkbench.params import Data

ROOT = Path(__file__).parents[2]
LABELLED = ("notmnist", "mnist")
DATASETS = (*LABELLED, "documents")
Cards = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, mirror: Path) -> Path:
    """A folder with all three datasets, from the mirror, with the settings of params.yaml."""
    folder = tmp_path_factory.mktemp("real")
    blocks = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))["data"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("INKBENCH_MIRROR", str(mirror))
        for dataset in DATASETS:
            settings = Data.model_validate({**blocks[dataset], "source": "official"})
            fetch.fetch(dataset, settings)
            datasets.module(dataset).preprocess(settings)
    return folder


@pytest.fixture(autouse=True)
def cards(real: Path, monkeypatch: pytest.MonkeyPatch) -> Cards:
    """``dataset.json`` of each; and the working directory is where they are."""
    monkeypatch.chdir(real)
    return {dataset: store.load_card(dataset) for dataset in DATASETS}


def hashes(images: np.ndarray) -> set[bytes]:
    return {hashlib.sha256(image).digest() for image in images}


def test_real_archives_are_labelled_real(cards):
    assert {card["data_source"] for card in cards.values()} == {"real"}
    assert cards["notmnist"]["content_digest"].startswith("a74dffe2")


def test_notmnist_has_the_known_size_and_defects(cards):
    card = cards["notmnist"]
    assert {entry["file"].split("/", 1)[1] for entry in card["skipped"]} == {
        "A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png",
        "F/Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png",
    }
    assert card["duplicates"] == {"distinct": 18_232, "copies": 492, "largest": 254}
    assert card["conflicting_total"] == 2
    total = sum(card["counts"][part]["total"] for part in store.PARTS)
    assert total == 18_724 - sum(map(len, card["conflicting"]))


@pytest.mark.parametrize("dataset", LABELLED)
def test_no_image_is_in_two_parts(dataset):
    sides = [hashes(store.load_images(dataset, part).images) for part in store.PARTS]
    assert sum(map(len, sides)) == len(set.union(*sides))


@pytest.mark.parametrize("dataset", LABELLED)
def test_classes_are_split_in_the_same_proportion(dataset, cards):
    counts = cards[dataset]["counts"]
    for name in cards[dataset]["classes"]:
        total = sum(counts[part][name] for part in ("train", "valid"))
        share = counts["valid"]["total"] / (counts["train"]["total"] + counts["valid"]["total"])
        assert counts["valid"][name] / total == pytest.approx(share, abs=0.01)


def test_mnist_has_the_official_test_set(cards):
    assert cards["mnist"]["counts"]["test"]["total"] == 10_000
    assert cards["mnist"]["duplicates"]["copies"] == 0


def test_documents_are_36_pages_under_four_noises(cards):
    card = cards["documents"]
    assert card["duplicates"] == {"clean pages": 36, "noisy pages": 144}
    assert card["unlabelled"] == 72
    assert sorted(map(tuple, card["image_shapes"])) == [(258, 540), (420, 540)]


def test_no_clean_page_is_in_two_parts():
    parts = [store.load_pages("documents", part) for part in store.PARTS]
    sides = [hashes([page.clean for page in part]) for part in parts]  # type: ignore[arg-type]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 36
    for part in parts:
        assert {page.noise for page in part} == {"coffee", "fold", "footprint", "wrinkle"}
        assert {page.noisy.shape for page in part} == {(258, 540), (420, 540)}


def test_mlebench_split_has_its_published_sizes():
    parts = {part: store.load_pages("documents", part, "mlebench") for part in store.PARTS}
    assert len(parts["test"]) == 29
    assert len(parts["train"]) + len(parts["valid"]) == 115


def test_noisy_pages_have_the_published_error():
    pages = [page for part in store.PARTS for page in store.load_pages("documents", part)]
    squares = np.concatenate(
        [((p.noisy - p.clean.astype(np.float64)) / 255).ravel() ** 2 for p in pages]  # type: ignore[union-attr]
    )
    assert np.sqrt(squares.mean()) == pytest.approx(0.157, abs=0.001)


def test_pages_with_the_same_noise_and_text_share_a_sheet_of_paper():
    """This is how the kind of noise of Kaggle's pages was found: backgrounds correlate."""
    from scipy import ndimage

    pages = [
        page
        for part in (*store.PARTS, store.UNLABELLED)
        for page in store.load_pages("documents", part)
    ]
    for text in range(3):
        sheets: dict[str, list[np.ndarray]] = {}
        for page in pages:
            if int(page.name) % 3 == text:
                paper = ndimage.maximum_filter(page.noisy, 5)[:258:3, ::3].astype(np.float64)
                sheets.setdefault(page.noise, []).append((paper - paper.mean()).ravel())
        correlation = np.corrcoef(np.concatenate([np.stack(sheets[kind]) for kind in sheets]))
        kinds = np.repeat(list(sheets), [len(s) for s in sheets.values()])
        same = kinds[:, None] == kinds[None, :]
        assert correlation[same].min() > 0.9
        assert correlation[~same].max() < 0.5
    assert [documents.noise_of(number) for number in (1, 2, 3, 4)] == ["coffee"] * 3 + ["fold"]


def counts_table(card: dict[str, Any]) -> str:
    """Counts of a ``dataset.json`` as a Markdown table, as in ``data/README.md``."""
    counts = {part: card["counts"][part] for part in store.PARTS}
    columns = [key for key in counts["train"] if key != "total"] + ["total"]
    counts["all"] = {key: sum(count[key] for count in counts.values()) for key in columns}
    rows = [[part, *(f"{count[key]:,}" for key in columns)] for part, count in counts.items()]
    lines = [["", *columns], ["---", *["--:"] * len(columns)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@pytest.mark.parametrize("dataset", DATASETS)
def test_data_readme_states_the_counts(dataset, cards):
    table = counts_table(cards[dataset])
    text = (ROOT / "data/README.md").read_text("utf-8")
    assert table in text, f"bring data/README.md up to date:\n{table}"
