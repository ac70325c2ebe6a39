"""A training that stops after its first epoch until a test lets it continue."""

from project import Project, Seen

from helpers import wait_for

TRAIN = ("python", "stages/train.py", "mnist-a")
ADDRESS = "train@mnist-a"


class Halfway:
    """One training process of a project, with its store and further environment variables."""

    def __init__(self, project: Project, uri: str, **environment: str) -> None:
        here, self._go = project.folder / "here.log", project.folder / "go.log"
        self.project, self._uri = project, uri
        self.environment = environment | {"MLFLOW_TRACKING_URI": uri}
        pause = {"FAKE_PAUSE": "train:epoch", "FAKE_HERE": str(here), "FAKE_GO": str(self._go)}
        self.process = project.start(*TRAIN, DVC_STAGE=ADDRESS, **self.environment, **pause)
        project.wait_for(here.exists)

    def plot(self) -> None:
        """Run another stage meanwhile."""
        command = ("python", "stages/plot.py", "mnist-a")
        environment = self.environment | {"DVC_STAGE": "plot@mnist-a"}
        process = self.project.start(*command, **environment)
        assert process.wait(timeout=300) == 0

    def wait_until_seen(self) -> None:
        """Wait until the first epoch is in the store."""
        wait_for(lambda: any("loss" in run.data.metrics for run in Seen(self._uri).stages()))

    def finish(self) -> None:
        """Let it finish, and its upload."""
        self._go.touch()
        assert self.process.wait(timeout=300) == 0
        self.project.wait_uploaded()


def assert_warned_once(project: Project) -> None:
    """The last command, with its uploader, has printed one warning that names the remedy."""
    warnings = [line for line in project.errors.read_text().splitlines() if "warning" in line]
    assert len(warnings) == 1, project.errors.read_text()
    assert "inkbench sync" in warnings[0]
    assert "Traceback" not in project.errors.read_text()


def assert_complete(project: Project, uri: str) -> None:
    """After a sync, the store has the training once, with everything, and nothing waits."""
    project.kill_uploader()
    project.sync(uri=uri)
    store = Seen(uri)
    (run,) = store.stages(dvc__stage=ADDRESS)
    assert run.info.status == "FINISHED"
    assert store.curve(run, "loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert store.curve(run, "seconds") == [(0, 1.5)]
    assert run.data.params["train.model.code"] == "8"
    assert [model.source_run_id for model in store.models()].count(run.info.run_id) == 1
    artifacts = [file.path for file in store.client.list_artifacts(run.info.run_id)]
    assert artifacts == ["history.csv", "train.json"]
    assert "backfilled" not in run.data.tags
    assert project.journals() == []
