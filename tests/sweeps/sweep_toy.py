"""A pipeline with the real params.yaml and stages that compute numbers instead of training."""

import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar, Self

import toy
import yaml
from project import Project

from helpers import ROOT

VARIANTS = ("mnist-conv-ae", "mnist-sparse-l2")

STAGE = """\
import csv, json, os, sys, time, zlib
from pathlib import Path

import yaml

stage, name = Path(sys.argv[0]).stem, sys.argv[1] if len(sys.argv) > 1 else "data"
block = yaml.safe_load(Path("params.yaml").read_text())["train"].get(name, {})
folder = Path({"download": "data/raw", "preprocess": "data/processed", "train": "models",
               "evaluate": "evaluations", "plot": "plots", "report": "reports"}[stage], name)
folder.mkdir(parents=True, exist_ok=True)
if stage == "train":
    with open(os.environ["TOY_LOG"], "a") as log:
        log.write(f"{name} {block['learning_rate']} {block['epochs']} {block['seed']}\\n")
    time.sleep(0.5)
    noise = zlib.crc32(f"{name} {block['seed']}".encode()) % 100 / 1e5
    loss = abs(float(block["learning_rate"]) - 0.004) + 0.01 / block["epochs"] + noise
    rows = [["epoch", "loss", "val_loss"], [1, 1, 1], [block["epochs"], 0.1, loss]]
    with open(folder / "history.csv", "w") as file:
        csv.writer(file).writerows(rows)
    card = {"variant": block, "data_source": "synthetic", "parameters": 7, "dataset": "mnist"}
    (folder / "train.json").write_text(json.dumps(card))
    (folder / "model.keras").write_text(json.dumps(block))
elif stage == "preprocess":
    card = {"classes": [], "data_source": "synthetic"}
    (folder / "dataset.json").write_text(json.dumps(card))
elif stage == "evaluate":
    with open(f"models/{name}/history.csv") as file:
        loss = float(list(csv.DictReader(file))[-1]["val_loss"])
    metrics = {"test_bce": 1.1 * loss, "data_source": "synthetic", "n_test": 10}
    Path("metrics").mkdir(exist_ok=True)
    Path(f"metrics/{name}.json").write_text(json.dumps(metrics))
(folder / f"{stage}.txt").write_text(name)
"""

PLOTS = """\
plots:
  - reports/data: {x: epoch, y: [loss]}
"""

IGNORED = """\
/models
/plots
/reports
/data
/evaluations
.tracking/
.checkpoints/
mlflow.db*
mlartifacts/
"""


class Toy(Project):
    """The toy in a temporary folder."""

    FILES: ClassVar = {
        **Project.FILES,
        "dvc.yaml": toy.DVC_YAML + PLOTS,
        ".gitignore": IGNORED,
    }
    STAGES = ("download", *Project.STAGES)

    def __init__(self, folder: Path, uri: str = "") -> None:
        super().__init__(folder, uri)
        self.stored_at_kill: list[set[str]] = []
        self.log = folder.with_name("trained.log")
        self.environment |= {"TOY_LOG": str(self.log), "PYTHONPATH": str(ROOT / "src")}

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a command in the background, in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stored(self) -> set[str]:
        """Trainings whose results are stored, as in `trained`."""
        found = set()
        for file in self.folder.glob("sweeps/*.journal"):
            for line in file.read_text().split("\n"):
                with contextlib.suppress(ValueError):
                    for key, trial in json.loads(line).get("user_attr", {}).items():
                        if key.startswith("{"):
                            rate = dict(trial["settings"])["learning_rate"]
                            found.add(
                                f"{trial['variant']} {rate} {trial['epochs']} {trial['seed']}"
                            )
        return found

    def experiments(self) -> list[str]:
        """Names of all DVC experiments."""
        listing = self.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").stdout
        names = {line.rpartition("/")[2] for line in listing.split() if line.count("/") == 4}
        return sorted(names)

    def build(self) -> Self:
        """Write the files, run the pipeline and commit its results."""
        super().build()
        shutil.copy(ROOT / "params.yaml", self.folder)
        for variant in yaml.safe_load((ROOT / "params.yaml").read_text())["train"]:
            if variant not in VARIANTS:
                self.cut(f"  {variant}:")
        self.cut("registry:")
        self.cut("submission:")
        for stage in self.STAGES:
            self.write(f"stages/{stage}.py", STAGE)
        shutil.copytree(
            ROOT / "sweeps", self.folder / "sweeps", ignore=shutil.ignore_patterns("*.csv")
        )
        self.run("dvc", "repro", "-q")
        self.commit("results")
        self.run("git", "config", "user.name", "t")
        self.run("git", "config", "user.email", "t@example.org")
        return self

    def cut(self, start: str) -> None:
        """Remove a block from params.yaml: a line and those below that are indented further."""
        depth = len(start) - len(start.lstrip())
        lines, kept, inside = (self.folder / "params.yaml").read_text().splitlines(), [], False
        for line in lines:
            indent = len(line) - len(line.lstrip())
            if line.startswith(start):
                inside = True
            elif line.strip() and indent <= depth and not line.startswith("- "):
                inside = False
            if not inside:
                kept.append(line)
        self.write("params.yaml", "\n".join(kept) + "\n")

    def forget(self, out: str) -> None:
        """Remove an output, a folder, from the workspace and from DVC's cache."""
        lock = yaml.safe_load((self.folder / "dvc.lock").read_text())
        (md5,) = [
            entry["md5"]
            for stage in lock["stages"].values()
            for entry in stage.get("outs", ())
            if entry["path"] == out
        ]
        shutil.rmtree(self.folder / out)
        (self.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).unlink()

    def trained(self) -> list[str]:
        """Trainings that were executed: variant, learning rate, epochs, seed."""
        return self.log.read_text().splitlines() if self.log.exists() else []
