"""Leaderboards, published figures and how numbers are written."""

import csv
from pathlib import Path

import pytest
import yaml

import made_audits
from inkbench import params
from inkbench.errors import InkbenchError
from inkbench.reporting import claims, collect, data, leaderboard, picture
from inkbench.reporting.audits import Audit
from inkbench.reporting.collect import Entry


def entry(name: str, task: str = "classification", dataset: str = "notmnist", **metrics) -> Entry:
    block = {"task": task, "dataset": dataset}
    return Entry(name, block, {"data_source": "real"} | metrics)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("test_accuracy", 0.95341, "95.34 %"),
        ("test_psnr", 23.456, "23.46 dB"),
        ("parameters", 314625, "314,625"),
        ("test_rmse_coffee", 0.01638, "0.0164"),
        ("test_rmse", None, "–"),
        ("some_new_metric", 0.123456, "0.1235"),
        ("data_source", "real", "real"),
    ],
)
def test_numbers_are_written_as_people_read_them(key: str, value: object, text: str):
    assert leaderboard.show(key, value) == text


def test_higher_is_better_puts_the_highest_first():
    (board,) = leaderboard.boards([entry("a", test_accuracy=0.8), entry("b", test_accuracy=0.9)])
    assert [row.entry.name for row in board.rows] == ["b", "a"]
    assert [row.cells[0].best for row in board.rows] == [True, False]


def test_lower_is_better_puts_the_lowest_first():
    pages = {"task": "restoration", "dataset": "documents"}
    (board,) = leaderboard.boards(
        [entry("a", **pages, test_rmse=0.03), entry("b", **pages, test_rmse=0.02)]
    )
    assert [row.entry.name for row in board.rows] == ["b", "a"]


def test_a_variant_without_the_leading_figure_comes_last():
    (board,) = leaderboard.boards([entry("a", test_nll=0.1), entry("b", test_accuracy=0.1)])
    assert [row.entry.name for row in board.rows] == ["b", "a"]


def test_nothing_is_best_of_one():
    (board,) = leaderboard.boards([entry("a", test_accuracy=0.8)])
    assert not board.rows[0].cells[0].best


def test_an_interval_stands_under_its_figure():
    one = entry("a", test_accuracy=0.8, test_accuracy_low=0.79, test_accuracy_high=0.812)
    (board,) = leaderboard.boards([one])
    assert board.rows[0].cells[0].note == "79.00 % to 81.20 %"


def test_variants_under_other_conditions_are_not_ranked_together():
    grey, binary = (entry(name, "reconstruction", "mnist", test_bce=0.1) for name in "ab")
    binary.block["binarise"] = True
    assert len(leaderboard.boards([grey, binary])) == 2


def test_a_split_of_its_own_gets_a_leaderboard_of_its_own():
    ours, theirs = (entry(name, "restoration", "documents", test_rmse=0.02) for name in "ab")
    theirs.block["split"] = "mlebench"
    titles = [board.title for board in leaderboard.boards([ours, theirs])]
    assert titles[1] == f"{titles[0]}, MLE-bench's split"


def test_a_family_is_compared_where_it_has_two_variants_under_the_same_conditions():
    names = ("base", "sparse", "grey")
    entries = [entry(name, "reconstruction", "mnist", weight_sparsity=0.5) for name in names]
    for one, binarise in zip(entries, (True, True, False), strict=True):
        one.block.update(family="strided_autoencoder", epochs=3, binarise=binarise)
    (board,) = leaderboard.comparisons(entries)
    assert [row.entry.name for row in board.rows] == ["base", "sparse"]
    assert [name for name, _ in board.columns] == ["epochs", "weight sparsity"]
    assert board.rows[0].cells[0].text == "3"


def test_claims_that_nothing_speaks_to_are_left_out():
    found = claims.claims([entry("notmnist-resnet", test_accuracy=0.9)], {})
    assert [claim.published[:4] for claim in found] == ["73.7", "84 %"]
    assert found[0].ours.text == "accuracy 90.00 %" and found[0].same is None


@pytest.mark.parametrize(("source", "label"), [("real", ""), ("synthetic", "synthetic data: ")])
def test_a_figure_of_stand_in_data_beside_a_published_one_says_so(source: str, label: str):
    metrics = {"test_accuracy": 0.9, "data_source": source}
    (found, *_) = claims.claims([entry("notmnist-stacked-logreg", **metrics)], {})
    assert found.same is not None and found.same.text == f"{label}accuracy 90.00 %"


def test_a_claim_that_was_run_again_shows_that_figure_and_its_interval():
    facts = {"data_source": "real", "n_test": 400}
    again = Audit("notmnist-80-images", facts | made_audits.METRICS["notmnist-80-images"])
    (found,) = claims.claims([], {again.name: again})
    assert found.same.text == "76.25 % of 80 images"
    assert found.same.note == "95 % of such draws: 65.00 % to 83.75 %"
    assert found.same.page == "published.html#notmnist-80-images"


def test_metrics_that_lack_what_a_claim_says_are_named():
    again = Audit("notmnist-80-images", {"data_source": "real", "accuracy_of_80": 0.7})
    with pytest.raises(InkbenchError, match=r"metrics/published/notmnist-80-images\.json.*repro"):
        claims.claims([], {again.name: again})


def test_every_claim_is_about_a_variant_or_a_run_there_is(root: Path):
    known = params.load(root / "params.yaml")
    path = Path(claims.__file__).with_name("published.yaml")
    for row in yaml.safe_load(path.read_text()):
        assert row.get("audit") is None or row["audit"] in known.published, row["claim"]
        for figure in (row.get("same"), row.get("ours")):
            assert not figure or "variant" not in figure or figure["variant"] in known.train


def test_every_task_dataset_and_family_has_words(root: Path):
    words = leaderboard.wording()
    for block in params.load(root / "params.yaml").train.values():
        assert block.task in words["tasks"]
        assert block.dataset in words["datasets"]
        assert block.family in words["families"]


def test_every_column_of_a_leaderboard_has_words():
    words = leaderboard.wording()
    for task in words["tasks"].values():
        assert {task["leads"], *task["columns"]} <= words["metrics"].keys()


def test_curves_for_dvc_are_of_the_last_phase_in_their_columns(mine: Path):
    result = collect.result("notmnist-stacked-logreg")
    data.write([result], mine / "tables")
    with (mine / "tables/loss/notmnist-stacked-logreg.csv").open() as file:
        rows = list(csv.DictReader(file))
    for column, key in (("training", "loss"), ("validation", "val_loss")):
        last = result.history[key][result.final_phase]
        assert [float(row[column]) for row in rows] == list(map(float, last))


def test_pixels_stand_under_the_probe():
    assert leaderboard.note("probe_accuracy", {"raw_pixel_probe_accuracy": 0.88}) == (
        "pixels 88.00 %"
    )


def test_the_picture_is_of_the_best(mine: Path):
    found = collect.results()
    pages = [r for r in found if r.task == "restoration" and r.block.get("split") is None]
    best = min(pages, key=lambda result: result.metrics["test_rmse"])
    assert picture._best(pages[::-1], "restoration", "documents", "pages.npz").name == best.name
