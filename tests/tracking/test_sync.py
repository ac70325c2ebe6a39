"""A complete parent run for every state of the pipeline, whatever DVC skipped."""

import json

import pytest
from halfway import ADDRESS, TRAIN
from project import ALL, OF_A, UNTRACKED, Project

from inkbench.errors import InkbenchError
from inkbench.tracking import sync
from inkbench.tracking.executions import Execution
from inkbench.tracking.store import HASH, INCOMPLETE, LINK

pytestmark = pytest.mark.slow


def test_sync_has_nothing_to_add_after_a_tracked_pipeline(project, monkeypatch):
    project.run("dvc", "repro", "-q", "--force")
    project.wait_for(lambda: not project.uploaders())
    assert "warning" not in project.errors.read_text()
    store = project.seen()
    (parent,) = store.parents
    assert store.names(parent) == ALL
    assert all(HASH in run.data.tags for run in store.stages())
    assert not store.stages(backfilled="true")
    assert {run.info.status for run in store.runs} == {"FINISHED"}
    assert len(store.models()) == 2
    (evaluation,) = store.stages(dvc__stage="evaluate@mnist-a")
    assert "model.id" in evaluation.data.tags
    assert "0 added" in project.sync()


def test_sync_leaves_stale_stages_out_and_keeps_the_parent_of_a_tree_that_is_committed(project):
    project.replace("params.yaml", "epochs: 2", "epochs: 4")
    assert "stale      train@mnist-b" in project.sync()
    store = project.seen()
    (dirty,) = store.parents
    assert store.names(dirty) == OF_A
    commit = project.commit("longer")
    project.sync()
    (parent,) = project.seen().parents
    assert parent.info.run_id == dirty.info.run_id
    assert parent.data.tags["git.commit"] == commit
    assert parent.data.tags["pipeline.key"] == f"commit:{commit}"


def test_sync_takes_no_older_results_for_those_of_a_run_that_dvc_has_not_recorded(project):
    """The code was edited, and `inkbench repro` ended before it wrote dvc.lock."""
    project.replace("stages/train.py", '"""Any stage', '"""Any  stage')
    project.run(*TRAIN, DVC_STAGE=ADDRESS)
    project.wait_uploaded()
    project.kill_uploader()
    project.sync()
    (run,) = project.seen().stages(dvc__stage=ADDRESS)
    assert run.info.status == "FINISHED" and HASH not in run.data.tags
    assert project.seen().models() == []


def test_sync_records_a_stage_that_ran_again_with_other_results(project):
    """On another kind of CPU, for example: the inputs are the same, the model is not."""
    project.sync()
    project.run("dvc", "repro", "-q", "--force", "--single-item", ADDRESS, FAKE_CPU="other")
    project.wait_uploaded()
    project.kill_uploader()
    project.sync()
    store = project.seen()
    run = store.stages(dvc__stage=ADDRESS)[-1]
    assert HASH in run.data.tags
    assert run.info.run_id in {model.source_run_id for model in store.models()}


def test_sync_of_another_revision(project):
    first = project.run("git", "rev-parse", "HEAD").stdout.strip()
    project.replace("params.yaml", "epochs: 2", "epochs: 4")
    project.run("dvc", "repro", "-q", **UNTRACKED)
    project.commit("longer")
    project.sync(first)
    store = project.seen()
    (parent,) = store.parents
    assert parent.data.tags["git.commit"] == first
    assert store.names(parent) == ALL
    (run,) = store.stages(parent, dvc__stage="train@mnist-b")
    assert run.data.params["train.epochs"] == "2"
    assert [step for step, _ in store.curve(run, "loss")] == [1, 2]


def test_sync_dry_run_changes_nothing(project):
    (project.folder / "mlflow.db").unlink()
    output = project.sync(dry_run=True)
    assert "backfilled train@mnist-a" in output
    assert not (project.folder / "mlflow.db").exists()


def test_sync_uploads_journals_of_another_machine_and_of_a_killed_repro(project):
    start = {"do": "start", "at": 1, "stage": "train", "variant": "mnist-a", "dataset": "mnist"}
    start |= {"params": {}, "pid": 0, "host": "elsewhere", "command": "", "cwd": "/nowhere"}
    start |= {"state": {"key": "commit:a", "title": "a", "inputs": "b"}, "store": "other"}
    loss = {"do": "metrics", "at": 2, "values": {"loss": 0.5}, "step": 1}
    lines = [json.dumps(event) for event in (start, loss)]
    for number, file in enumerate(("events", "held")):  # held: by a killed `inkbench repro`
        project.write(f".tracking/{number}/{file}.jsonl", "\n".join([*lines, ""]))
    assert project.sync(dry_run=True).count("uploaded   train") == 1
    assert project.sync().count("uploaded   train") == 2
    runs = [run for run in project.seen().stages() if run.info.status == "KILLED"]
    assert [project.seen().curve(run, "loss") for run in runs] == [[(1, 0.5)]] * 2
    assert project.journals() == []


def test_sync_completes_a_clone_after_dvc_pull(project, tmp_path_factory):
    remote = tmp_path_factory.mktemp("remote")
    project.run("dvc", "remote", "add", "-d", "remote", str(remote))
    project.commit("remote")
    project.run("dvc", "push", "-q")
    clone = Project(tmp_path_factory.mktemp("clones") / "clone")
    project.run("git", "clone", "-q", ".", str(clone.folder))
    clone.write("src/note.py", "")  # no dependency of a stage
    clone.sync()
    (run,) = clone.seen().stages(dvc__stage="train@mnist-a")
    assert "loss" not in run.data.metrics
    clone.commit("a note")
    clone.run("dvc", "pull", "-q")
    clone.sync()
    store = clone.seen()
    assert store.names() == ALL
    (run,) = store.stages(dvc__stage="train@mnist-a")
    assert [step for step, _ in store.curve(run, "loss")] == [1, 2, 3]
    assert "0 added" in clone.sync()


@pytest.mark.parametrize("how", ["--queue", "workspace"])  # a queue works in a copy of its own
def test_sync_gives_an_experiment_its_own_parent(project, how):
    change = ["-S", "train.mnist-b.epochs=5", "-n", "longer"]
    project.run("dvc", "exp", "run", "-q", *([how] if how != "workspace" else []), *change)
    if how == "--queue":
        project.run("dvc", "queue", "start", "-q", timeout=300)
        listing = ("git", "for-each-ref", "--format=%(refname)", "refs/exps")
        project.wait_for(lambda: "/longer\n" in project.run(*listing).stdout)
    project.wait_uploaded()
    project.kill_uploader()
    project.sync()
    store = project.seen()
    (parent,) = [run for run in store.parents if run.data.tags.get("dvc.exp_name") == "longer"]
    assert store.names(parent) == ALL
    ran = [run for run in store.stages(parent) if "backfilled" not in run.data.tags]
    assert sorted(run.data.tags["dvc.stage"] for run in ran) == sorted({*ALL} - {*OF_A})
    assert len(store.parents) == (1 if how == "workspace" else 2)


def test_sync_refuses_an_unknown_revision(project):
    with pytest.raises(InkbenchError, match=r"^--rev nowhere: no such git revision"):
        project.sync("nowhere")


def test_find_source_takes_the_newest_complete_original(store):
    def finish(**tags: str) -> str:
        labels = {HASH: execution.hash, **tags}
        run_id = store.client.create_run(store.experiment_id, 1, labels).info.run_id
        store.client.set_terminated(run_id, "FINISHED")
        return run_id

    execution = Execution("train@v", "python x.py", {}, {}, {})
    finish(**{INCOMPLETE: "true"})
    assert sync._find_source(store, execution) is None
    original = finish(**{INCOMPLETE: "false"})
    finish(**{LINK: original})
    source = sync._find_source(store, execution)
    assert source is not None and source.info.run_id == original
