"""Leaderboards, published results and the format of numbers."""

import csv
from pathlib import Path

import pytest
import yaml

import made_audits
from inkbench import params
from inkbench.errors import InkbenchError
from inkbench.reporting import claims, collect, data, drawings, leaderboard, picture
from inkbench.reporting.claims import Reproduction
from inkbench.reporting.collect import Entry
from made_results import VARIANTS


def entry(name: str, task: str = "classification", dataset: str = "notmnist", **metrics) -> Entry:
    block = {"task": task, "dataset": dataset}
    return Entry(name, block, {"data_source": "real"} | metrics)


def page_entry(name: str, **metrics) -> Entry:
    return entry(name, "restoration", "documents", **metrics)


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
def test_show_formats_by_metric(key, value, text):
    assert leaderboard.show(key, value) == text


@pytest.mark.parametrize(
    ("entries", "best"),
    [
        ([entry("b", test_accuracy=0.8), entry("a", test_accuracy=0.9)], [True, False]),
        ([page_entry("b", test_rmse=0.03), page_entry("a", test_rmse=0.02)], [True, False]),
        ([entry("b", test_nll=0.1), entry("a", test_accuracy=0.1)], [False, False]),
        ([entry("a", test_accuracy=0.8)], [False]),
    ],
    ids=["higher is better", "lower is better", "missing metric", "one variant"],
)
def test_boards_rank_the_best_first_and_mark_it_among_several(entries, best):
    (board,) = leaderboard.boards(entries)
    assert [row.entry.name for row in board.rows] == sorted(one.name for one in entries)
    assert [row.cells[0].best for row in board.rows] == best


def test_boards_accept_a_dataset_without_wording():
    new, known = entry("a", dataset="toy", test_accuracy=0.8), entry("b", test_accuracy=0.8)
    assert [board.dataset for board in leaderboard.boards([new, known])] == ["notmnist", "toy"]


@pytest.mark.parametrize(
    ("task", "dataset", "setting"),
    [
        ("reconstruction", "mnist", {"binarise": True}),
        ("reconstruction", "mnist", {"noise": {"gaussian": 0.5}}),
        ("restoration", "documents", {"split": "mlebench"}),
    ],
)
def test_boards_separate_incomparable_variants(task, dataset, setting):
    plain, other = (entry(name, task, dataset, test_psnr=20.0) for name in "ab")
    other.block.update(setting)
    boards = leaderboard.boards([other, plain])
    assert [board.rows[0].entry.name for board in boards] == ["a", "b"]
    assert boards[1].title.startswith(boards[0].title) and boards[0].title != boards[1].title


def test_comparisons_need_two_comparable_variants_of_a_family():
    names = ("base", "sparse", "grey")
    entries = [entry(name, "reconstruction", "mnist", weight_sparsity=0.5) for name in names]
    for variant, binarise in zip(entries, (True, True, False), strict=True):
        variant.block.update(family="strided_autoencoder", epochs=3, binarise=binarise)
    (board,) = leaderboard.comparisons(entries)
    assert [row.entry.name for row in board.rows] == ["base", "sparse"]
    assert [cell.text for cell in board.rows[0].cells] == ["3", "50.00 %"]


@pytest.mark.parametrize(
    ("key", "metrics", "values"),
    [
        ("a", {"a_low": 0.79, "a_high": 0.812}, ["0.79", "0.812"]),
        ("probe_accuracy", {"raw_pixel_probe_accuracy": 0.88}, ["88.00 %"]),
    ],
)
def test_note_shows_interval_or_baseline(key, metrics, values):
    note = leaderboard.note(key, metrics)
    assert all(value in note for value in values)


def test_claims_skip_results_without_any_variant():
    found = claims.claims([entry("notmnist-resnet", test_accuracy=0.9)], {})
    assert [claim.published[:4] for claim in found] == ["73.7", "84 %"]
    assert found[0].recommended.text == "accuracy 90.00 %" and found[0].ours is None


@pytest.mark.parametrize("source", ["real", "synthetic"])
def test_claims_label_synthetic_data(source):
    metrics = {"test_accuracy": 0.9, "data_source": source}
    (claim, *_) = claims.claims([entry("notmnist-stacked-logreg", **metrics)], {})
    assert ("synthetic" in claim.ours.text) is (source == "synthetic")


def test_claims_state_the_epochs_of_the_reproduction():
    name = "notmnist-basic"
    metrics = made_audits.METRICS[name] | {"epochs": 2, "data_source": "synthetic"}
    (claim,) = claims.claims([], {name: Reproduction(name, metrics)})
    assert "2 epochs" in claim.ours.note and "as published" not in claim.ours.note


def test_claims_show_a_reproduction_with_its_interval():
    name = "notmnist-80-images"
    interval = {"accuracy_of_80": 0.7625, "draws_low": 0.65, "draws_high": 0.8375}
    metrics = made_audits.METRICS[name] | interval
    (claim,) = claims.claims([], {name: Reproduction(name, metrics)})
    assert "76.25 %" in claim.ours.text and "80 images" in claim.ours.text
    assert "65.00 %" in claim.ours.note and "83.75 %" in claim.ours.note
    assert claim.ours.page == f"published.html#{name}"


def test_claims_name_incomplete_metrics():
    name = "notmnist-80-images"
    incomplete = Reproduction(name, {"data_source": "real", "accuracy_of_80": 0.7})
    with pytest.raises(InkbenchError, match=rf"metrics/published/{name}\.json.*dvc repro"):
        claims.claims([], {name: incomplete})


def test_published_results_name_known_variants_and_claims(root):
    known = params.load(root / "params.yaml")
    path = Path(claims.__file__).with_name("published.yaml")
    for row in yaml.safe_load(path.read_text()):
        reproduction = row.get("reproduction")
        assert reproduction is None or reproduction in known.published, row["claim"]
        for number in (row.get("ours") or {}, row.get("recommended") or {}):
            assert number.get("variant") in {None, *known.train}, row["claim"]


def test_wording_covers_params_and_columns(root):
    words = leaderboard.wording()
    for block in params.load(root / "params.yaml").train.values():
        assert block.task in words["tasks"]
        assert block.dataset in words["datasets"]
        assert block.family in words["families"]
    for table in [*words["tasks"].values(), *words["comparisons"]]:
        assert {table["leads"], *table["columns"]} <= words["metrics"].keys()


def test_wording_ranks_metrics_as_the_registry_does(root):
    better = {"max": "higher", "min": "lower"}
    for name, rule in params.load(root / "params.yaml").registry.items():
        assert leaderboard.about(rule.metric)["better"] == better[rule.best], name


def test_report_leaves_out_what_params_do_not_name(project_copy):
    path = project_copy / "params.yaml"
    tree = yaml.safe_load(path.read_text())
    del tree["train"]["mnist-vae"], tree["published"]["mnist-logits"]
    path.write_text(yaml.safe_dump(tree))
    assert (project_copy / "metrics/mnist-vae.json").is_file()
    names = {result.name for result in collect.results()}
    assert names == VARIANTS.keys() - {"mnist-vae"}
    assert claims.reproductions().keys() == made_audits.METRICS.keys() - {"mnist-logits"}


def test_of_training_separates_incomparable_variants(project_copy, monkeypatch):
    drawn = []
    monkeypatch.setattr(drawings, "_save", lambda *arguments: drawn.append(arguments))
    results = [result for result in collect.results() if result.dataset == "mnist"]
    assert len({result.conditions for result in results}) > 1
    list(drawings.of_training(results, "mnist", project_copy))
    names, sources, alts = zip(*((a[2], a[3], a[5]) for a in drawn), strict=True)
    assert len(set(names)) == len(names)
    for result in results:
        (at,) = [at for at, alt in enumerate(alts) if result.name in alt]
        assert all(condition in sources[at] for condition in result.conditions)
        others = [other for other in results if other.name in alts[at]]
        assert {other.conditions for other in others} == {result.conditions}


def test_write_exports_curves_of_the_final_phase(project_copy):
    result = collect.result("notmnist-stacked-logreg")
    data.write([result], project_copy / "tables")
    with (project_copy / "tables/loss/notmnist-stacked-logreg.csv").open() as file:
        rows = list(csv.DictReader(file))
    for column, key in (("training", "loss"), ("validation", "val_loss")):
        final = result.history[key][result.final_phase]
        assert [float(row[column]) for row in rows] == list(map(float, final))


def test_picture_shows_the_best_variant(project_copy):
    pages = [result for result in collect.results() if result.task == "restoration"]
    best = min(pages, key=lambda result: result.metrics["test_rmse"])
    assert picture._best(pages[::-1], "restoration", "documents", "pages.npz").name == best.name
