"""Run the trainings of a sweep, and promote the best settings."""

import contextlib
import difflib
import functools
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from inkbench import data_source, disk, layout, params, state
from inkbench.datasets.common import store
from inkbench.errors import InkbenchError
from inkbench.reporting import seeds
from inkbench.reporting.seeds import Trial
from inkbench.sweeps import editing, search, storing
from inkbench.sweeps import plan as plans
from inkbench.sweeps.plan import Plan
from inkbench.sweeps.search import Search, Training
from inkbench.tracking import executions, runs, sync

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
        If a sweep or `inkbench repro` runs in this clone, the sweep's storage has other axes, or
        git is not set up.
    """
    from inkbench.cluster.command import alone

    storing.check_git(Path.cwd())
    with alone():
        with disk.writing(layout.SWEEPS):
            layout.SWEEPS.mkdir(exist_ok=True)
            search.journal(plan.name).touch()
            search.repair(plan.name)
        return _run(plan, jobs, address)


def _run(plan: Plan, jobs: int, address: str) -> bool:
    code, known = state.of_folder(Path.cwd()).inputs, params.load()
    earlier = seeds.read(plan.name) if seeds.trials_file(plan.name).is_file() else []
    _prepare(_datasets(plan, known))
    searches = {}
    with contextlib.closing(executions.Pipeline(Path.cwd())) as pipeline:
        for name in plan.variants:
            block, inputs = known.variant(name), _inputs(pipeline, plan.axes, name, known)
            searches[name] = Search(plan, name, block, inputs)
            if known.as_trained(block, _source(block)) != block:
                limits = f"`synthetic:` in {layout.PARAMS} limits every training"
                print(f"inkbench: {name}: its data are synthetic, so {limits}", flush=True)
            searches[name].recall(earlier)
    due, is_tracked = _due(searches), runs.is_on()
    try:
        with contextlib.ExitStack() as opened:
            train = opened.enter_context(_workers(jobs, address)) if due else None
            while train and due:
                done = sum(len(each.known) for each in searches.values())
                counts = f"{done} training runs done, {len(due)} to go"
                print(f"inkbench: {plan.name}: {counts}", flush=True)
                for training, error in train(due):
                    own = searches[training.variant]
                    experiment = _store(plan.name, own, training, error, code)
                    is_tracked = is_tracked and (not experiment or _track(experiment))
                due = _due(searches)
    finally:  # also after Ctrl-C
        _write_tables(plan.name, searches, earlier)
        if due:
            print(f"inkbench: {plan.name}: stopped; the same command goes on", flush=True)
    return not any(each.failed for each in searches.values())


def _write_tables(name: str, searches: Mapping[str, Search], earlier: Iterable[Trial]) -> None:
    """Write all that is known of a sweep, with earlier results of other variants."""
    others = [trial for trial in earlier if trial.variant not in searches]
    trials = others + [trial for each in searches.values() for trial in each.known.values()]
    if trials:
        seeds.write(name, trials)
        epochs = sum(trial.epochs for trial in trials)
        print(f"inkbench: {seeds.trials_file(name)}: {len(trials)} training runs, {epochs} epochs")
    if others:
        _warn_of_stale(name, others)


def _datasets(plan: Plan, known: params.Params) -> set[str]:
    """Datasets that a sweep reads."""
    chosen = plan.axes.get("dataset", [])
    others = chosen if isinstance(chosen, list) else []
    return {*others, *(known.variant(name).dataset for name in plan.variants)}


def _prepare(datasets: Iterable[str]) -> None:
    """Build datasets that are missing or stale."""
    from inkbench.pipeline.plan import plan

    targets = [f"preprocess@{name}" for name in sorted(datasets)]
    steps = plan(Path.cwd(), targets)
    if steps.first or steps.chains or steps.last:
        storing.run("dvc", "repro", *targets)
    elif not all(layout.processed(name).is_dir() for name in datasets):
        storing.run("dvc", "checkout", *targets)


def _inputs(
    pipeline: executions.Pipeline, axes: Iterable[str], name: str, known: params.Params
) -> str:
    """Digest of all that a variant's trainings depend on except the axes and the seed."""
    block = known.variant(name)
    settings = block.model_dump(mode="json")
    if _source(block) == data_source.SYNTHETIC:
        settings["synthetic"] = known.synthetic.model_dump()
    for axis in [*axes, "seed"]:
        *parents, last = axis.split(".")
        inner = settings
        for part in parents:
            inner = inner.get(part) or {}
        inner.pop(last, None)
    return storing.digest(settings, pipeline.inputs(name))


def _source(block: params.Variant) -> str:
    """Whether the data of a variant are real or synthetic."""
    source: str = store.load_card(block.dataset)["data_source"]
    return source


def _due(searches: Mapping[str, Search]) -> list[Training]:
    return [training for search in searches.values() for training in search.due()]


def _store(sweep: str, search: Search, training: Training, error: str, code: str) -> str:
    """Store the result of a training; returns its experiment, empty if it failed."""
    title = f"{_settings(training)} {training.variant}"
    try:
        if error:
            raise InkbenchError(error)
        trial = storing.store(sweep, training, search.inputs, code)
    except storing.Changed:
        raise  # of no further training could the result be stored
    except InkbenchError as failure:
        print(f"inkbench: {title}: failed: {failure}", flush=True)
        search.failed.add(training)
        return ""
    search.add(training, trial)
    print(f"inkbench: {title}: validation loss {trial.val_loss:g}", flush=True)
    return trial.experiment


def _track(experiment: str) -> bool:
    """Add the runs of an experiment to MLflow; a failure is a warning."""
    try:
        sync.sync(experiment, echo=lambda line: None)
    except InkbenchError as error:
        todo = "no more of this sweep is sent; run `inkbench sync` afterwards, before you commit"
        print(f"inkbench: warning: MLflow: {error}; {todo}", file=sys.stderr)
        return False
    return True


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
    for training in [*(training for training, _ in running.values()), *todo]:
        yield training, "no stage builds what it needs; run `dvc repro`"


def _settings(training: Training) -> str:
    return " ".join(f"{key}={value}" for key, value in training.shown.items())


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
        If there is no such sweep, it still runs, it has no settings, or their validation losses do
        not compare.
    """
    from inkbench.cluster.command import alone

    with alone():
        return _promote(name)


def _promote(name: str) -> str:
    if not seeds.trials_file(name).is_file():
        known = f"known sweeps: {', '.join(seeds.names()) or 'none'}"
        if search.journal(name).is_file():
            known = "its sweep did not end; repeat its command"
        raise InkbenchError(f"{seeds.trials_file(name)} not found; {known}")
    trials = seeds.read(name)
    known_variants = params.load().train
    blocks = {t.variant: known_variants[t.variant] for t in trials if t.variant in known_variants}
    file = seeds.trials_file(name)
    if not trials[0].settings:
        tables = f"{layout.SWEEPS / name}.pairs.csv compares the variants"
        raise InkbenchError(f"{file}: varies only seeds, so there is nothing to promote; {tables}")
    remedy = f"edit {layout.PARAMS} by hand; {layout.SWEEPS / name}.csv has the test metrics"
    plans.refuse_incomparable(dict(trials[0].settings), blocks.values(), remedy)
    before = after = layout.PARAMS.read_text(encoding="utf-8")
    complete = seeds.configurations(trials)
    if not complete:
        raise InkbenchError(f"{name}: no configuration is complete; repeat the sweep's command")
    for variant in dict.fromkeys(config[0] for config in complete):
        if variant not in params.load().train:
            raise InkbenchError(f"{name}: {layout.PARAMS} has no {variant} any more; add it again")
        own = {c: g for c, g in complete.items() if c[0] == variant}
        best = seeds.best(own)
        if best is None:
            raise InkbenchError(
                f"{name}: the configurations of {variant} share no seed; repeat the sweep's command"
            )
        values = {axis: editing.parse(text) for axis, text in best[1]}
        after = plans.changed(after, variant, values)
    plans.check(after, file)
    _warn_of_stale(name, [trial for group in complete.values() for trial in group.values()])
    if after != before:
        disk.write_text(layout.PARAMS, after)
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    name = str(layout.PARAMS)
    return "".join(difflib.unified_diff(old, new, name, name, n=1))


def _warn_of_stale(name: str, trials: Iterable[Trial]) -> None:
    """Warn of variants that were trained with other inputs than are here."""
    found = {trial.variant: trial for trial in trials}  # the inputs of a variant are the same
    known, warning = params.load(), f"inkbench: warning: {name}:"
    try:
        with contextlib.closing(executions.Pipeline(Path.cwd())) as pipeline:
            here = {
                variant: _inputs(pipeline, dict(trial.settings), variant, known)
                for variant, trial in found.items()
            }
    except (InkbenchError, OSError) as error:  # its data are missing, for example
        print(f"{warning} cannot tell whether it is of today's code ({error})", file=sys.stderr)
        return
    for variant in sorted(v for v, trial in found.items() if here[v] != trial.inputs):
        what = f"{variant} was trained with other code, data or settings than are here"
        print(f"{warning} {what}; repeat the sweep's command", file=sys.stderr)
