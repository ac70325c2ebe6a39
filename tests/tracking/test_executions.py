"""What DVC has recorded, read through its API."""

import json
import shutil
from contextlib import closing
from dataclasses import replace

import pytest

from inkbench.errors import InkbenchError
from inkbench.tracking.executions import Execution, Pipeline

EXECUTION = Execution("x", "run", {"a": "1"}, {"o": "1"}, {"params.yaml": {"k": 1}})


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"cmd": "walk"}, False),
        ({"deps": {"a": "2"}}, False),
        ({"params": {"params.yaml": {"k": 2}}}, False),
        ({"outs": {"o": "2"}}, True),
    ],
)
def test_hash_depends_on_all_inputs_and_no_output(change, same):
    assert (EXECUTION.hash == replace(EXECUTION, **change).hash) == same


def test_recorded_is_the_same_in_the_tree_and_at_its_commit(template):
    with (
        closing(Pipeline(template.folder)) as here,
        closing(Pipeline(template.folder, "HEAD")) as there,
    ):
        assert here.recorded == there.recorded == here.current == there.current
        assert len(here.recorded) == 8
        assert here.params == there.params
        training = here.recorded["train@mnist-a"]
    assert training.params["params.yaml"]["train.mnist-a"]["rate"] == 1e-05
    assert set(training.deps) == {"stages/train.py", "src/code", "data/processed/mnist"}


@pytest.mark.parametrize(
    ("path", "old", "new", "stale"),
    [
        ("params.yaml", "epochs: 2", "epochs: 4", "train@mnist-b evaluate@mnist-b plot@mnist-b"),
        ("stages/plot.py", '"""Any', '"""Some', "plot@mnist-a plot@mnist-b"),
        (
            "dvc.yaml",
            "evaluate.py ${key}",
            "evaluate.py  ${key}",
            "evaluate@mnist-a evaluate@mnist-b",
        ),
    ],
)
@pytest.mark.parametrize("committed", [False, True])
def test_current_leaves_out_what_a_change_makes_stale(project, path, old, new, stale, committed):
    project.replace(path, old, new)
    project.write("src/code/__pycache__/x.pyc", "ignored")
    revision = project.commit("a change") if committed else None
    with closing(Pipeline(project.folder, revision)) as pipeline:
        assert pipeline.recorded.keys() - pipeline.current.keys() == {*stale.split(), "report"}


def test_current_leaves_out_a_report_of_older_outputs(project):
    project.replace("params.yaml", "epochs: 2", "epochs: 4")
    project.run("dvc", "repro", "-q", "evaluate@mnist-b", "plot@mnist-b")
    with closing(Pipeline(project.folder)) as pipeline:
        assert pipeline.recorded.keys() - pipeline.current.keys() == {"report"}


def test_pipeline_names_a_revision_without_parameters(project):
    project.write("dvc.yaml", "stages: {a: {cmd: touch o, outs: [o]}}\n")
    (project.folder / "params.yaml").unlink()
    revision = project.commit("none")
    with pytest.raises(InkbenchError, match=r"params\.yaml") as refused:
        Pipeline(project.folder, revision)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("level", ["global", "system", "local"])
def test_outputs_come_from_the_configured_cache(project, tmp_path, level, monkeypatch):
    for name in ("GLOBAL", "SYSTEM"):
        variable = f"DVC_{name}_CONFIG_DIR"
        monkeypatch.setenv(variable, str(tmp_path / name.lower()))
        project.environment[variable] = str(tmp_path / name.lower())
    shutil.move(project.folder / ".dvc/cache", tmp_path / "cache")
    shutil.rmtree(project.folder / "models")
    with closing(Pipeline(project.folder)) as pipeline:
        assert not pipeline.has_outputs("train@mnist-a")
        assert pipeline.has_outputs("evaluate@mnist-a"), "git keeps the metrics"
        assert not (pipeline.outputs / "models/mnist-a/history.csv").exists()
    project.run("dvc", "config", f"--{level}", "cache.dir", str(tmp_path / "cache"))
    with closing(Pipeline(project.folder, "HEAD")) as pipeline:
        assert pipeline.has_outputs("train@mnist-a")
        facts = json.loads((pipeline.outputs / "models/mnist-a/train.json").read_text())
        assert facts["data_source"] == "synthetic"
        metrics = json.loads((pipeline.outputs / "metrics/mnist-a.json").read_text())
        assert metrics["test_bce"] == 0.08
        folder = pipeline.outputs
    assert not folder.exists()


def test_outputs_leave_out_metrics_that_changed(project):
    shutil.rmtree(project.folder / ".dvc/cache")
    project.write("metrics/mnist-a.json", "{}")
    with closing(Pipeline(project.folder)) as pipeline:
        assert not (pipeline.outputs / "metrics/mnist-a.json").exists()
        assert (pipeline.outputs / "metrics/mnist-b.json").exists()


@pytest.mark.parametrize("name", ["dvc.lock", "dvc.yaml", "params.yaml"])
def test_pipeline_refuses_conflict_markers_in_one_line(project, name):
    project.write(name, "<<<<<<< HEAD\nstages:\n=======\n")
    with pytest.raises(InkbenchError, match=name) as refused:
        Pipeline(project.folder)
    assert "\n" not in str(refused.value)
