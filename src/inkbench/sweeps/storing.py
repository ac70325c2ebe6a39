"""Store one training as a DVC experiment, and run DVC for that."""

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from inkbench import layout, records, state
from inkbench.errors import InkbenchError
from inkbench.pipeline import results
from inkbench.reporting.seeds import Trial
from inkbench.sweeps.search import Training
from inkbench.tracking import executions


class Changed(InkbenchError):
    """Code or parameters are no longer those that the sweep trains with."""


def check_git(root: Path) -> None:
    """Refuse a clone in which every experiment would fail, after its training.

    Raises
    ------
    InkbenchError
        If git knows no name of the user, or does not know a file of code that workers get.
    """
    if not state.has_identity(root):
        raise InkbenchError(
            "DVC's experiments need your name: run `git config --global user.name NAME` and "
            "`git config --global user.email ADDRESS`"
        )
    if new := state.untracked(root):
        raise InkbenchError(
            f"{new[0]}: not in git, so DVC's experiments would lack it; run `git add {new[0]}` "
            "or remove it"
        )


def store(sweep: str, training: Training, inputs: str, code: str) -> Trial:
    """Make a training a DVC experiment, which executes only what the run-cache lacks.

    Parameters
    ----------
    sweep
        Name of the sweep.
    training
        A training whose results are in the run-cache, or which DVC is to execute.
    inputs
        Digest of what else it depends on.
    code
        Digest of code and parameters (`inkbench.state.State.inputs`) that it was trained with.

    Raises
    ------
    InkbenchError
        `Changed` if these have changed, others if DVC fails.
    """
    root, name = Path.cwd(), f"{sweep}-{digest(inputs, training.variant, training.shown)}"
    now = state.of_folder(root)
    if now.inputs != code:
        raise Changed("the code or parameters changed during the sweep; repeat the command")
    if _commit_of(name, now.commit):  # from a killed command
        run("dvc", "exp", "remove", name)
    settings = [f"++train.{training.variant}.{k}={v}" for k, v in training.shown.items()]
    run(
        *("inkbench.sweeps.experiment", "--temp", "--name", name),
        *("--message", state.sweep_message(sweep, training.variant)),
        *(argument for setting in settings for argument in ("--set-param", setting)),
        *training.targets,
    )
    commit = _commit_of(name, now.commit)
    if not commit:
        raise InkbenchError(f"DVC made no experiment {name} of this commit; repeat the command")
    with contextlib.closing(executions.Pipeline(root, commit, training.variant)) as pipeline:
        path, rerun = pipeline.outputs / layout.history(training.variant), "inkbench sweep"
        columns = records.numbers(path, rerun)
        losses = records.column(columns, path, rerun, "val_loss")
        card = records.record(pipeline.outputs / layout.training_card(training.variant), rerun)
        metrics = {}
        if training.is_complete:
            metrics = records.record(pipeline.outputs / layout.metrics(training.variant), rerun)
    return Trial(
        training.variant,
        training.config,
        training.epochs,
        training.seed,
        name,
        inputs,
        card["data_source"],
        float(losses[-1]),
        {key: value for key, value in metrics.items() if isinstance(value, int | float)},
    )


def digest(*content: Any) -> str:
    """Short digest of values that JSON can hold."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _commit_of(name: str, baseline: str) -> str:
    """Commit of a DVC experiment on a commit; empty if there is none."""
    known = state.experiments(Path.cwd())
    return next((c for s, c in known if (s.experiment, s.commit) == (name, baseline)), "")


def run(module: str, *arguments: str) -> None:
    """Run DVC quietly; `InkbenchError` if it fails."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        command = [sys.executable, "-m", module, *arguments]
        dvc = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        if not results.succeeds(dvc):
            log.seek(0)
            lines = log.read().split("\n")
            errors = [line for line in lines if "error:" in line.lower()] or lines[-3:]
            raise InkbenchError(f"DVC failed: {' '.join(errors)[:300]}")
