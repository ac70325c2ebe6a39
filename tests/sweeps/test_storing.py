"""What a sweep refuses or reports instead of storing or promoting something else."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from dvc import cli
from dvc.repo.experiments.executor.local import TempDirExecutor
from dvc.repo.index import Index

from helpers import ROOT
from inkbench import params, state
from inkbench.cluster.command import alone
from inkbench.errors import InkbenchError
from inkbench.pipeline.plan import Chain
from inkbench.pipeline.tasks import Task
from inkbench.reporting import seeds
from inkbench.reporting.seeds import Trial
from inkbench.sweeps import experiment, running, search, storing
from inkbench.sweeps.plan import Plan
from inkbench.sweeps.search import Training
from inkbench.tracking import executions

NAME = "mnist-conv-ae"
PLAN = Plan("s", [NAME], {"learning_rate": [0.001]}, 1, "grid", 0, False)
CONFIG = (("learning_rate", "0.001"),)
TRAINING = Training(NAME, CONFIG, 2, 42, True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A commit of params.yaml and a stage by somebody who has a name, as the working directory."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/train.py").touch()
    (tmp_path / "sweeps").mkdir()
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / ".gitignore").write_text("/data\n")
    data_are("real")
    git("init", "-q")
    git("config", "user.name", "t")
    git("config", "user.email", "t@example.org")
    git("add", "-A")
    git("commit", "-qm", "first")
    return tmp_path


def data_are(source: str) -> None:
    """The digits are real or synthetic."""
    card = Path("data/processed/mnist/dataset.json")
    card.parent.mkdir(parents=True, exist_ok=True)
    card.write_text(json.dumps({"classes": [], "data_source": source}))


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)


def test_run_refuses_a_user_without_a_name(repository):
    git("config", "--unset", "user.email")
    with pytest.raises(InkbenchError, match=r"git config --global user\.email"):
        running.run(PLAN)


def test_run_refuses_code_that_git_does_not_know(repository):
    (repository / "stages/new.py").touch()
    with pytest.raises(InkbenchError, match=r"git add stages/new\.py"):
        running.run(PLAN)


def test_run_names_what_cannot_be_written(repository):
    (repository / "sweeps/s.journal").mkdir()
    with pytest.raises(InkbenchError, match="sweeps: cannot be written"):
        running.run(PLAN)
    shutil.rmtree("sweeps")
    (repository / "sweeps").touch()
    with pytest.raises(InkbenchError, match="sweeps: cannot be written"):
        running.run(PLAN)


def test_run_refuses_a_clone_where_another_pipeline_runs(repository):
    with alone(), pytest.raises(InkbenchError, match="another `inkbench repro` or sweep"):
        running.run(PLAN)


def test_run_warns_of_stale_rows_of_variants_that_it_does_not_train(
    repository, monkeypatch, capsys
):
    pipeline = SimpleNamespace(inputs=lambda name: {"src": "new"}, close=lambda: None)
    monkeypatch.setattr(executions, "Pipeline", lambda folder: pipeline)
    monkeypatch.setattr(running, "_prepare", lambda datasets: None)
    inputs = running._inputs(pipeline, ["learning_rate"], NAME, params.load())
    own = Trial(NAME, CONFIG, 2, 42, "e", inputs, "real", 0.1, {"test_bce": 0.1})
    seeds.write("s", [own, replace(own, variant="mnist-sparse-l2", inputs="old")])
    assert running.run(PLAN)
    (line,) = capsys.readouterr().err.splitlines()
    assert "warning" in line and "mnist-sparse-l2" in line


def test_sweep_prepares_the_datasets_that_it_varies():
    plan = Plan("s", [NAME], {"dataset": ["mnist", "notmnist"]}, 1, "grid", 0, False)
    assert running._datasets(plan, params.load(ROOT / "params.yaml")) == {"mnist", "notmnist"}


def test_train_reports_trainings_that_can_never_start(repository):
    class Stuck:
        """A head whose chains lack an input."""

        def add(self, tree: object) -> list[Task]:
            return [Task(tree, Chain(NAME))]

        def results(self) -> list[Task]:
            return []

    trainings = [Training(NAME, CONFIG, 2, seed, True) for seed in range(2 * running._AHEAD)]
    ended = [*running._train(Stuck(), trainings)]
    assert [training for training, _ in ended] == trainings
    assert all(error for _, error in ended)


def test_store_refuses_a_training_of_other_code(repository, monkeypatch):
    monkeypatch.setattr(storing, "run", None)
    code = state.of_folder(repository).inputs
    (repository / "stages/train.py").write_text("changed")
    with pytest.raises(InkbenchError, match="changed during the sweep"):
        storing.store("s", TRAINING, "inputs", code)


def test_store_reads_nothing_else_if_there_is_no_experiment(repository, monkeypatch):
    monkeypatch.setattr(storing, "run", lambda *_: None)
    monkeypatch.setattr(executions, "Pipeline", None)
    with pytest.raises(InkbenchError, match="no experiment"):
        storing.store("s", TRAINING, "inputs", state.of_folder(repository).inputs)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_experiment_is_interrupted_only_when_the_changes_are_back(number, monkeypatch):
    back = []

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def run(arguments: list[str]) -> None:
        os.kill(os.getpid(), number)
        back.append("changes")
        TempDirExecutor.reproduce()

    monkeypatch.setattr(TempDirExecutor, "reproduce", None)
    monkeypatch.setattr(Index, "_plot_sources", None)
    monkeypatch.setattr(cli, "main", run)
    handler = signal.signal(number, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            experiment.main()
    finally:
        signal.signal(number, handler)
    assert back


def test_a_sweep_ends_when_the_code_changed(monkeypatch):
    def store(*_: object) -> None:
        raise storing.Changed("edited")

    monkeypatch.setattr(storing, "store", store)
    with pytest.raises(storing.Changed):
        running._store("s", SimpleNamespace(inputs="i", failed=set()), TRAINING, "", "code")


def test_run_of_dvc_tells_its_error():
    with pytest.raises(InkbenchError, match="no_such_module"):
        storing.run("no_such_module")


def test_only_on_synthetic_data_a_sweep_depends_on_the_limits_of_trainings(repository):
    def inputs() -> str:
        pipeline = SimpleNamespace(inputs=lambda name: {})
        return running._inputs(pipeline, ["learning_rate"], NAME, params.load())

    def after_a_change() -> str:
        file = repository / "params.yaml"
        before = file.read_text()
        file.write_text(before.replace("synthetic:\n  epochs: 2", "synthetic:\n  epochs: 1"))
        try:
            return inputs()
        finally:
            file.write_text(before)

    assert inputs() == after_a_change()
    data_are("synthetic")
    assert inputs() != after_a_change()


def test_promote_names_the_table_of_a_value_that_is_refused(repository):
    config = (("learning_rate", "7"),)
    seeds.write("s", [Trial(NAME, config, 2, 42, "e", "i", "real", 0.1, {"test_bce": 0.1})])
    with pytest.raises(InkbenchError, match=r"^sweeps/s\.trials\.csv: .*learning_rate"):
        running.promote("s")


def test_promote_waits_for_a_running_sweep_and_names_one_that_was_killed(repository, capsys):
    with alone(), pytest.raises(InkbenchError, match="sweep is running here"):
        running.promote("s")
    search.journal("s").touch()
    with pytest.raises(InkbenchError, match=r"s\.trials\.csv not found; .*repeat its command"):
        running.promote("s")


def test_stopped_sweep_writes_what_it_has_stored(repository, monkeypatch, capsys):
    def stopped(trainings):
        yield trainings[0], ""
        raise KeyboardInterrupt

    def stored(sweep, training, inputs, code):
        facts = training.epochs, training.seed, "e", inputs, "real", 0.1, {"test_bce": 0.1}
        return Trial(NAME, training.config, *facts)

    plan = replace(PLAN, axes={"learning_rate": [0.001, 0.002]})
    workers = contextlib.nullcontext(stopped)
    monkeypatch.setattr(running, "_prepare", lambda datasets: None)
    pipeline = SimpleNamespace(inputs=lambda name: {"src": "code"}, close=lambda: None)
    monkeypatch.setattr(executions, "Pipeline", lambda folder: pipeline)
    monkeypatch.setattr(running, "_workers", lambda jobs, address: workers)
    monkeypatch.setattr(running, "_track", lambda experiment: True)
    monkeypatch.setattr(storing, "store", stored)
    with pytest.raises(KeyboardInterrupt):
        running.run(plan)
    assert [trial.settings for trial in seeds.read("s")] == [CONFIG]
    assert "the same command goes on" in capsys.readouterr().out


def test_promote_warns_of_other_code_than_was_trained(repository, monkeypatch, capsys):
    def has(code: str) -> None:
        pipeline = SimpleNamespace(inputs=lambda name: {"src": code}, close=lambda: None)
        monkeypatch.setattr(executions, "Pipeline", lambda folder: pipeline)

    pipeline = SimpleNamespace(inputs=lambda name: {"src": "old"})
    inputs = running._inputs(pipeline, ["learning_rate"], NAME, params.load())
    seeds.write("s", [Trial(NAME, CONFIG, 2, 42, "e", inputs, "real", 0.1, {"test_bce": 0.1})])
    has("old")
    assert "0.001" in running.promote("s")
    assert capsys.readouterr().err == ""
    has("new")
    running.promote("s")
    (line,) = capsys.readouterr().err.splitlines()
    assert "warning" in line and NAME in line
