"""A toy pipeline of the same shape as ours: trivial stages, six chains, two datasets."""

import subprocess
from pathlib import Path
from typing import Any, ClassVar

import psutil
from project import Project

VARIANTS = ("digits-a", "digits-b", "letters-a")

PARAMS = """\
data:
  digits: {seed: 0}
  letters: {seed: 0}
train:
  digits-a: {dataset: digits, rate: 1}
  digits-b: {dataset: digits, rate: 2}
  letters-a: {dataset: letters, rate: 3}
"""

DVC_YAML = """\
stages:
  download:
    foreach: ${data}
    do:
      cmd: python stages/download.py ${key}
      params: ["data.${key}.seed"]
      deps: [stages/download.py]
      outs:
        - data/raw/${key}: {persist: true}
  preprocess:
    foreach: ${data}
    do:
      cmd: python stages/preprocess.py ${key}
      params: ["data.${key}"]
      deps: [stages/preprocess.py, "data/raw/${key}"]
      outs: ["data/processed/${key}"]
  train:
    foreach: ${train}
    do:
      cmd: python stages/train.py ${key}
      params: ["train.${key}"]
      deps: [stages/train.py, src/code, "data/processed/${item.dataset}"]
      outs: ["models/${key}"]
  evaluate:
    foreach: ${train}
    do:
      cmd: python stages/evaluate.py ${key}
      deps: [stages/evaluate.py, "models/${key}"]
      outs: ["evaluations/${key}"]
      metrics:
        - metrics/${key}.json: {cache: false}
  plot:
    foreach: ${train}
    do:
      cmd: python stages/plot.py ${key}
      deps: [stages/plot.py, "models/${key}", "evaluations/${key}"]
      plots: ["plots/${key}"]
  report:
    cmd: python stages/report.py
    deps: [stages/report.py, params.yaml, data/processed, metrics, plots]
    outs: [reports]
"""

IGNORED = """\
__pycache__/
mlflow.db*
mlartifacts/
.tracking/
.checkpoints/
*.log
/reports
"""


class Toy(Project):
    """A repository with the toy pipeline. Stages note their executions in ``notes``."""

    FILES: ClassVar = {
        **Project.FILES,
        "params.yaml": PARAMS,
        "dvc.yaml": DVC_YAML,
        ".gitignore": IGNORED,
    }
    SCRIPT = Path(__file__).with_name("toy_stage.py")
    STAGES = ("download", *Project.STAGES)

    def __init__(self, folder: Path, uri: str = "") -> None:
        super().__init__(folder, uri)
        self.notes = folder.with_name(f"{folder.name}-notes")
        self.notes.mkdir(parents=True, exist_ok=True)
        self.environment |= {"INKBENCH_TRACKING": "off"}
        self.environment = {k: v for k, v in self.environment.items() if not k.startswith("RAY_")}

    def run(self, *command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command in the repository."""
        return super().run(*command, timeout=900, **{"TOY_NOTES": str(self.notes), **options})

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a command in the background; it prints to `log`."""
        with self.log.open("w") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment | {"TOY_NOTES": str(self.notes)} | environment,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> Path:
        """File with the output of the last command in the background."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def ask(self, *names: str) -> None:
        """Ask for ``fail-STAGE-SUBJECT`` or ``pause-STAGE-SUBJECT-WHERE``."""
        for name in names:
            (self.notes / name).touch()

    def paused(self, stage: str) -> psutil.Process:
        """Wait until a stage (``STAGE-SUBJECT``) pauses; returns its process."""
        file = self.notes / f"at-{stage}"
        self.wait_for(lambda: file.exists() and file.read_text(), seconds=900)
        return psutil.Process(int(file.read_text()))

    def go_on(self) -> None:
        """Let all that pauses go on."""
        for file in [*self.notes.glob("pause-*"), *self.notes.glob("at-*")]:
            file.unlink()

    def epochs(self) -> list[str]:
        """Epochs that were trained, in order: ``VARIANT EPOCH``."""
        return (self.notes / "epochs").read_text().splitlines()

    def executed(self) -> list[str]:
        """Stages that have run since the last call."""
        file = self.notes / "executed"
        names = file.read_text().split() if file.exists() else []
        file.unlink(missing_ok=True)
        return sorted(names)

    @property
    def lock(self) -> str:
        """Content of dvc.lock."""
        return (self.folder / "dvc.lock").read_text()

    def outputs(self) -> dict[str, bytes]:
        """Bytes of dvc.lock and of all outputs."""
        folders = ("data", "models", "evaluations", "metrics", "plots", "reports")
        files = [self.folder / "dvc.lock"]
        files += [
            p for name in folders for p in sorted((self.folder / name).rglob("*")) if p.is_file()
        ]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}
