"""A miniature of the pipeline: the same stages and tracking calls, no data, no TensorFlow.

``fake_stage.py`` is the script of all stages. It pauses where a test asks for it.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import ClassVar, Self

import psutil
import pytest

from helpers import once, wait_for
from inkbench.tracking import store, sync

HERE = Path(__file__).parent
SCRIPTS = Path(sys.executable).parent

PARAMS = """\
data:
  mnist: {seed: 0}
registry:
  mnist-autoencoder: {dataset: mnist, task: reconstruction, metric: test_bce, best: min}
synthetic: {epochs: 9}
train:
  mnist-a: {dataset: mnist, task: reconstruction, epochs: 3, rate: 1.0e-05, model: {code: 8}}
  mnist-b: {dataset: mnist, task: reconstruction, epochs: 2, rate: 0.001, model: {code: 9}}
"""

DVC_YAML = """\
stages:
  preprocess:
    foreach: ${data}
    do:
      cmd: python stages/preprocess.py ${key}
      params: ["data.${key}"]
      deps: [stages/preprocess.py]
      outs: ["data/processed/${key}"]
  train:
    foreach: ${train}
    do:
      cmd: python stages/train.py ${key}
      params: ["train.${key}", synthetic]
      deps: [stages/train.py, src/code, "data/processed/${item.dataset}"]
      outs: ["models/${key}"]
  evaluate:
    foreach: ${train}
    do:
      cmd: python stages/evaluate.py ${key}
      deps: [stages/evaluate.py, "models/${key}"]
      metrics:
        - metrics/${key}.json: {cache: false}
  plot:
    foreach: ${train}
    do:
      cmd: python stages/plot.py ${key}
      deps: [stages/plot.py, "models/${key}"]
      plots: ["plots/${key}"]
  report:
    cmd: python stages/report.py
    deps: [stages/report.py, metrics, models, plots]
    outs: [reports]
"""

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

IGNORED = (
    "__pycache__/\nmlflow.db*\nmlartifacts/\n.tracking/\n/models\n/plots\n/reports\n/data\n*.log\n"
)


class Project:
    """A repository in a temporary folder, with the default tracking URI or another one.

    ``FILES`` are its files, and ``SCRIPT`` is that of all ``STAGES``.
    """

    FILES: ClassVar = {
        "params.yaml": PARAMS,
        "dvc.yaml": DVC_YAML,
        ".gitignore": IGNORED,
        ".dvcignore": "__pycache__/\n",
        "src/code/module.py": "answer = 42\n",
        "src/code/deep/er.py": "",
    }
    SCRIPT = HERE / "fake_stage.py"
    STAGES = ("preprocess", "train", "evaluate", "plot", "report")

    def __init__(self, folder: Path, uri: str = "") -> None:
        self.folder = folder
        self.uri = uri or mlflow_uri(folder)
        self.environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("MLFLOW_", "DVC_", "INKBENCH_", "GIT_"))
        } | {
            "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DVC_NO_ANALYTICS": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "DVC_SITE_CACHE_DIR": str(folder.parent / "dvc-site"),  # leaves nothing behind
            "DVC_GLOBAL_CONFIG_DIR": str(folder.parent / "dvc-global"),
            **({"MLFLOW_TRACKING_URI": uri} if uri else {}),
        }

    def build(self) -> Self:
        """Write the files and commit them."""
        scripts = {f"stages/{stage}.py": self.SCRIPT.read_text() for stage in self.STAGES}
        for path, text in {**self.FILES, **scripts}.items():
            self.write(path, text)
        self.run("git", "init", "-q", "-b", "main")
        self.run("dvc", "init", "-q")
        self.commit("first")
        return self

    def copy(self, folder: Path, uri: str = "") -> Self:
        """A copy in another folder, with a store at ``uri`` or a SQLite file of its own."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return type(self)(folder, uri)

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a file."""
        text = (self.folder / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def commit(self, message: str) -> str:
        """Commit everything; returns the commit."""
        self.run("git", "add", "-A")
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        self.run("git", *identity, "commit", "-q", "--no-verify", "-m", message)
        return self.run("git", "rev-parse", "HEAD").stdout.strip()

    def run(
        self, *command: str, check: bool = True, timeout: float = 300, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in the repository; the uploader that it leaves behind may go on."""
        with tempfile.TemporaryFile("w+") as out, self.errors.open("w") as errors:
            process = subprocess.run(
                command,
                cwd=self.folder,
                env=self.environment | environment,
                stdout=out,
                stderr=errors,
                timeout=timeout,
            )
            out.seek(0)
            done = subprocess.CompletedProcess(
                command, process.returncode, out.read(), self.errors.read_text()
            )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a command in the background."""
        with self.errors.open("w") as errors:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment | environment,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    @property
    def errors(self) -> Path:
        """File with what the last command, and its uploader, have written to stderr."""
        return self.folder.with_name(f"{self.folder.name}-stderr.log")

    def journals(self) -> list[Path]:
        """Journals that are not uploaded."""
        return [path.parent for path in self.folder.glob(".tracking/*/events.jsonl")]

    def wait_uploaded(self) -> None:
        """Wait until every journal is uploaded or has failed."""
        self.wait_for(lambda: all((j / "failure.txt").exists() for j in self.journals()))

    def uploaders(self) -> list[psutil.Process]:
        """Uploaders of this repository that run."""
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if "inkbench.tracking.uploader" in (process.info["cmdline"] or ())
            and self._is_here(process)
        ]

    def _is_here(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            return process.cwd() == str(self.folder) and process.status() != psutil.STATUS_ZOMBIE
        return False

    def kill_uploader(self) -> None:
        """Kill the uploader, if it runs."""
        for process in self.uploaders():
            process.kill()
        self.wait_for(lambda: not self.uploaders())

    wait_for = staticmethod(wait_for)

    def seen(self) -> "Seen":
        """What its store holds."""
        return Seen(self.uri)

    def sync(self, revision: str | None = None, *, dry_run: bool = False, uri: str = "") -> str:
        """What `inkbench sync` does, without its start-up time; returns its output."""
        lines: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
                patch.delenv(name, raising=False)
            if uri or self.uri != mlflow_uri(self.folder):
                patch.setenv("MLFLOW_TRACKING_URI", uri or self.uri)
            sync.sync(revision, dry_run=dry_run, echo=lines.append)
        return "\n".join(lines)


class Seen:
    """What the store at a tracking URI holds, as plain data."""

    def __init__(self, uri: str) -> None:
        from mlflow import MlflowClient

        self.client = MlflowClient(uri)
        found = self.client.get_experiment_by_name("inkbench")
        self.experiment_id = found.experiment_id if found else ""
        runs = self.client.search_runs([self.experiment_id], max_results=1000) if found else []
        self.runs = sorted(runs, key=lambda run: run.info.start_time)

    @property
    def parents(self) -> list:
        """Parent runs, oldest first."""
        return [run for run in self.runs if run.data.tags.get("stage") == "pipeline"]

    def stages(self, parent: object = None, **tags: str) -> list:
        """Stage runs, of a parent or of all."""
        return [
            run
            for run in self.runs
            if run.data.tags.get("stage") not in {"pipeline", "sweep"}
            and (not parent or run.data.tags["mlflow.parentRunId"] == parent.info.run_id)
            and all(run.data.tags.get(key.replace("__", ".")) == tags[key] for key in tags)
        ]

    def names(self, parent: object = None, **tags: str) -> list[str]:
        """Sorted stage addresses of stage runs."""
        return sorted(run.data.tags.get("dvc.stage", "?") for run in self.stages(parent, **tags))

    def curve(self, run: object, key: str) -> list[tuple[int, float]]:
        """A metric's history: (step, value)."""
        history = self.client.get_metric_history(run.info.run_id, key)
        return sorted((point.step, point.value) for point in history)

    def models(self) -> list:
        """LoggedModels."""
        return list(self.client.search_logged_models([self.experiment_id]))


def empty_store(factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with MLflow's tables and no rows; creating the tables takes seconds."""
    return once(factory, "tables", lambda folder: Seen(mlflow_uri(folder))) / "mlflow.db"


def mlflow_uri(folder: Path) -> str:
    """The default store of a repository."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return store.uri()
