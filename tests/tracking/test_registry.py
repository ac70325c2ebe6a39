"""The best model of a task is its champion until a better one comes."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from inkbench.errors import InkbenchError
from inkbench.tracking import registry
from inkbench.tracking.store import Store

NAME = "inkbench-mnist-autoencoder"
RULE = {"dataset": "mnist", "task": "reconstruction", "metric": "test_bce", "best": "min"}


class Lineage:
    """Variants of a pipeline in a folder, trained and evaluated one after the other."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store
        self.rule = dict(RULE)
        self.data = "a.dir"
        self._blocks: dict[str, dict] = {}
        self.lines: list[str] = []

    def evaluated(
        self, value: float, *, model: str, source: str = "real", variant: str = "v", **block: object
    ) -> None:
        """A variant gets a new model and a new metric; then comes a sync."""
        self._blocks[variant] = {"dataset": "mnist", "task": "reconstruction", **block}
        facts = json.dumps({"test_bce": value, "data_source": source})
        for path, text in (
            (f"metrics/{variant}.json", facts),
            (f"models/{variant}/model.keras", model),
        ):
            (self._folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / path).write_text(text)
        md5 = hashlib.md5(model.encode()).hexdigest()
        if not self._store.models(md5):
            client = self._store.client
            logged = client.create_logged_model(
                self._store.experiment_id, name=model, tags={"model.md5": md5}
            )
            client.finalize_logged_model(logged.model_id, "READY")
        self.sync()

    def sync(self) -> None:
        """Promote the best."""
        evaluation = SimpleNamespace(deps={"data/processed/mnist": self.data})
        pipeline = SimpleNamespace(
            params={"train": self._blocks, "registry": {"mnist-autoencoder": self.rule}},
            current={f"evaluate@{variant}": evaluation for variant in self._blocks},
            outputs=self._folder,
        )
        registry.promote_best(self._store, pipeline, self.lines.append)

    @property
    def champion(self) -> tuple[str, float]:
        """Version and metric of the champion."""
        version = self._store.client.get_model_version_by_alias(NAME, registry.CHAMPION)
        return str(version.version), float(version.tags["value"])


@pytest.fixture
def lineage(store: Store, tmp_path: Path) -> Lineage:
    """A pipeline that has not been synced."""
    return Lineage(tmp_path, store)


def test_promote_best_registers_the_first_model_with_a_reason(lineage):
    lineage.evaluated(0.5, model="a")
    assert lineage.champion == ("1", 0.5)
    (line,) = lineage.lines
    assert "min test_bce = 0.5 on real data; the first" in line


@pytest.mark.parametrize(
    ("later", "champion"),
    [
        ({"value": 0.4}, ("2", 0.4)),
        ({"value": 0.5}, ("1", 0.5)),
        ({"value": 0.6}, ("1", 0.5)),
        ({"value": 0.5, "model": "a"}, ("1", 0.5)),
        ({"value": 0.1, "split": "mlebench"}, ("1", 0.5)),
        ({"value": 0.1, "binarise": True}, ("1", 0.5)),
        ({"value": 0.1, "noise": {"gaussian": 0.5}}, ("1", 0.5)),
    ],
    ids=["better", "equal", "worse", "the same", "other split", "other pixels", "noisy"],
)
def test_promote_best_takes_a_better_model_of_the_same_split_and_pixels(lineage, later, champion):
    lineage.evaluated(0.5, model="a")
    lineage.evaluated(**{"model": "b"} | later)
    assert lineage.champion == champion
    assert len(lineage.lines) == int(champion[0])


def test_promote_best_prefers_real_data(lineage):
    lineage.evaluated(0.5, model="a", source="synthetic")
    lineage.evaluated(0.9, model="b", source="real")
    assert lineage.champion == ("2", 0.9)
    lineage.evaluated(0.1, model="c", source="synthetic")
    assert lineage.champion == ("2", 0.9)
    lineage.data = "generated.dir"
    lineage.evaluated(0.05, model="d", source="synthetic")
    assert lineage.champion == ("2", 0.9)


def test_promote_best_replaces_a_champion_that_was_measured_on_other_data(lineage):
    """With another seed of the split, its test images may be training images now."""
    lineage.evaluated(0.5, model="a")
    lineage.data = "b.dir"
    lineage.evaluated(0.6, model="b")
    assert lineage.champion == ("2", 0.6)
    lineage.evaluated(0.7, model="c")
    assert lineage.champion == ("2", 0.6)


def test_promote_best_compares_with_a_champion_whose_data_are_not_known(lineage, store):
    lineage.evaluated(0.5, model="a")
    store.client.delete_model_version_tag(NAME, "1", "data.md5")  # of an earlier inkbench
    lineage.evaluated(0.6, model="b")
    assert lineage.champion == ("1", 0.5)


def test_roll_back_is_for_good(lineage, store):
    lineage.evaluated(0.5, model="a")
    lineage.evaluated(0.4, model="b")
    assert "champion is version 1" in registry.roll_back(store, "mnist-autoencoder")
    lineage.evaluated(0.4, model="b")
    assert lineage.champion == ("1", 0.5)
    lineage.evaluated(0.3, model="c")
    assert lineage.champion == ("3", 0.3)


def test_roll_back_does_not_block_a_later_variant(lineage, store):
    lineage.evaluated(0.5, model="a", variant="a")
    lineage.evaluated(0.4, model="b", variant="b")
    registry.roll_back(store, NAME)
    lineage.evaluated(0.45, model="c", variant="c")
    assert lineage.champion == ("3", 0.45)


def test_roll_back_can_be_undone(lineage, store):
    lineage.evaluated(0.5, model="a")
    lineage.evaluated(0.4, model="b")
    registry.roll_back(store, NAME)
    registry.roll_back(store, NAME, "2")
    assert lineage.champion == ("2", 0.4)


def test_roll_back_goes_one_step(lineage, store):
    for value, name in ((0.5, "a"), (0.4, "b"), (0.3, "c")):
        lineage.evaluated(value, model=name)
    assert "champion is version 2" in registry.roll_back(store, NAME)


@pytest.mark.parametrize(("best", "stray", "winner"), [("min", 0.1, 0.2), ("max", 0.9, 0.4)])
def test_promote_best_takes_the_best_by_the_rule_of_all_variants_of_its_data(
    lineage, best, stray, winner
):
    lineage.rule["best"] = best
    lineage.evaluated(stray, model="x", variant="x", dataset="other")
    for name, value in {"a": 0.3, "b": 0.2, "c": 0.4}.items():
        lineage.evaluated(value, model=name, variant=name)
    assert lineage.champion[1] == winner


def test_promote_best_does_nothing_without_rules(store, tmp_path):
    pipeline = SimpleNamespace(params={"train": None, "registry": None})
    registry.promote_best(store, pipeline, print)
    assert registry.champion(store, NAME) is None


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("nothing", None, "inkbench-nothing is not registered; there are: " + NAME),
        ("mnist-autoencoder", "7", "has no version 7; there are: 1"),
        ("mnist-autoencoder", None, "has no version before its champion to go back to"),
    ],
)
def test_roll_back_names_what_there_is(lineage, store, name, version, message):
    lineage.evaluated(0.5, model="a")
    with pytest.raises(InkbenchError, match=message):
        registry.roll_back(store, name, version)
