"""Run the trainings of a sweep, and keep each as a DVC experiment and an MLflow run."""

import contextlib
import difflib
import functools
import hashlib
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import disk, layout, params, records, state
from inkbench.errors import InkbenchError
from inkbench.reporting import seeds
from inkbench.reporting.seeds import Trial
from inkbench.sweeps import editing, search
from inkbench.sweeps import plan as plans
from inkbench.sweeps.plan import Plan
from inkbench.sweeps.search import Search, Training
from inkbench.tracking import executions, journal, runs, sync

if TYPE_CHECKING:
    from inkbench.cluster.head import Head
    from inkbench.pipeline.tasks import Task

Train = Callable[[Iterable[Training]], Iterator[tuple[Training, str]]]

_AHEAD = 8  # trainings that are planned before the first one starts; planning takes a second each


def run(plan: Plan, jobs: int = 0, address: str = "") -> bool:
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


def _run(plan: Plan, jobs: int, address: str) -> bool:
    known = params.load()
    earlier = seeds.read(plan.name) if seeds.trials_file(plan.name).is_file() else []
    datasets = {known.variant(name).dataset for name in plan.variants}
    _prepare(datasets)
    searches = {}
    with contextlib.closing(executions.Pipeline(Path.cwd())) as pipeline:
        for name in plan.variants:
            block = known.variant(name)
            inputs = _digest(_fixed(plan, block), pipeline.inputs(name))
            searches[name] = Search(plan, name, block, inputs)
            searches[name].recall(earlier)
    due, is_tracked = _due(searches), runs.is_on()
    with contextlib.ExitStack() as opened:
        train = opened.enter_context(_workers(jobs, address)) if due else None
        while train and due:
            done = sum(len(each.known) for each in searches.values())
            print(f"inkbench: {plan.name}: {done} training runs done, {len(due)} to go", flush=True)
            for training, error in train(due):
                own = searches[training.variant]
                experiment = _store(plan.name, own, training, error)
                if experiment and is_tracked:
                    _track(experiment)
            due = _due(searches)
    others = [trial for trial in earlier if trial.variant not in searches]
    trials = others + [trial for each in searches.values() for trial in each.known.values()]
    if trials:
        seeds.write(plan.name, trials)
        epochs = sum(trial.epochs for trial in trials)
        file = seeds.trials_file(plan.name)
        print(f"inkbench: {file}: {len(trials)} training runs, {epochs} epochs")
    return not any(each.failed for each in searches.values())


def _prepare(datasets: Iterable[str]) -> None:
    """Build datasets that are missing or stale."""
    from inkbench.pipeline.plan import plan

    targets = [f"preprocess@{name}" for name in sorted(datasets)]
    steps = plan(Path.cwd(), targets)
    if steps.first or steps.chains or steps.last:
        _python("dvc", "repro", *targets)
    elif not all(layout.processed(name).is_dir() for name in datasets):
        _python("dvc", "checkout", *targets)


def _fixed(plan: Plan, block: params.Variant) -> dict[str, Any]:
    """Settings of a variant other than the axes and the seed."""
    settings = block.model_dump(mode="json")
    for axis in [*plan.axes, "seed"]:
        *parents, last = axis.split(".")
        inner = settings
        for part in parents:
            inner = inner.get(part) or {}
        inner.pop(last, None)
    return settings


def _digest(*content: Any) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _due(searches: Mapping[str, Search]) -> list[Training]:
    return [training for search in searches.values() for training in search.due()]


def _store(sweep: str, search: Search, training: Training, error: str) -> str:
    """Store the result of a training; returns its experiment, empty if it failed."""
    title = f"{_settings(training)} {training.variant}"
    try:
        if error:
            raise InkbenchError(error)
        trial = _keep(sweep, training, search.inputs)
    except InkbenchError as failure:
        print(f"inkbench: {title}: failed: {failure}", flush=True)
        search.failed.add(training)
        return ""
    search.add(training, trial)
    print(f"inkbench: {title}: validation loss {trial.val_loss:g}", flush=True)
    return trial.experiment


def _track(experiment: str) -> None:
    """Add the runs of an experiment to MLflow; a failure is a warning."""
    try:
        sync.sync(experiment, echo=lambda line: None)
    except InkbenchError as error:
        print(f"inkbench: warning: MLflow: {error}; run `inkbench sync`", file=sys.stderr)


@contextlib.contextmanager
def _untracked() -> Iterator[None]:
    """Switch tracking off for stages: runs are made from what DVC records of an experiment."""
    name = "INKBENCH_TRACKING"
    before = os.environ.get(name, "on")
    os.environ[name] = "off"
    try:
        yield
    finally:
        os.environ[name] = before


@contextlib.contextmanager
def _workers(jobs: int, address: str) -> Iterator[Train]:
    """Start the workers; yields what brings trainings into DVC's run-cache, in any order.

    Each training comes with an error, or with an empty text. Where Ray cannot start, DVC runs them
    later, one after another.
    """
    from inkbench.cluster.connection import NotStarted
    from inkbench.cluster.head import Head, Options
    from inkbench.pipeline.tasks import Progress

    with Progress() as progress, _untracked():
        try:
            head = progress.enter_context(Head(Options(jobs, address), progress))
        except NotStarted as reason:
            progress.say(f"{reason}; one variant is trained at a time")
            yield lambda trainings: ((training, "") for training in trainings)
            return
        yield functools.partial(_train, head)


def _train(head: "Head", trainings: Iterable[Training]) -> Iterator[tuple[Training, str]]:
    from inkbench.pipeline.tasks import Tree

    text, todo = layout.PARAMS.read_text(encoding="utf-8"), deque(trainings)
    running: dict[int, tuple[Training, list[Task]]] = {}

    def add(count: int) -> Iterator[tuple[Training, str]]:
        """Queue the next trainings; yields those that are in the run-cache already."""
        while todo and count:
            training = todo.popleft()
            changed = plans.changed(text, training.variant, training.values)
            tree = Tree(_settings(training), changed, tuple(training.targets))
            if tasks := head.add(tree):
                running[id(tree)] = training, tasks
                count -= 1
            else:
                yield training, ""

    yield from add(_AHEAD)
    for task in head.results():
        training, tasks = running[id(task.tree)]
        if all(other.status in ("done", "failed") for other in tasks):
            del running[id(task.tree)]
            yield from add(1)
            yield training, next((other.error for other in tasks if other.error), "")


def _keep(sweep: str, training: Training, inputs: str) -> Trial:
    """Make a training a DVC experiment, which executes only what the run-cache lacks."""
    root, name = Path.cwd(), f"{sweep}-{_digest(inputs, training.variant, training.shown)}"
    head = state.of_folder(root).commit
    if _commit_of(name, head):  # from a killed command
        _python("dvc", "exp", "remove", name)
    settings = [f"++train.{training.variant}.{k}={v}" for k, v in training.shown.items()]
    _python(
        *("inkbench.sweeps.experiment", "--temp", "--name", name),
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


def _settings(training: Training) -> str:
    return " ".join(f"{key}={value}" for key, value in training.shown.items())


def _commit_of(name: str, baseline: str) -> str:
    """Commit of a DVC experiment on a commit; empty if there is none."""
    known = state.experiments(Path.cwd())
    return next((c for s, c in known if (s.experiment, s.commit) == (name, baseline)), "")


def _python(module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.split("\n")
        errors = [line for line in lines if "error:" in line.lower()] or lines[-3:]
        raise InkbenchError(f"DVC failed: {' '.join(errors)[:300]}")


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
    complete = seeds.configurations(trials)
    if not complete:
        raise InkbenchError(f"{name}: no configuration is complete; repeat the sweep's command")
    for variant in dict.fromkeys(config[0] for config in complete):
        if variant not in params.load().train:
            raise InkbenchError(f"{name}: {layout.PARAMS} has no {variant} any more; add it again")
        own = {c: g for c, g in complete.items() if c[0] == variant}
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
