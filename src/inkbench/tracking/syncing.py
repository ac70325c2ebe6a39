"""Make the store complete: a parent run with all stages of ``dvc.lock``, whatever DVC skipped.

First the journals that wait in ``.tracking/`` are brought. Then, for every execution in
``dvc.lock``, the parent of that pipeline state gets a run: the one it has; or a link to the run of
another state that executed the very same thing (same stage hash); or, where no run exists at all,
one that is backfilled from what DVC keeps. Doing it twice changes nothing.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inkbench.errors import InkbenchError
from inkbench.tracking import backfill, journal, linking, parents, pipeline, registry, state
from inkbench.tracking.journal import Journal
from inkbench.tracking.pipeline import CommittedFiles, Execution, Files
from inkbench.tracking.state import State
from inkbench.tracking.store import HASH, JOURNAL, Store, StoreError, public, set_environment, uri

if TYPE_CHECKING:
    from mlflow.entities import Run

Say = Callable[[str], None]


@dataclass(frozen=True)
class Target:
    """A pipeline state to be made complete, and where its files are read."""

    state: State
    files: Files


def sync(
    revision: str | None = None,
    *,
    dry_run: bool = False,
    own: Journal | None = None,
    say: Say = print,
) -> int:
    """Complete the store.

    Parameters
    ----------
    revision
        A git revision or the name of a DVC experiment; by default the working tree and the
        experiments of its commit.
    dry_run
        Only say what would be done.
    own
        Journal of the stage that asks for it: brought already, but DVC has not recorded it yet.
    say
        Takes every line of the account.

    Returns
    -------
    int
        Number of runs that were (or would be) brought, linked or backfilled.

    Raises
    ------
    InkbenchError
        When the store cannot be used or the revision does not exist.
    """
    set_environment()  # before MLflow is imported
    from mlflow.exceptions import MlflowException

    folder = Path.cwd()
    address = ((own and own.context) or {}).get("stage", "")
    try:
        store = Store.open(create=not dry_run)
        changes = _bring_waiting(store, dry_run, own, say)
        for target in _targets(folder, revision):
            changes += _complete(store, target, dry_run, address, say)
        return changes
    except StoreError as error:
        raise InkbenchError(str(error)) from None
    except (MlflowException, OSError) as error:
        raise InkbenchError(
            f"{public(uri())} failed halfway ({public(error)}); run `inkbench sync` again: "
            "it goes on where it stopped"
        ) from error


def _bring_waiting(store: Store, dry_run: bool, own: Journal | None, say: Say) -> int:
    """Bring the journals that wait; those of stages that run now are their couriers' business."""
    brought = 0
    for waiting in Journal.waiting():
        if _is_running(waiting) or (own and waiting.id == own.id):
            continue
        with waiting.locked(patience=0 if dry_run else 10) as mine:
            if mine and waiting.read()[0]:
                brought += _bring(store, waiting, dry_run, say)
    return brought


def _bring(store: Store, waiting: Journal, dry_run: bool, say: Say) -> int:
    from mlflow.exceptions import MlflowException

    from inkbench.tracking.delivery import Delivery

    events, _ = waiting.read()
    if waiting.context is None:
        say(f"dropped    {waiting.id}: its stage had hardly begun")
        if not dry_run:
            waiting.discard()
        return 0
    say(f"brought    {waiting.context.get('stage') or events[0]['stage']}")
    if dry_run:
        return 1
    if not any(event["do"] == "end" for event in events):
        events.append({"do": "end", "at": events[-1]["at"], "status": "KILLED"})
    try:
        Delivery(store, waiting).bring(events)
    except MlflowException as error:
        say(f"kept       {waiting.folder}: {public(error)}")
        return 0
    waiting.discard()
    return 1


def _is_running(waiting: Journal) -> bool:
    """The stage that writes this journal is still alive, on this machine."""
    import psutil

    events, _ = waiting.read()
    over = not events or any(event["do"] == "end" for event in events)
    if over or events[0]["host"] != socket.gethostname():
        return False
    try:
        return psutil.Process(events[0]["pid"]).create_time() * 1000 <= events[0]["at"]
    except psutil.Error:
        return False


def _targets(folder: Path, revision: str | None) -> Iterator[Target]:
    if revision:
        found = state.of_revision(folder, revision)
        if found is None:
            raise InkbenchError(
                f"--rev {revision}: no such git revision or DVC experiment; "
                "`git log` and `dvc exp list` show them"
            )
        yield Target(found, CommittedFiles(folder, state.commit_of(folder, revision)))
        return
    here = state.of_folder(folder)
    # Experiments first: a tree that one of them left in the workspace then finds its parent.
    for _, baseline, commit in state.experiments(folder):
        experiment = state.of_revision(folder, commit)
        if baseline == here.commit and experiment and not here.experiment:
            yield Target(experiment, CommittedFiles(folder, commit))
    yield Target(here, Files(folder))


def _complete(store: Store, target: Target, dry_run: bool, skip: str, say: Say) -> int:
    """Give the parent of a state a run for every stage that ``dvc.lock`` has."""
    title = target.state.title
    lock = pipeline.recorded(target.files)
    fresh, stale = current(lock, target.files)
    for name in sorted(stale - {skip}):
        say(f"stale      {name}: changed since it last ran; `dvc repro` first")
    if not fresh:
        say(f"{title}: no stage has run yet; `dvc repro`")
        return 0
    found = parents.find(store, target.state)
    parent = found.info.run_id if found and dry_run else ""
    if not dry_run:
        parent = parents.find_or_create(store, target.state)
    children = _unique(store, parent) if parent else {}
    changes = 0
    for execution in fresh:
        if execution.name == skip:
            continue
        own = children.get(execution.hash)
        if own and not backfill.is_incomplete(own):
            continue
        source = None if own else linking.find_source(store, execution)
        if source is None and own and not backfill.can_be_completed(target.files, execution):
            continue
        changes += 1
        say(f"{'linked    ' if source else 'backfilled'} {execution.name}")
        if dry_run:
            continue
        if source:
            linking.link(store, source, parent, target.state)
        else:
            backfill.backfill(store, target.state, target.files, lock, execution)
    if not dry_run:
        _tie_late(store, parent)
        _summarise(store, parent, target, fresh)
        registry.crown(store, lock, fresh, target.files, say)
    count = sum(execution.name != skip for execution in fresh)
    say(f"{title}: {count} stages, {changes} {'to bring' if dry_run else 'brought'}")
    return changes


def current(lock: Mapping[str, Execution], files: Files) -> tuple[list[Execution], set[str]]:
    """Split what ``dvc.lock`` records into what still holds and the names of what does not.

    An execution still holds when its command, parameters and source files are as recorded, and
    what it read from other stages is what those made and still holds itself.
    """
    stages = pipeline.stages(files)
    made = {path: execution for execution in lock.values() for path in execution.outs}
    verdicts: dict[str, bool] = {}

    def holds(name: str) -> bool:
        if name not in verdicts:
            verdicts[name] = name in stages and name in lock and _holds(name)
        return verdicts[name]

    def _holds(name: str) -> bool:
        then, stage = lock[name], stages[name]
        now = pipeline.execution(stage, files, without=set(made))
        if (then.cmd, dict(then.params)) != (now.cmd, dict(now.params)):
            return False
        if set(then.deps) != set(stage.deps):
            return False
        return all(_dep_holds(path, md5, now.deps.get(path)) for path, md5 in then.deps.items())

    def _dep_holds(path: str, then: str, now: str | None) -> bool:
        for out, maker in made.items():
            if out == path and maker.outs[out] != then:
                return False
            if pipeline.overlap(out, path) and not holds(maker.name):
                return False
        inside_out = any(pipeline.overlap(out, path) for out in made)
        return inside_out or now == then

    fresh = [execution for name, execution in lock.items() if holds(name)]
    return fresh, {name for name in lock if name in stages and not holds(name)}


def _unique(store: Store, parent: str) -> "dict[str, Run]":
    """Finished runs of a parent by stage hash; deletes what two syncs at once made double."""
    found: dict[str, Run] = {}
    seen: set[str] = set()
    for run in store.children(parent):
        tags = run.data.tags
        if tags.get(JOURNAL) and tags[JOURNAL] in seen:
            store.client.delete_run(run.info.run_id)
            continue
        seen.add(tags.get(JOURNAL, ""))
        if tags.get(HASH) and run.info.status == "FINISHED":
            found.setdefault(tags[HASH], run)
    return found


def _tie_late(store: Store, parent: str) -> None:
    """Attach test metrics to models that came into the store after their evaluation."""
    from mlflow.entities import Metric

    from inkbench.tracking.logged_models import TIED, tie

    for run in store.children(parent):
        tags = run.data.tags
        md5 = tags.get("model.md5")
        if tags["stage"] != "evaluate" or not md5 or TIED in tags or run.info.status == "RUNNING":
            continue
        at = run.info.end_time or journal.now()
        tie(store, run, md5, [Metric(key, value, at, 0) for key, value in run.data.metrics.items()])


def _sources(files: Files, fresh: list[Execution]) -> dict[str, str]:
    """Tag of the kinds of data (real, stand-in) that a pipeline was run on."""
    found = {
        backfill.test_facts(files, execution).get("data_source")
        for execution in fresh
        if execution.kind == "evaluate"
    }
    kinds = sorted(filter(None, found))
    return {"data_source": ", ".join(kinds)} if kinds else {}


def _summarise(store: Store, parent: str, target: Target, fresh: list[Execution]) -> None:
    """Write on the parent what its pipeline has reached, so that two of them compare."""
    from mlflow.entities import Metric

    known = store.client.get_run(parent)
    variants = target.files.yaml("params.yaml")["train"]
    values = {
        f"leaderboard/{execution.subject} {key}": value
        for execution in fresh
        if execution.kind == "evaluate"
        for key, value in backfill.test_metrics(target.files, execution).items()
        if key == registry.HEADLINE.get(variants[execution.subject]["task"])
    }
    now = journal.now()
    new = [
        Metric(key, value, now, 0)
        for key, value in values.items()
        if known.data.metrics.get(key) != value
    ]
    tags = {"stages": str(len(fresh)), **_sources(target.files, fresh)}
    store.log(parent, metrics=new, tags=tags)
    if known.info.status != "RUNNING":
        return
    if not any(run.info.status == "RUNNING" for run in store.children(parent)):
        store.client.set_terminated(parent, "FINISHED")
