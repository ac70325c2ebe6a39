"""A complete parent for every state of the pipeline, whatever DVC skipped."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project, Seen
from server import Server

from inkbench.errors import InkbenchError

pytestmark = pytest.mark.slow

ALL = [
    "evaluate@mnist-a",
    "evaluate@mnist-b",
    "plot@mnist-a",
    "plot@mnist-b",
    "preprocess@mnist",
    "report",
    "train@mnist-a",
    "train@mnist-b",
]
OF_A = ["evaluate@mnist-a", "plot@mnist-a", "preprocess@mnist", "train@mnist-a"]
UNTRACKED = {"INKBENCH_TRACKING": "off"}


@pytest.fixture(scope="module")
def backfilled(
    template: Project, tables: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Project, Seen]]:
    """A project whose server saw nothing until `inkbench sync`; do not change it."""
    folder = tmp_path_factory.mktemp("backfilled")
    with Server(folder / "server", tables) as server:
        server.start()
        project = template.copy(folder / "project", server.uri)
        project.sync()
        yield project, project.seen()


@pytest.fixture(scope="module")
def changed(backfilled: tuple[Project, Seen]) -> Seen:
    """The store after one variant was changed, and the pipeline run again."""
    before, _ = backfilled
    project = before.copy(before.folder.with_name("changed"), before.uri)
    project.replace("params.yaml", "epochs: 2", "epochs: 4")
    project.run("dvc", "repro", "-q")
    return project.seen()


def test_a_store_that_saw_nothing_gets_every_stage(backfilled: tuple[Project, Seen]) -> None:
    store = backfilled[1]
    (parent,) = store.parents
    assert store.names(parent, backfilled="true") == ALL


def test_a_backfilled_training_has_its_parameters_curve_and_model(
    backfilled: tuple[Project, Seen],
) -> None:
    store = backfilled[1]
    (run,) = store.stages(dvc__stage="train@mnist-a")
    assert run.data.params == {
        "train.dataset": "mnist",
        "train.epochs": "3",
        "train.model.code": "8",
        "train.rate": "1e-05",
        "train.task": "reconstruction",
    }
    assert store.curve(run, "loss") == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert run.data.metrics["test_bce"] == 0.08
    (model,) = [model for model in store.models() if model.name == "mnist-a"]
    assert model.source_run_id == run.info.run_id
    figures = {metric.key: metric.value for metric in model.metrics}
    assert figures == {"test_bce": 0.08, "n_test": 10}


def test_the_parent_compares_pipelines_by_their_test_metrics(
    backfilled: tuple[Project, Seen],
) -> None:
    (parent,) = backfilled[1].parents
    assert parent.data.metrics == {
        "leaderboard/mnist-a test_bce": 0.08,
        "leaderboard/mnist-b test_bce": 0.09,
    }


def test_a_second_sync_changes_nothing(backfilled: tuple[Project, Seen]) -> None:
    project, before = backfilled
    assert "8 stages, 0 brought" in project.sync()
    after = project.seen()
    assert [run.to_dictionary() for run in after.runs] == [
        run.to_dictionary() for run in before.runs
    ]


def test_what_did_not_change_is_linked_into_the_new_state(changed: Seen) -> None:
    first, second = changed.parents
    assert changed.names(first) == ALL
    assert changed.names(second) == ALL
    linked = [run for run in changed.stages(second) if "linked_to" in run.data.tags]
    assert sorted(run.data.tags["dvc.stage"] for run in linked) == OF_A


def test_a_link_shows_the_figures_of_the_run_it_stands_for(changed: Seen) -> None:
    first, second = changed.parents
    (original,) = changed.stages(first, dvc__stage="train@mnist-a")
    (link,) = changed.stages(second, dvc__stage="train@mnist-a")
    assert link.data.tags["linked_to"] == original.info.run_id
    assert link.data.params == original.data.params
    assert changed.curve(link, "loss") == changed.curve(original, "loss")


def test_a_pipeline_that_ran_whole_needs_no_backfill(fresh: Project) -> None:
    said = fresh.run("dvc", "repro", "-q").stderr
    store = fresh.seen()
    assert store.names() == ALL, said
    (parent,) = store.parents
    assert store.names(parent) == ALL
    assert not store.stages(backfilled="true")
    assert {run.info.status for run in store.runs} == {"FINISHED"}
    assert len(store.models()) == 2


def test_a_changed_tree_that_is_committed_keeps_its_parent(project: Project) -> None:
    project.replace("params.yaml", "epochs: 2", "epochs: 4")
    project.sync()
    (dirty,) = project.seen().parents
    commit = project.commit("longer")
    project.sync()
    (parent,) = project.seen().parents
    assert parent.info.run_id == dirty.info.run_id
    assert parent.data.tags["git.commit"] == commit
    assert parent.data.tags["pipeline.key"] == f"commit:{commit}"


def test_stages_that_are_stale_are_said_and_left_out(project: Project) -> None:
    project.replace("params.yaml", "epochs: 2", "epochs: 4")
    account = project.sync()
    store = project.seen()
    assert store.names(store.parents[0]) == OF_A
    assert "stale      train@mnist-b" in account


def test_another_revision_can_be_synced(project: Project) -> None:
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


def test_a_dry_run_says_what_it_would_do_and_does_nothing(project: Project) -> None:
    (project.folder / "mlflow.db").unlink()
    account = project.sync(dry_run=True)
    assert "backfilled train@mnist-a" in account
    assert not (project.folder / "mlflow.db").exists()


def test_a_journal_whose_courier_failed_at_once_is_brought(project: Project) -> None:
    started = {"do": "start", "at": 1, "stage": "train", "variant": "mnist-a", "dataset": "mnist"}
    started |= {"params": {}, "pid": 0, "host": "elsewhere", "command": "", "cwd": project.folder}
    loss = {"do": "metrics", "at": 2, "values": {"loss": 0.5}, "step": 1}
    lines = [json.dumps(event, default=str) for event in (started, loss)]
    project.write(".tracking/1/events.jsonl", "\n".join([*lines, ""]))
    assert "brought    train" in project.sync()
    (run,) = [run for run in project.seen().stages() if run.info.status == "KILLED"]
    assert project.seen().curve(run, "loss") == [(1, 0.5)]
    assert not (project.folder / ".tracking/1").exists()


def test_runs_of_others_below_a_parent_are_left_alone(project: Project) -> None:
    project.sync()
    before = project.seen()
    (parent,), (report,) = before.parents, before.stages(stage="report")
    under = {"mlflow.parentRunId": parent.info.run_id}
    twin = under | {"inkbench.journal": report.data.tags["inkbench.journal"], "stage": "report"}
    before.client.create_run(before.experiment_id, tags=twin)  # by two syncs at a time
    before.client.create_run(before.experiment_id, tags=under)  # by a person
    project.sync(dry_run=True)
    assert len(project.seen().runs) == len(before.runs) + 2, "a dry run deletes nothing"
    assert "0 brought" in project.sync()
    assert len(project.seen().runs) == len(before.runs) + 1


def test_a_clone_without_pulled_data_is_completed_after_the_pull(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
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
    assert "0 brought" in clone.sync()


@pytest.mark.parametrize("how", ["--queue", "workspace"])  # a queue works in a copy of its own
def test_an_experiment_has_its_own_complete_parent(project: Project, how: str) -> None:
    change = ["-S", "train.mnist-b.epochs=5", "-n", "longer"]
    project.run("dvc", "exp", "run", "-q", *([how] if how != "workspace" else []), *change)
    if how == "--queue":
        project.run("dvc", "queue", "start", "-q", timeout=300)
        project.wait_for(lambda: "Success" in project.run("dvc", "queue", "status").stdout)
    project.sync()
    store = project.seen()
    (parent,) = [run for run in store.parents if run.data.tags.get("dvc.exp_name") == "longer"]
    assert store.names(parent) == ALL
    ran = [run for run in store.stages(parent) if "backfilled" not in run.data.tags]
    assert sorted(run.data.tags["dvc.stage"] for run in ran) == sorted({*ALL} - {*OF_A})
    assert len(store.parents) == (1 if how == "workspace" else 2)


def test_an_unknown_revision_is_one_clear_line(project: Project) -> None:
    with pytest.raises(InkbenchError, match=r"^--rev nowhere: no such git revision"):
        project.sync("nowhere")
