"""The best model of a task is its champion, and stays so until a better one comes."""

import hashlib
import json
from pathlib import Path

import pytest

from inkbench.errors import InkbenchError
from inkbench.tracking import registry
from inkbench.tracking.pipeline import Execution, Files
from inkbench.tracking.store import Store

NAME = "inkbench-mnist-autoencoder"


class Lineage:
    """Variants that are trained and evaluated, one after the other.

    Parameters
    ----------
    folder
        Of the pipeline.
    store
        Open store.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._blocks: dict[str, str] = {}
        self._executions: dict[str, Execution] = {}
        self.said: list[str] = []

    def evaluated(
        self, value: float, *, model: str, source: str = "real", variant: str = "v", more: str = ""
    ) -> None:
        """A variant gets a new model and a new figure; then comes a sync."""
        md5 = hashlib.md5(model.encode()).hexdigest()
        self._blocks[variant] = f"{{dataset: mnist, task: reconstruction, {more}}}"
        blocks = ", ".join(f"{name}: {block}" for name, block in self._blocks.items())
        rule = "{dataset: mnist, task: reconstruction, metric: test_bce, best: min}"
        (self._folder / "params.yaml").write_text(
            f"train: {{{blocks}}}\nregistry: {{mnist-autoencoder: {rule}}}"
        )
        facts = json.dumps({"test_bce": value, "test_mse": -value, "data_source": source})
        path = f"metrics/{variant}.json"
        (self._folder / "metrics").mkdir(exist_ok=True)
        (self._folder / path).write_text(facts)
        outs = {path: hashlib.md5(facts.encode()).hexdigest()}
        made = {f"models/{variant}/model.keras": md5}
        for address, out in (("train", made), ("evaluate", outs)):
            name = f"{address}@{variant}"
            self._executions[name] = Execution(name, "", {}, out, {})
        if self._store.model(md5) is None:
            client = self._store.client
            logged = client.create_logged_model(
                self._store.experiment_id, name=model, tags={"model.md5": md5}
            )
            client.finalize_logged_model(logged.model_id, "READY")
        self.sync(*self._executions.values())

    def sync(self, *executions: Execution) -> None:
        """Crown whoever deserves it."""
        lock = {execution.name: execution for execution in executions}
        registry.crown(self._store, lock, executions, Files(self._folder), self.said.append)

    @property
    def champion(self) -> tuple[str, float]:
        """Version and figure of the champion."""
        found = self._store.client.get_model_version_by_alias(NAME, registry.CHAMPION)
        return str(found.version), float(found.tags["value"])


@pytest.fixture
def lineage(store: Store, tmp_path: Path) -> Lineage:
    """A pipeline that has not been synced."""
    return Lineage(tmp_path, store)


def test_the_first_model_is_champion_and_says_why(lineage: Lineage) -> None:
    lineage.evaluated(0.5, model="a")
    assert lineage.champion == ("1", 0.5)
    (said,) = lineage.said
    assert "min test_bce = 0.5 on real data; the first" in said


def test_a_better_model_takes_the_alias(lineage: Lineage) -> None:
    lineage.evaluated(0.5, model="a")
    lineage.evaluated(0.4, model="b")
    assert lineage.champion == ("2", 0.4)


@pytest.mark.parametrize("value", [0.5, 0.6])
def test_a_model_that_is_not_better_is_not_even_registered(lineage: Lineage, value: float) -> None:
    lineage.evaluated(0.5, model="a")
    lineage.evaluated(value, model="b")
    assert lineage.champion == ("1", 0.5)
    assert len(lineage.said) == 1


def test_a_second_sync_makes_no_second_version(lineage: Lineage) -> None:
    lineage.evaluated(0.5, model="a")
    lineage.evaluated(0.5, model="a")
    assert lineage.champion == ("1", 0.5)


def test_no_figure_on_stand_in_data_beats_one_on_real_data(lineage: Lineage) -> None:
    lineage.evaluated(0.5, model="a", source="synthetic")
    lineage.evaluated(0.9, model="b", source="real")
    assert lineage.champion == ("2", 0.9)
    lineage.evaluated(0.1, model="c", source="synthetic")
    assert lineage.champion == ("2", 0.9)


@pytest.mark.parametrize("more", ["split: mlebench", "binarise: true", "noise: {gaussian: 0.5}"])
def test_a_figure_on_another_split_or_other_pixels_is_not_compared(
    lineage: Lineage, more: str
) -> None:
    lineage.evaluated(0.5, model="a")
    lineage.evaluated(0.1, model="b", more=more)
    assert lineage.champion == ("1", 0.5)


def test_what_was_rolled_back_does_not_return_by_itself(lineage: Lineage, store: Store) -> None:
    lineage.evaluated(0.5, model="a")
    lineage.evaluated(0.4, model="b")
    assert "champion is version 1" in registry.roll_back(store, "mnist-autoencoder")
    lineage.evaluated(0.4, model="b")
    assert lineage.champion == ("1", 0.5)
    lineage.evaluated(0.3, model="c")
    assert lineage.champion == ("3", 0.3)


def test_what_was_rolled_back_stands_in_nobodys_way(lineage: Lineage, store: Store) -> None:
    lineage.evaluated(0.5, model="a", variant="a")
    lineage.evaluated(0.4, model="b", variant="b")
    registry.roll_back(store, NAME)
    lineage.evaluated(0.45, model="c", variant="c")
    assert lineage.champion == ("3", 0.45)


def test_a_rollback_can_be_taken_back(lineage: Lineage, store: Store) -> None:
    lineage.evaluated(0.5, model="a")
    lineage.evaluated(0.4, model="b")
    registry.roll_back(store, NAME)
    registry.roll_back(store, NAME, "2")
    assert lineage.champion == ("2", 0.4)


def test_a_rollback_goes_one_step(lineage: Lineage, store: Store) -> None:
    for value, name in ((0.5, "a"), (0.4, "b"), (0.3, "c")):
        lineage.evaluated(value, model=name)
    assert "champion is version 2" in registry.roll_back(store, NAME)


@pytest.mark.parametrize(("best", "stray", "winner"), [("min", 0.1, "b"), ("max", 0.9, "c")])
def test_the_best_by_the_rule_of_all_variants_of_its_data(
    store: Store, tmp_path: Path, best: str, stray: float, winner: str
) -> None:
    found = {"a": ("mnist", 0.3), "b": ("mnist", 0.2), "c": ("mnist", 0.4), "x": ("other", stray)}
    task = {"task": "reconstruction"}
    rule = task | {"dataset": "mnist", "metric": "test_bce", "best": best}
    train = {name: task | {"dataset": dataset} for name, (dataset, _) in found.items()}
    (tmp_path / "params.yaml").write_text(
        json.dumps({"train": train, "registry": {"mnist-autoencoder": rule}})
    )
    (tmp_path / "metrics").mkdir()
    lock = []
    for name, (_, value) in found.items():
        facts = json.dumps({"test_bce": value, "data_source": "real"}).encode()
        (tmp_path / f"metrics/{name}.json").write_bytes(facts)
        md5 = hashlib.md5(name.encode()).hexdigest()
        made = store.client.create_logged_model(
            store.experiment_id, name=name, tags={"model.md5": md5}
        )
        store.client.finalize_logged_model(made.model_id, "READY")
        outs = {f"metrics/{name}.json": hashlib.md5(facts).hexdigest()}
        lock.append(Execution(f"evaluate@{name}", "", {}, outs, {}))
        lock.append(Execution(f"train@{name}", "", {}, {f"models/{name}/model.keras": md5}, {}))
    by_name = {execution.name: execution for execution in lock}
    registry.crown(store, by_name, lock, Files(tmp_path), lambda _: None)
    champion = registry.champion(store, NAME)
    assert champion is not None and champion.tags["variant"] == winner


def test_a_file_without_rules_crowns_nobody(store: Store, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("train:\nregistry:\n")
    registry.crown(store, {}, [], Files(tmp_path), lambda _: None)
    assert registry.champion(store, NAME) is None


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("nothing", None, "inkbench-nothing is not registered; there are: " + NAME),
        ("mnist-autoencoder", "7", "has no version 7; there are: 1"),
        ("mnist-autoencoder", None, "has no version before its champion to go back to"),
    ],
)
def test_an_impossible_rollback_says_what_there_is(
    lineage: Lineage, store: Store, name: str, version: str | None, said: str
) -> None:
    lineage.evaluated(0.5, model="a")
    with pytest.raises(InkbenchError, match=said):
        registry.roll_back(store, name, version)
