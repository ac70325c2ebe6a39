"""Which trainings a search asks for, with losses that are computed instead of trained."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import ROOT
from inkbench import params
from inkbench.errors import InkbenchError
from inkbench.reporting.seeds import Trial
from inkbench.sweeps import plan
from inkbench.sweeps.search import Search, Training, journal, repair

NAME = "notmnist-cnn"  # 12 epochs
GRID = ("learning_rate=0.0005,0.001,0.002,0.004,0.008", "batch_size=32,64,128")
RANGES = ("learning_rate=0.0005..0.01", "batch_size=32,64,128")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real params.yaml in an empty folder."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "sweeps").mkdir()
    monkeypatch.chdir(tmp_path)


def search(*axes: str, name: str = "s", inputs: str = "code", **options: object) -> Search:
    """A search as a new process would open it."""
    defaults = {"seeds": 1, "search": "grid", "trials": None, "prune": False}
    given = defaults | {"variants": [NAME], "set": list(axes), "name": name} | options
    return Search(plan.read(argparse.Namespace(**given)), NAME, params.load().variant(NAME), inputs)


def loss(training: Training) -> float:
    """Best at a rate of 0.002 and a batch size of 64."""
    values = training.values
    rate, size = (
        abs(values.get("learning_rate", 0.002) - 0.002),
        abs(values.get("batch_size", 64) - 64),
    )
    return 10 * rate + size / 1000 + 1 / training.epochs + values["seed"] / 1e5


def play(
    own: Search, limit: float = float("inf"), loss: Callable[[Training], float] = loss
) -> list[Training]:
    """Train what a search asks for; it is killed after some trainings."""
    done: list[Training] = []
    while due := own.due():
        for training in due:
            if len(done) >= limit:
                return done
            metrics = {"test_accuracy": 0.9} if training.is_complete else {}
            facts = training.epochs, training.seed, "name", "code", "real", loss(training)
            own.add(training, Trial(NAME, training.config, *facts, metrics))
            done.append(training)
    return done


def test_grid_trains_every_combination_once_and_then_adds_only_what_is_new():
    assert len(play(search("batch_size=32,64"))) == 2
    assert play(search("batch_size=32,64")) == []
    assert {t.seed for t in play(search("batch_size=32,64", seeds=2))} == {43}
    added = play(search("batch_size=64,128", seeds=2))
    assert {(t.values["batch_size"], t.seed) for t in added} == {(128, 42), (128, 43)}


def test_other_code_or_data_is_trained_again():
    play(search("batch_size=32,64"))
    assert len(play(search("batch_size=32,64", inputs="other code"))) == 2


def test_prune_finds_the_winner_of_the_grid_with_at_most_six_tenths_of_the_epochs():
    every = play(search(*GRID, name="all"))
    raced = play(search(*GRID, name="raced", prune=True))
    assert {t.epochs for t in raced} == {2, 4, 12}
    assert sum(t.epochs for t in raced) <= 0.6 * sum(t.epochs for t in every)
    assert sum(t.is_complete for t in raced) > 1, "the last choice is between whole trainings"
    best = min((t for t in raced if t.is_complete), key=loss)
    assert best == min(every, key=loss)


@pytest.mark.parametrize(
    "options",
    [
        {"search": "grid", "prune": True},
        {"search": "random", "trials": 7},
        {"search": "tpe", "trials": 10},
    ],
    ids=str,
)
def test_killed_search_goes_on_as_if_it_had_not_been(options):
    axes = GRID if options["search"] == "grid" else RANGES
    whole = play(search(*axes, name="whole", **options))
    parts = [play(search(*axes, **options), limit) for limit in (2, 3, float("inf"))]
    assert [training for part in parts for training in part] == whole
    assert options["search"] != "random" or len(whole) == 7


def test_failed_training_is_tried_again_by_the_next_command_only():
    own, tried = search("batch_size=32,64"), []
    while due := own.due():
        tried += due
        own.failed |= set(due)
    assert len(tried) == 2
    assert len(play(search("batch_size=32,64"))) == 2


def test_failure_in_a_rung_is_tried_again_and_can_win():
    own, failed = search(*GRID[:1], prune=True), []
    while due := own.due():
        for training in due:
            if training.values["learning_rate"] == 0.002:
                own.failed.add(training)
                failed.append(training)
            else:
                facts = training.epochs, training.seed, "name", "code", "real", loss(training)
                own.add(training, Trial(NAME, training.config, *facts, {}))
    assert [training.epochs for training in failed] == [2]
    again = play(search(*GRID[:1], prune=True))
    assert again and {t.values["learning_rate"] for t in again} == {0.002}


@pytest.mark.parametrize("how", ["random", "tpe"])
def test_failed_sample_is_tried_again(how):
    options = {"search": how, "trials": 3}
    own = search(*RANGES, **options)
    first = own.due()
    own.failed |= set(first)
    while own.due():
        pass
    assert first and set(first) <= set(play(search(*RANGES, **options)))


@pytest.mark.parametrize("kind", ["random", "tpe"])
def test_search_ends_where_there_are_as_many_trials_as_configurations(kind):
    assert len(play(search("batch_size=32,64", search=kind, trials=2))) <= 2


def test_prune_trains_no_configuration_on_that_failed():
    own = search("learning_rate=0.001", prune=True)
    own.failed.update(own.due())
    assert own.due() == []


def test_prune_compares_means_over_seeds_not_a_lucky_seed():
    def lucky(training: Training) -> float:
        losses = {32: (0.1, 10), 64: (1, 1), 128: (2, 2)}
        return losses[training.values["batch_size"]][training.seed - 42]

    done = play(search("batch_size=32,64,128", seeds=2, prune=True), loss=lucky)
    assert {t.values["batch_size"] for t in done if t.is_complete} == {64}


def test_grid_without_prune_trains_what_prune_dropped():
    play(search(*GRID[:1], prune=True))
    assert play(search(*GRID[:1]))
    done = search(*GRID[:1])
    assert len([t for t in done.known if t.is_complete]) == 5 and play(done) == []


def test_wider_range_on_a_logarithmic_scale_adds_to_a_sweep():
    for axis in ("learning_rate=0.001..0.005", "learning_rate=0.0005..0.01"):
        assert len(play(search(axis, search="random", trials=2))) == 2


def test_recall_knows_the_table_where_the_storage_is_missing():
    trained = search("batch_size=32,64", name="here")
    play(trained)
    clone = search("batch_size=32,64", name="clone")
    clone.recall([*trained.known.values()])
    assert play(clone) == []


def test_tpe_learns_from_losses_and_random_does_not():
    """The same search with the worst for the best asks for other trainings, or for the same."""
    asked = {}
    for kind in ("tpe", "random"):
        for sign in (1, -1):
            own = search(*RANGES, name=f"{kind}{sign}", search=kind, trials=16)
            done = play(own, loss=lambda training, sign=sign: sign * loss(training))
            asked[kind, sign] = [training.config for training in done]
    assert asked["tpe", 1] != asked["tpe", -1]
    assert asked["random", 1] == asked["random", -1]


def test_recall_takes_no_result_of_other_inputs():
    trained = search("batch_size=32,64")
    play(trained)
    other = search("batch_size=32,64", name="o", inputs="other")
    other.recall([*trained.known.values()])
    assert len(play(other)) == 2


def test_repair_removes_half_a_line_and_the_lock_of_a_killed_command(tmp_path):
    play(search("batch_size=32"))
    file = journal("s")
    before, lock = file.read_bytes(), file.with_name(f"{file.name}.lock")
    with file.open("ab") as stream:
        stream.write(b'{"half')
    lock.symlink_to(file)
    repair("s")
    assert file.read_bytes() == before and not lock.is_symlink()


def test_search_refuses_the_storage_of_other_axes():
    search("batch_size=32,64")
    with pytest.raises(InkbenchError):
        search("learning_rate=0.001,0.002")
