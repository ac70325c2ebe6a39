"""The committed table of costs comes from the right runs."""

import csv
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from helpers import script
from inkbench import params
from inkbench.errors import InkbenchError
from inkbench.tracking.store import LINK, Store

NAME = "notmnist-cnn"


@pytest.fixture
def costs(store: Store, root: Path) -> ModuleType:
    """The script, in a project with one variant and an empty store."""
    tree = yaml.safe_load((root / "params.yaml").read_text())
    tree |= {"train": {NAME: tree["train"][NAME]}, "submission": []}
    Path("params.yaml").write_text(yaml.safe_dump(tree))
    Path("benchmarks").mkdir()
    return script("benchmarks/costs.py")


def trained(
    store: Store,
    speed: float | None = 400.0,
    tags: dict | None = None,
    status: str = "FINISHED",
    **changes,
) -> None:
    """Log a finished training of 100 images for 8 epochs of which only the last part was timed."""
    at = 1000 * (len(store.search("")) + 1)
    labels = {"stage": "train", "variant": NAME, **(tags or {})}
    run_id = store.client.create_run(store.experiment_id, at, labels).info.run_id
    block = params.load().variant(NAME).model_dump(mode="json") | changes
    machine = {"device": "cpu", "precision": "float32", "threads": 2}
    facts = {"variant": block, "epochs": 8, "n_train": 100, **machine}
    store.client.log_dict(run_id, facts, "train.json")
    if speed:
        measured = {"seconds": 1.5, "images_per_second": speed, "peak_memory_mb": 900}
        for key, value in measured.items():
            store.client.log_metric(run_id, key, value)
    store.client.set_terminated(run_id, status)


def test_rows_take_the_newest_training_with_these_settings(store, costs):
    trained(store, 100)
    trained(store, 200)
    trained(store, 300, epochs=1)  # an experiment
    trained(store, 400, tags={LINK: "another run"})  # a link
    trained(store, 500, status="FAILED")
    trained(store, None)  # backfilled: nothing was timed
    costs.write(costs.rows(params.load().train))
    with Path("benchmarks/costs.csv").open() as file:
        assert list(csv.DictReader(file)) == [
            {
                "variant": NAME,
                "seconds": "4.0",  # 8 epochs of 100 images
                "images_per_second": "200",
                "peak_memory_mb": "900",
                "device": "cpu",
                "precision": "float32",
                "threads": "2",
            }
        ]


def test_rows_refuse_a_variant_without_a_run(store, costs):
    trained(store, epochs=1)
    with pytest.raises(InkbenchError, match=rf"no finished training of {NAME} .*dvc repro") as said:
        costs.rows(params.load().train)
    assert "\n" not in str(said.value)
