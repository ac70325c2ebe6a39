"""Sweeps of the toy pipeline: killed, resumed, extended, applied, promoted, and in MLflow."""

import csv
import os
import shutil
import signal

import pytest
from project import empty_store
from sweep_toy import Toy

from helpers import once

pytestmark = pytest.mark.slow

SWEEP = ("inkbench", "sweep", "mnist-conv-ae", "--set", "learning_rate=0.001,0.004", "--name", "lr")
TABLE = "sweeps/lr.trials.csv"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """A toy with a sweep of two trainings that was killed twice and then ended."""
    template = once(tmp_path_factory, "sweep-toy", lambda folder: Toy(folder / "toy").build())
    toy = Toy(template / "toy").copy(tmp_path_factory.mktemp("sweep") / "toy")
    shutil.copy(empty_store(tmp_path_factory), toy.folder)
    shutil.rmtree(toy.folder / "data")  # is in DVC's cache
    toy.forget("reports")  # a clone that has never made them
    for moment in (toy.trained, toy.stored):  # in the first training, after the first training
        process = toy.start(*SWEEP, "--jobs", "1", INKBENCH_TRACKING="off")
        try:
            toy.wait_for(lambda m=moment, p=process: m() or p.poll() is not None, 600)
            assert process.poll() is None
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        toy.stored_at_kill.append(toy.stored())
        toy.log.unlink(missing_ok=True)
    toy.run(*SWEEP, INKBENCH_TRACKING="off")
    return toy


def rows(toy: Toy) -> list[dict[str, str]]:
    with (toy.folder / TABLE).open(newline="") as file:
        return list(csv.DictReader(file))


def test_killed_sweep_loses_and_doubles_nothing(killed):
    done = [(row["train.learning_rate"], row["seed"]) for row in rows(killed)]
    assert done == [("0.001", "42"), ("0.004", "42")]
    assert sorted(row["experiment"] for row in rows(killed)) == killed.experiments()
    before, after = killed.stored_at_kill
    assert not before and len(after) == 1
    assert not after & set(killed.trained())  # what is stored is not run again


def test_sweep_adds_seeds_and_an_mlflow_run_tree(killed):
    killed.log.unlink(missing_ok=True)
    output = killed.run(*SWEEP, "--seeds", "2").stdout
    assert "2 training runs done, 2 to go" in output
    assert sorted(killed.trained()) == [f"mnist-conv-ae {r} 2 43" for r in ("0.001", "0.004")]
    seen = killed.seen()
    (sweep,) = [run for run in seen.runs if run.data.tags["stage"] == "sweep"]
    parents = [p for p in seen.parents if p.data.tags.get("sweep") == "lr"]
    assert {p.data.tags["mlflow.parentRunId"] for p in parents} == {sweep.info.run_id}
    for parent in parents:
        assert seen.names(parent) == [f"{k}@mnist-conv-ae" for k in ("evaluate", "plot", "train")]
        (training,) = seen.stages(parent, stage="train", sweep="lr")
        assert training.data.params["train.seed"] == "43"
        assert "test_bce" in training.data.metrics
        assert len(seen.curve(training, "val_loss")) == 2


def test_the_same_command_again_executes_nothing(killed):
    tables = [(killed.folder / TABLE).read_bytes(), killed.trained()]
    assert "to go" not in killed.run(*SWEEP, "--seeds", "2").stdout
    assert [(killed.folder / TABLE).read_bytes(), killed.trained()] == tables


def test_promote_writes_the_winner_and_repro_trains_nothing(killed):
    params = (killed.folder / "params.yaml").read_text()
    trained = killed.trained()
    done = killed.run("inkbench", "promote", "lr")
    assert "-    learning_rate: 0.002\n+    learning_rate: 0.004\n" in done.stdout
    assert "warning" not in done.stderr
    changed = params.replace("learning_rate: 0.002", "learning_rate: 0.004", 1)
    assert (killed.folder / "params.yaml").read_text() == changed
    killed.run("dvc", "repro", INKBENCH_TRACKING="off")
    assert killed.trained() == trained
    assert "already" in killed.run("inkbench", "promote", "lr").stdout


def test_a_training_is_an_experiment_that_dvc_applies(killed):
    (row,) = [r for r in rows(killed) if (r["train.learning_rate"], r["seed"]) == ("0.001", "43")]
    table = (killed.folder / TABLE).read_bytes()
    killed.run("git", "checkout", "-q", "--", ".")
    params = (killed.folder / "params.yaml").read_text()
    killed.run("dvc", "exp", "apply", row["experiment"])
    changed = params.replace("learning_rate: 0.002", "learning_rate: 0.001", 1)
    changed = changed.replace("seed: 42", "seed: 43", 1)
    assert (killed.folder / "params.yaml").read_text() == changed
    metrics = (killed.folder / "metrics/mnist-conv-ae.json").read_text()
    assert row["test_bce"] in metrics
    assert (killed.folder / TABLE).read_bytes() == table
