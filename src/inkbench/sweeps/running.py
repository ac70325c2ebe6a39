"""Have a sweep trained, and keep every training as a DVC experiment and an MLflow run."""

import contextlib
import difflib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from inkbench import disk, layout, params, records
from inkbench.errors import InkbenchError
from inkbench.reporting import seeds
from inkbench.reporting.seeds import Trial
from inkbench.sweeps import editing, search
from inkbench.sweeps import plan as plans
from inkbench.sweeps.plan import Plan
from inkbench.sweeps.search import Search, Training
from inkbench.tracking import executions, journal, runs, state, sync


def run(plan: Plan, jobs: int | None = None, address: str | None = None) -> bool:
    """Train what a sweep lacks and write its tables; whether all of it succeeded.

    A finished training is stored at once, so a killed command goes on where it was.

    Raises
    ------
    InkbenchError
        If the sweep is already running, or its storage has other axes.
    """
    layout.SWEEPS.mkdir(exist_ok=True)
    with journal.locked(layout.SWEEPS / f"{plan.name}.lock") as is_alone:
        if not is_alone:
            raise InkbenchError(f"--name {plan.name}: this sweep is running already")
        search.repair(plan.name)
        return _run(plan, jobs, address)


def _run(plan: Plan, jobs: int | None, address: str | None) -> bool:
    known, earlier = params.load(), _earlier(plan.name)
    datasets = {known.variant(name).dataset for name in plan.variants}
    _dvc("repro", *(f"preprocess@{name}" for name in sorted(datasets)))
    searches = {}
    for name in plan.variants:
        block = known.variant(name)
        searches[name] = Search(plan, name, block, _inputs(plan, name, block))
        searches[name].recall(earlier)
    while due := [training for each in searches.values() for training in each.due()]:
        done = sum(len(each.known) for each in searches.values())
        print(f"{plan.name}: {done} trainings are known, {len(due)} to do", flush=True)
        for training, error in _train(due, jobs, address):
            own = searches[training.variant]
            try:
                if error:
                    raise InkbenchError(error)
                trial = _keep(plan.name, training, own.inputs)
            except InkbenchError as failure:
                print(f"{_title(training)}: failed: {failure}", file=sys.stderr, flush=True)
                own.failed.add(training)
                continue
            own.add(training, trial)
            print(f"{_title(training)}: validation loss {trial.val_loss:g}", flush=True)
            _track(trial.experiment)
    others = [trial for trial in earlier if trial.variant not in searches]
    trials = others + [trial for each in searches.values() for trial in each.known.values()]
    if trials:
        seeds.write(plan.name, trials)
        print(f"{seeds.trials_file(plan.name)}: {len(trials)} trainings")
    return not any(each.failed for each in searches.values())


def _earlier(name: str) -> list[Trial]:
    return seeds.read(name) if seeds.trials_file(name).is_file() else []


def _inputs(plan: Plan, name: str, block: params.Variant) -> str:
    """Digest of what a training depends on, other than the axes and the seed."""
    settings = block.model_dump(mode="json")
    for axis in [*plan.axes, "seed"]:
        *parents, last = axis.split(".")
        inner = settings
        for part in parents:
            inner = inner.get(part) or {}
        inner.pop(last, None)
    with contextlib.closing(executions.Pipeline(Path.cwd(), variant=name)) as pipeline:
        content = json.dumps([settings, pipeline.inputs], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def _train(
    trainings: Iterable[Training], jobs: int | None, address: str | None
) -> Iterator[tuple[Training, str]]:
    """Bring trainings into DVC's run-cache, in any order; each with an error or an empty text."""
    for training in trainings:
        yield training, ""


def _keep(sweep: str, training: Training, inputs: str) -> Trial:
    """Make a training a DVC experiment, which executes only what the run-cache lacks."""
    root, name = Path.cwd(), f"{sweep}-{_digest(training, inputs)}"
    head = state.of_folder(root).commit
    if _commit_of(name, head):  # from a killed command
        _dvc("exp", "remove", "-q", name)
    settings = [f"++train.{training.variant}.{k}={v}" for k, v in training.shown.items()]
    _dvc(
        *("exp", "run", "--quiet", "--temp", "--name", name),
        *("--message", state.sweep_message(sweep, training.variant)),
        *(argument for setting in settings for argument in ("--set-param", setting)),
        *training.targets,
    )
    commit = _commit_of(name, head)
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


def _track(experiment: str) -> None:
    """Complete the MLflow store for an experiment; a failure is a warning."""
    if runs.is_on():
        try:
            sync.sync(experiment, echo=lambda line: None)
        except InkbenchError as error:
            print(f"inkbench: warning: MLflow: {error}; run `inkbench sync`", file=sys.stderr)


def _digest(training: Training, inputs: str) -> str:
    content = json.dumps([inputs, training.variant, training.shown], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def _title(training: Training) -> str:
    return " ".join([training.variant, *(f"{k}={v}" for k, v in training.shown.items())])


def _commit_of(name: str, baseline: str) -> str:
    """Commit of a DVC experiment on a commit; empty if there is none."""
    known = state.experiments(Path.cwd())
    return next((c for s, c in known if (s.experiment, s.commit) == (name, baseline)), "")


def _dvc(*arguments: str) -> None:
    """Run DVC, without tracking: the runs of an experiment are made from what DVC has recorded."""
    environment = os.environ | {"INKBENCH_TRACKING": "off", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        lines = done.stderr.split("\n")
        errors = [line for line in lines if "error:" in line.lower()] or lines[-3:]
        raise InkbenchError(f"dvc {arguments[0]}: {' '.join(errors)[:300]}")


def promote(name: str) -> str:
    """Write the best settings of a sweep, but not their seeds, into ``params.yaml``.

    The best configuration of a variant has the lowest mean validation loss over the seeds that all
    its complete configurations have in common.

    Returns
    -------
    str
        The change as a unified diff; empty if ``params.yaml`` has these values already.

    Raises
    ------
    InkbenchError
        If there is no such sweep, it has no settings, or their validation losses do not compare.
    """
    if not seeds.trials_file(name).is_file():
        known = ", ".join(seeds.names()) or "none"
        raise InkbenchError(f"{seeds.trials_file(name)} not found; known sweeps: {known}")
    trials = seeds.read(name)
    plans.refuse_incomparable(dict(trials[0].settings))
    if not trials[0].settings:
        raise InkbenchError(f"{seeds.trials_file(name)}: varies only seeds; nothing to promote")
    before = after = layout.PARAMS.read_text(encoding="utf-8")
    for variant in dict.fromkeys(trial.variant for trial in trials):
        own = {c: g for c, g in seeds.configurations(trials).items() if c[0] == variant}
        if own:
            common = set.intersection(*(set(group) for group in own.values()))
            if not common:
                raise InkbenchError(f"{name}: the configurations of {variant} share no seed")
            best = min(own, key=lambda c: sum(own[c][seed].val_loss for seed in common))
            values = {axis: editing.parse(text) for axis, text in best[1]}
            after = plans.changed(after, variant, values)
    plans.check(after)
    if after != before:
        disk.write_text(layout.PARAMS, after)
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    name = str(layout.PARAMS)
    return "".join(difflib.unified_diff(old, new, name, name, n=1))
