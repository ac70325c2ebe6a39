"""Make the store complete: a parent run with all stages of ``dvc.lock``, whatever DVC skipped.

First the journals that wait in ``.tracking/`` are brought. Then, for every execution in
``dvc.lock``, the parent of that pipeline state gets a run: the one it has; or a link to the run of
another state that executed the very same thing (same stage hash); or, where no run exists at all,
one that is backfilled from what DVC keeps. Doing it twice changes nothing.
"""

import functools
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from inkbench.errors import InkbenchError
from inkbench.tracking import (
    backfill,
    cache,
    journal,
    linking,
    parents,
    pipeline,
    registry,
    state,
)
from inkbench.tracking.delivery import Delivery
from inkbench.tracking.journal import Journal
from inkbench.tracking.logged_models import TIED, tie
from inkbench.tracking.pipeline import CommittedFiles, Execution, Files
from inkbench.tracking.state import State
from inkbench.tracking.store import HASH, JOURNAL, Store, public, set_environment, uri

if TYPE_CHECKING:
    from mlflow.entities import Run

Say = Callable[[str], None]


# The figure that tells on a parent run how good a variant is.
_HEADLINE = {
    "classification": "test_accuracy",
    "reconstruction": "test_bce",
    "restoration": "test_rmse",
}


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
        for found, files in _targets(folder, revision):
            changes += _complete(store, found, files, dry_run, address, say)
        return changes
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

    events, _ = waiting.read()
    say(f"brought    {(waiting.context or {}).get('stage') or events[0]['stage']}")
    if dry_run:
        return 1
    if not waiting.ended:
        events.append({"do": "end", "at": events[-1]["at"], "status": "KILLED"})
    try:
        if waiting.context is None:  # its courier failed before it had looked: no stage hash then
            waiting.context = {"state": vars(state.of_folder(Path(events[0]["cwd"]), {}))}
        Delivery(store, waiting).bring(events)
    except (InkbenchError, MlflowException, OSError) as error:  # which shall harm no other
        say(f"kept       {waiting.folder}: {public(error)}")
        return 0
    waiting.discard()
    return 1


def _is_running(waiting: Journal) -> bool:
    """The stage that writes this journal is still alive, on this machine."""
    import psutil

    events, _ = waiting.read()
    if waiting.ended or events[0]["host"] != socket.gethostname():
        return False
    try:
        return psutil.Process(events[0]["pid"]).create_time() * 1000 <= events[0]["at"]
    except psutil.Error:
        return False


def _targets(folder: Path, revision: str | None) -> Iterator[tuple[State, Files]]:
    """Pipeline states to be made complete, and where their files are read."""
    if revision:
        found = state.of_revision(folder, revision)
        if found is None:
            raise InkbenchError(
                f"--rev {revision}: no such git revision or DVC experiment; "
                "`git log` and `dvc exp list` show them"
            )
        yield found[0], CommittedFiles(folder, found[1])
        return
    here = state.of_folder(folder)
    # Experiments first: a tree that one of them left in the workspace then finds its parent.
    for _, baseline, commit in state.experiments(folder):
        experiment = state.of_revision(folder, commit)
        if baseline == here.commit and experiment and not here.experiment:
            yield experiment[0], CommittedFiles(folder, commit)
    yield here, Files(folder)


def _complete(store: Store, found: State, files: Files, dry_run: bool, skip: str, say: Say) -> int:
    """Give the parent of a state a run for every stage that ``dvc.lock`` has."""
    title = found.title
    lock = pipeline.recorded(files)
    fresh, stale = current(lock, files)
    for name in sorted(stale - {skip}):
        say(f"stale      {name}: changed since it last ran; `dvc repro` first")
    if not fresh:
        say(f"{title}: no stage has run yet; `dvc repro`")
        return 0
    fresh = [execution for execution in fresh if execution.name != skip]
    known = parents.find(store, found)
    parent = known.info.run_id if known and dry_run else ""
    if not dry_run:
        parent = parents.find_or_create(store, found)
    children = _unique(store, parent, dry_run) if parent else {}
    changes = 0
    for execution in fresh:
        own = children.get(execution.hash)
        if own and not backfill.is_incomplete(own):
            continue
        source = None if own else linking.find_source(store, execution)
        if source is None and own and not cache.outputs(execution, files):
            continue
        changes += 1
        say(f"{'linked    ' if source else 'backfilled'} {execution.name}")
        if dry_run:
            continue
        if source:
            linking.link(store, source, parent, found)
        else:
            backfill.backfill(store, found, parent, files, lock, execution)
    if not dry_run:
        _tie_late(store, parent)
        _summarise(store, parent, files, fresh)
        registry.crown(store, lock, fresh, files, say)
    say(f"{title}: {len(fresh)} stages, {changes} {'to bring' if dry_run else 'brought'}")
    return changes


def current(lock: Mapping[str, Execution], files: Files) -> tuple[list[Execution], set[str]]:
    """Split what ``dvc.lock`` records into what still holds and the names of what does not.

    An execution still holds when its command, parameters and source files are as recorded, and
    what it read from other stages is what those made and still holds itself.
    """
    stages = pipeline.stages(files)
    made = {path: execution for execution in lock.values() for path in execution.outs}

    @functools.cache
    def holds(name: str) -> bool:
        if name not in stages:
            return False
        then, stage = lock[name], stages[name]
        now = pipeline.execution(stage, files, without=set(made))
        if (then.cmd, dict(then.params)) != (now.cmd, dict(now.params)):
            return False
        if set(then.deps) != set(stage.deps):
            return False
        return all(_dep_holds(path, md5, now.deps.get(path)) for path, md5 in then.deps.items())

    def _dep_holds(path: str, then: str, now: str | None) -> bool:
        makers = {out: maker for out, maker in made.items() if pipeline.overlap(out, path)}
        if path in makers and makers[path].outs[path] != then:
            return False
        return all(holds(maker.name) for maker in makers.values()) if makers else now == then

    fresh = [execution for name, execution in lock.items() if holds(name)]
    return fresh, {name for name in lock if name in stages and not holds(name)}


def _unique(store: Store, parent: str, dry_run: bool) -> "dict[str, Run]":
    """Finished runs of a parent by stage hash; deletes what two syncs at once made double."""
    found: dict[str, Run] = {}
    seen: set[str] = set()
    for run in store.children(parent):
        tags = run.data.tags
        if tags.get(JOURNAL) and tags[JOURNAL] in seen:
            if not dry_run:
                store.client.delete_run(run.info.run_id)
            continue
        seen.add(tags.get(JOURNAL, ""))
        if tags.get(HASH) and run.info.status == "FINISHED":
            found.setdefault(tags[HASH], run)
    return found


def _tie_late(store: Store, parent: str) -> None:
    """Attach test metrics to models that came into the store after their evaluation."""
    from mlflow.entities import Metric

    for run in store.children(parent):
        tags = run.data.tags
        md5 = tags.get("model.md5")
        done = TIED in tags or run.info.status == "RUNNING"
        if tags.get("stage") != "evaluate" or not md5 or done:
            continue
        at = run.info.end_time or journal.now()
        tie(store, run, md5, [Metric(key, value, at, 0) for key, value in run.data.metrics.items()])


def _summarise(store: Store, parent: str, files: Files, fresh: list[Execution]) -> None:
    """Write on the parent what its pipeline has reached, so that two of them compare."""
    from mlflow.entities import Metric

    known = store.client.get_run(parent)
    variants = files.yaml("params.yaml")["train"]
    facts = {
        one.subject: backfill.test_facts(files, one) for one in fresh if one.kind == "evaluate"
    }
    new = []
    for variant, found in facts.items():
        headline = _HEADLINE[variants[variant]["task"]]
        key, value = f"leaderboard/{variant} {headline}", found.get(headline)
        if value is not None and known.data.metrics.get(key) != value:
            new.append(Metric(key, value, journal.now(), 0))
    sources = sorted({found["data_source"] for found in facts.values() if found})
    tags = {"data_source": ", ".join(sources)} if sources else {}
    store.log(parent, metrics=new, tags={"stages": str(len(fresh)), **tags})
    if known.info.status == "RUNNING" and not any(
        run.info.status == "RUNNING" for run in store.children(parent)
    ):
        store.client.set_terminated(parent, "FINISHED")
