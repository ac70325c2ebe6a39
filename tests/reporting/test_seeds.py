"""Tables of sweeps, their statistics, and what the report and the README make of them."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from inkbench.errors import InkbenchError
from inkbench.reporting import collect, drawings, leaderboard, readme, seeds, site
from inkbench.reporting.collect import Entry
from inkbench.reporting.seeds import Trial

RNG = np.random.default_rng(3)
FIRST, SECOND = RNG.normal(0.95, 0.01, 5), RNG.normal(0.94, 0.01, 5)


def trial(variant: str, seed: int, accuracy: float | None, epochs: int = 12, **axes: str) -> Trial:
    metrics = {} if accuracy is None else {"test_accuracy": accuracy, "n_test": 40}
    facts = "name", "code", "real", 0.5 - (accuracy or 0) / 10
    return Trial(variant, tuple(sorted(axes.items())), epochs, seed, *facts, metrics)


def entry(name: str, values: list[float], seeded: bool = True) -> Entry:
    """A variant whose committed seed, 42, has the first value."""
    block = {"task": "classification", "dataset": "notmnist", "seed": 42}
    trials = {42 + i: trial(name, 42 + i, value) for i, value in enumerate(values)}
    metrics = {"data_source": "real", "test_accuracy": values[0]}
    return Entry(name, block, metrics, seeds=trials if seeded else {})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project as the working directory."""
    (tmp_path / "sweeps").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_spread_is_the_t_interval_of_scipy():
    found = seeds.spread(FIRST)
    low, high = stats.t.interval(0.95, 4, FIRST.mean(), stats.sem(FIRST))
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high))
    assert found.sd == pytest.approx(np.std(FIRST, ddof=1))
    of_next = seeds.spread(FIRST, of_next=True)
    assert of_next.half == pytest.approx(stats.t.ppf(0.975, 4) * of_next.sd * np.sqrt(1.2))


def test_difference_is_the_paired_t_test_of_scipy_over_common_seeds():
    one = dict(zip(range(42, 47), FIRST, strict=True))
    other = dict(zip(range(43, 48), SECOND, strict=True))
    found = seeds.difference(one, other)
    low, high = stats.ttest_rel(FIRST[1:], SECOND[:-1]).confidence_interval(0.95)
    assert found and found.n == 4
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high))
    assert seeds.difference({1: 0.5}, {2: 0.5}) is None


def test_write_and_read_keep_every_training(folder):
    trials = [trial("cnn", 42 + i, value, rate="0.001") for i, value in enumerate(FIRST)]
    trials += [trial("cnn", 42, 0.9, rate="0.01"), trial("cnn", 42, None, 2, rate="0.01")]
    seeds.write("s", trials[::-1])
    assert sorted(seeds.read("s"), key=str) == sorted(trials, key=str)
    assert seeds.axes_of("s") == ["rate"] and seeds.names() == ["s"]
    before = {path.name: path.read_bytes() for path in folder.glob("sweeps/*")}
    seeds.write("s", trials)
    assert before == {path.name: path.read_bytes() for path in folder.glob("sweeps/*")}
    with (folder / "sweeps/s.csv").open(newline="") as file:
        one, other = csv.DictReader(file)
    assert (one["train.rate"], one["n"], one["seeds"]) == ("0.001", "5", "42 43 44 45 46")
    low = stats.t.interval(0.95, 4, FIRST.mean(), stats.sem(FIRST))[0]
    assert float(one["test_accuracy_low"]) == pytest.approx(low, rel=1e-5)
    assert (other["n"], other["test_accuracy_sd"]) == ("1", "")


def test_write_compares_configurations_over_common_seeds(folder):
    pairs = zip(FIRST, SECOND, strict=True)
    trials = [trial(*x) for i, (a, b) in enumerate(pairs) for x in (("a", i, a), ("b", i, b))]
    trials.append(replace(trial("c", 0, 0.9), metrics={"test_bce": 0.1, "n_test": 7}))
    seeds.write("s", trials)
    with (folder / "sweeps/s.pairs.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["first"], row["second"], row["metric"], row["n"]) == (
        "a",
        "b",
        "test_accuracy",
        "5",
    )
    assert float(row["mean"]) == pytest.approx(np.mean(FIRST - SECOND), rel=1e-5)


def test_write_compares_no_configurations_of_other_problems(folder):
    cells = [(noise, seed) for noise in ("0.1", "0.5") for seed in (1, 2)]
    seeds.write("s", [trial("a", seed, seed / 10, **{"noise.gaussian": n}) for n, seed in cells])
    assert len((folder / "sweeps/s.pairs.csv").read_text().splitlines()) == 1


def test_write_gives_the_same_bytes_for_what_it_has_read(folder):
    whole = replace(trial("cnn", 42, 0.5), metrics={"test_accuracy": 0.5, "n_test": 3742})
    seeds.write("s", [whole, replace(whole, seed=43)])
    before = {path.name: path.read_bytes() for path in folder.glob("sweeps/*")}
    seeds.write("s", seeds.read("s"))
    assert before == {path.name: path.read_bytes() for path in folder.glob("sweeps/*")}
    assert b",3742," in before["s.trials.csv"] + b","
    assert seeds.spread([0.9595, 0.9595, 0.9595]).sd == 0


def test_best_has_the_lowest_mean_over_common_seeds():
    lucky = {1: trial("a", 1, 0.9), 2: trial("a", 2, 0.1)}
    steady = {1: trial("a", 1, 0.7), 2: trial("a", 2, 0.6), 3: trial("a", 3, 0)}
    assert seeds.best({"lucky": lucky, "steady": steady}) == "steady"
    assert seeds.best({"one": {1: lucky[1]}, "two": {2: lucky[2]}}) is None


def test_read_names_a_broken_table(folder):
    (folder / "sweeps/s.trials.csv").write_text("variant,seed\ncnn,42\n")
    with pytest.raises(InkbenchError, match=r"s\.trials\.csv has no .*'epochs'"):
        seeds.read("s")


def cells(*entries: Entry) -> dict[str, leaderboard.Cell]:
    (board,) = leaderboard.boards(entries)
    return {row.entry.name: row.cells[0] for row in board.rows}


def test_a_winner_needs_a_difference_beyond_its_interval():
    clear = cells(entry("a", [0.95, 0.951, 0.949]), entry("b", [0.9, 0.901, 0.9]))
    assert clear["a"].best and not clear["b"].best
    assert clear["a"].text == "95.00 ± 0.25 %" and "≈" not in clear["b"].text
    assert clear["a"].notes == ["seed 42: 95.00 %"]
    close = cells(entry("a", [0.95, 0.92, 0.96]), entry("b", [0.94, 0.95, 0.93]))
    assert not close["a"].best and not close["b"].best
    assert "≈" in close["a"].text and "≈" in close["b"].text


@pytest.mark.parametrize(
    ("key", "values", "text"),
    [
        ("test_accuracy", [0.95, 0.951, 0.949], "95.00 ± 0.25 %"),
        ("test_accuracy", [0.95, 0.950001, 0.949999], "95.00 ± 0.0002 %"),
        ("test_psnr", [31.8, 31.9, 32.0], "31.90 ± 0.25 dB"),
        ("test_bce", [0.0062, 0.00621, 0.00619], "0.0062 ± 0.00002"),
        ("generalisation_gap_bce", [-0.0003, -0.0001, -0.0005], "−0.0003 ± 0.0005"),
        ("test_bce", [0.0062, 0.0062, 0.0062], "0.0062"),
        ("active_units", [20, 20, 19], "19.67 ± 1.434"),
    ],
)
def test_text_shows_mean_and_half_of_the_interval(key, values, text):
    trials = {s: replace(trial("a", s, 0.9), metrics={key: v}) for s, v in enumerate(values)}
    assert leaderboard.text(Entry("a", {}, {key: values[0]}, seeds=trials), key) == text


def test_paired_seeds_find_a_small_difference_that_all_seeds_share():
    values = np.array([0.95, 0.92, 0.96])
    shared = cells(entry("a", [*values]), entry("b", [*values - [0.01, 0.011, 0.009]]))
    assert shared["a"].best and "≈" not in shared["b"].text


def test_a_best_mean_over_other_seeds_is_no_winner():
    lucky = cells(entry("a", [0.8, 0.8, 0.8, 0.99, 0.99]), entry("b", [0.81, 0.812, 0.811]))
    assert not lucky["a"].best and "≈" in lucky["b"].text


def test_a_single_training_is_compared_with_the_range_of_the_seeds():
    seeded = entry("a", [0.95, 0.951, 0.949])
    assert cells(seeded, entry("b", [0.9], seeded=False))["a"].best
    assert not cells(seeded, entry("b", [0.949], seeded=False))["a"].best


def test_without_sweeps_tables_are_as_before():
    plain = cells(entry("a", [0.95], seeded=False), entry("b", [0.949], seeded=False))
    assert (plain["a"].text, plain["a"].best, plain["b"].text) == ("95.00 %", True, "94.90 %")


def test_points_show_the_mean_over_seeds_as_the_table_does():
    seeded, single = entry("a", [0.95, 0.92, 0.96]), entry("b", [0.9], seeded=False)
    for one in (seeded, single):
        one.metrics["parameters"] = 1000
    (board,) = leaderboard.boards([seeded, single])
    drawn = {point.name: point.quality for point in drawings._points(board, "test_accuracy")}
    assert drawn == {"a": pytest.approx(np.mean([0.95, 0.92, 0.96])), "b": 0.9}


def sweep(root: Path, source: str = "real") -> None:
    """A seed sweep and a search of the project's notmnist-cnn, in its ``sweeps/``."""
    (root / "sweeps").mkdir()
    path = root / "metrics/notmnist-cnn.json"
    metrics = json.loads(path.read_text())
    numbers = {k: v for k, v in metrics.items() if isinstance(v, int | float)}
    facts = "name", "code", source, 0.2
    own = [
        Trial("notmnist-cnn", (), 12, 42 + i, *facts, numbers | {"test_accuracy": accuracy})
        for i, accuracy in enumerate([numbers["test_accuracy"], 0.7, 0.71])
    ]
    seeds.write("seeds", own)
    grid = [trial("notmnist-cnn", 42, a, learning_rate=r) for r, a in (("0.1", 0.7), ("0.2", 0.8))]
    seeds.write("rates", [*grid, trial("notmnist-cnn", 42, None, 2, learning_rate="0.3")])


def test_sweep_counts_while_its_training_is_the_committed_one(project_copy):
    sweep(project_copy)
    assert list(collect.result("notmnist-cnn").seeds) == [42, 43, 44]
    assert collect.result("notmnist-resnet").seeds == {}
    path = project_copy / "metrics/notmnist-cnn.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"test_accuracy": 0.5}))
    assert collect.result("notmnist-cnn").seeds == {}


def test_readme_shows_intervals_and_a_legend(project_copy):
    assert "±" not in readme.tables(readme.entries())
    sweep(project_copy)
    text = readme.tables(readme.entries())
    (row,) = [line for line in text.splitlines() if line.startswith("| `notmnist-cnn`")]
    assert "±" in row and "≈:" in text and "1 or 3 seeds" in text


def test_report_draws_sweeps_and_card_has_intervals(project_copy):
    for path in project_copy.glob("metrics/**/*.json"):
        if path.stem != "notmnist-cnn":
            path.unlink()  # renders quickly
    sweep(project_copy)
    folder = project_copy / "reports"
    folder.mkdir()
    site.render(folder)
    index, card = ((folder / f"{p}.html").read_text() for p in ("index", "variants/notmnist-cnn"))
    for name in ("search-rates-notmnist-cnn", "seeds-seeds-classification-notmnist"):
        assert f'id="{name}"' in index and (folder / f"figures/{name}.png").is_file()
    assert "significantly" in index
    assert "over seeds" in card and "3 seeds" in card and "±" in card


def test_of_sweep_separates_trials_of_other_data_or_noise(monkeypatch, folder):
    axes = [{"dataset": d} for d in ("mnist", "notmnist")]
    for name, settings in {"data": axes, "noise": [{"noise.gaussian": n} for n in "01"]}.items():
        trials = [trial("v", s, s / 10, **config) for config in settings for s in (1, 2)]
        seeds.write(name, trials)
    drawn = []
    monkeypatch.setattr(drawings, "_save", lambda *arguments: drawn.append(arguments[2:4]))
    block = {"task": "classification", "dataset": "notmnist", "family": "cnn", "noise": {}}
    for name in ("data", "noise"):
        list(drawings.of_sweep(name, {"v": block}, folder))
    titles = {stem: source for stem, source in drawn if stem.startswith("seeds-")}
    assert len(titles) == 4
    assert "MNIST digits" in titles["seeds-data-classification-mnist"]
    assert "notMNIST letters" in titles["seeds-data-classification-notmnist"]


def ringed(figure: Figure) -> int:
    """Dots in rings, in the first panel."""
    return len(figure.axes[0].collections[-1].get_offsets())


def test_of_sweep_rings_what_promote_chooses_and_says_so(monkeypatch, folder):
    figures = []
    monkeypatch.setattr(drawings, "_save", lambda *arguments: figures.append(arguments[0]))
    for axis in ("learning_rate", "loss"):
        trials = [trial("v", s, a, **{axis: "a"}) for s, a in ((1, 0.9), (2, 0.1))]  # one is lucky
        trials += [trial("v", s, 0.6, **{axis: "b"}) for s in (1, 2)]
        seeds.write(axis, trials)
        block = {"task": "classification", "dataset": "notmnist", "family": "cnn"}
        list(drawings.of_sweep(axis, {"v": block}, folder))
    search, _, of_losses, _ = figures
    assert ringed(search) == 2 and "learning_rate=b" in search.texts[1].get_text()
    assert ringed(of_losses) == 0 and "better" not in of_losses.texts[1].get_text()


def test_figures_of_a_sweep_on_synthetic_data_are_labelled(project_copy, monkeypatch):
    sweep(project_copy, source="synthetic")
    labels = []
    monkeypatch.setattr(drawings, "_save", lambda *arguments: labels.append(arguments[4]))
    blocks = {"notmnist-cnn": collect.result("notmnist-cnn").block}
    assert len([*drawings.of_sweep("seeds", blocks, project_copy)]) == 1 and labels == [True]
