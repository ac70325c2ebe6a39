"""What speaks to a real tracking server, each kind of which starts once for this file."""

import pytest
from halfway import ADDRESS, TRAIN, Halfway, assert_complete, assert_warned_once
from project import ALL, OF_A, UNTRACKED, Project, Seen, mlflow_uri

from inkbench.tracking.store import LINK

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_sync_backfills_once_and_links_what_did_not_change(project, server):
    project.uri = server.uri
    output = project.sync()
    assert "8 stages, 8 added" in output and "champion" in output
    store = project.seen()
    (parent,) = store.parents
    assert store.names(parent, backfilled="true") == ALL
    assert parent.data.metrics == {
        "leaderboard/mnist-a test_bce": 0.08,
        "leaderboard/mnist-b test_bce": 0.09,
    }
    (training,) = store.stages(dvc__stage="train@mnist-a")
    assert training.data.params == {
        "train.dataset": "mnist",
        "train.epochs": "3",
        "train.model.code": "8",
        "train.rate": "1e-05",
        "train.task": "reconstruction",
    }
    assert store.curve(training, "loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert training.data.metrics["test_bce"] == 0.08
    artifacts = [file.path for file in store.client.list_artifacts(training.info.run_id)]
    assert artifacts == ["history.csv", "train.json"]
    (model,) = [model for model in store.models() if model.name == "mnist-a"]
    assert model.source_run_id == training.info.run_id
    assert {one.key: one.value for one in model.metrics} == {"test_bce": 0.08, "n_test": 10}

    assert "8 stages, 0 added" in project.sync()
    assert [run.to_dictionary() for run in project.seen().runs] == [
        run.to_dictionary() for run in store.runs
    ]

    project.replace("params.yaml", "epochs: 2", "epochs: 4")
    project.run("dvc", "repro", "-q", **UNTRACKED)
    project.sync()
    store = project.seen()
    first, second = store.parents
    assert store.names(first) == store.names(second) == ALL
    links = [run for run in store.stages(second) if LINK in run.data.tags]
    assert sorted(run.data.tags["dvc.stage"] for run in links) == OF_A
    (link,) = [run for run in links if run.data.tags["stage"] == "train"]
    assert link.data.tags[LINK] == training.info.run_id
    assert link.data.params == training.data.params
    assert store.curve(link, "loss") == store.curve(training, "loss")


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_uploader_survives_a_server_that_dies(project, server):
    training = Halfway(project, server.uri)
    training.wait_until_seen()
    (run,) = Seen(server.uri).stages()
    assert run.info.status == "RUNNING"
    server.kill()
    training.finish()
    assert_warned_once(project)
    server.start()
    assert_complete(project, server.uri)
    assert "0 added" in project.sync(uri=server.uri)


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_uploader_keeps_the_journal_if_the_password_is_wrong(project, server):
    wrong = {"MLFLOW_TRACKING_URI": server.uri, "MLFLOW_TRACKING_PASSWORD": "not-this-one"}
    training = project.start(*TRAIN, DVC_STAGE=ADDRESS, **wrong)
    assert training.wait(timeout=300) == 0
    project.wait_for(lambda: "warning" in project.errors.read_text())
    assert_warned_once(project)
    assert "refuses user or password" in project.errors.read_text()
    assert "not-this-one" not in project.errors.read_text()
    assert_complete(project, server.uri)


@pytest.mark.parametrize("kind", ["sqlite", "server"])
def test_uploaders_of_two_pipelines_share_a_store(project, tmp_path, tables, kind, request):
    uri = mlflow_uri(tmp_path)
    if kind == "server":
        server = request.getfixturevalue("sqlite_server")
        server.empty()
        uri = server.uri
    other = Project(tmp_path / "other")
    project.run("git", "clone", "-q", ".", str(other.folder))
    other.replace("params.yaml", "epochs: 3", "epochs: 4")
    (other.folder / "data/processed/mnist").mkdir(parents=True)
    stages = [
        where.start("python", f"stages/{stage}.py", "mnist-a", DVC_STAGE=f"{stage}@mnist-a", **env)
        for where in (project, other)
        for stage in ("train", "plot")
        for env in [{"MLFLOW_TRACKING_URI": uri}]
    ]
    assert [stage.wait(timeout=300) for stage in stages] == [0] * 4
    for where in (project, other):
        where.wait_uploaded()
        assert where.errors.read_text() == ""
    other.kill_uploader()
    store = Seen(uri)
    assert [e.name for e in store.client.search_experiments()].count("inkbench") == 1
    assert len(store.parents) == 2
    for parent in store.parents:
        assert store.names(parent) == ["plot@mnist-a", "train@mnist-a"]
        (run,) = store.stages(parent, stage="train")
        epochs = int(run.data.params["train.epochs"])
        assert [step for step, _ in store.curve(run, "loss")] == list(range(1, epochs + 1))
