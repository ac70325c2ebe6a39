"""Complete the store: a parent run with a run for every stage in ``dvc.lock``.

First, the journals that wait in ``.tracking/`` are uploaded. Then every execution in ``dvc.lock``
gets a run below the parent of its pipeline state. If it has none, it becomes a link to the run of
another state with the same stage hash. If no state has such a run, it is backfilled from DVC's
cache. Running it twice changes nothing.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from inkbench import layout
from inkbench.errors import InkbenchError
from inkbench.tracking import journal as journals
from inkbench.tracking import parents, record, registry, state, upload
from inkbench.tracking import store as stores
from inkbench.tracking.executions import Execution, Pipeline
from inkbench.tracking.journal import Journal
from inkbench.tracking.logged_models import ATTACHED, attach, attach_test_metrics, models_of
from inkbench.tracking.state import State
from inkbench.tracking.store import BACKFILLED, HASH, INCOMPLETE, LINK, Store, public

if TYPE_CHECKING:
    from mlflow.entities import Run

Echo = Callable[[str], None]

_HEADLINE = {  # the metric on the parent run by which two states of the pipeline compare
    "classification": "test_accuracy",
    "reconstruction": "test_bce",
    "restoration": "test_rmse",
    "cleaning": "test_drawn_rmse",
}


def sync(revision: str | None = None, *, dry_run: bool = False, echo: Echo = print) -> None:
    """Complete the store for a git revision or a DVC experiment.

    By default, for the working tree and the experiments of its commit. ``dry_run`` only prints what
    would be done. `InkbenchError` if the store cannot be used or the revision does not exist.
    """
    stores.set_environment()  # before MLflow is imported
    from mlflow.exceptions import MlflowException

    folder = Path.cwd()
    try:
        store = Store.open(create=not dry_run)
        _upload_waiting(store, dry_run, echo)
        for target, commit in _targets(folder, revision):
            with contextlib.closing(Pipeline(folder, commit)) as pipeline:
                complete_state(store, target, pipeline, dry_run=dry_run, echo=echo)
    except (MlflowException, OSError) as error:
        raise InkbenchError(
            f"{public(stores.uri())} failed ({public(error)}); run `inkbench sync` again, it "
            "continues where it stopped"
        ) from error


def _upload_waiting(store: Store, dry_run: bool, echo: Echo) -> None:
    """Upload the waiting journals, except those that a running uploader will upload."""
    from mlflow.exceptions import MlflowException

    with journals.locked(stores.uploader_lock()) as is_alone:
        for journal in Journal.waiting():
            if journal.is_running or not (is_alone or journal.has_failed):
                continue
            echo(f"uploaded   {journal.start.get('dvc_stage') or journal.start['stage']}")
            try:
                if not dry_run:
                    upload.Upload(store, journal).proceed()
                    journal.discard()
            except (InkbenchError, MlflowException, OSError) as error:
                echo(f"kept       {journal.folder}: {public(error)}")


def _targets(folder: Path, revision: str | None) -> Iterator[tuple[State, str | None]]:
    """States to complete, each with the commit that has its files; None for the working tree."""
    if revision:
        target = state.of_revision(folder, revision)
        if target is None:
            raise InkbenchError(
                f"--rev {revision}: no such git revision or DVC experiment; "
                "`git log` and `dvc exp list` show them"
            )
        yield target
        return
    here = state.of_folder(folder)
    # Experiments first: the tree that one of them left in the workspace then finds its parent.
    for _, baseline, commit in state.experiments(folder):
        experiment = state.of_revision(folder, commit)
        if baseline == here.commit and experiment and not here.experiment:
            yield experiment
    yield here, None


def complete_state(
    store: Store,
    target: State,
    pipeline: Pipeline,
    *,
    dry_run: bool = False,
    only_known: bool = False,
    echo: Echo = lambda _: None,
) -> None:
    """Give the parent run of a state a run for every execution that is up to date.

    With ``only_known``, no run is added; those that exist get what DVC has recorded about them.
    """
    for name in sorted(pipeline.recorded.keys() - pipeline.current.keys()):
        echo(f"stale      {name}: changed since its last run; run `dvc repro`")
    if not pipeline.current:
        echo(f"{target.title}: no stage has run yet; run `dvc repro`")
    known = parents.find(store, target)
    parent = known.info.run_id if known else ""
    if pipeline.current and not dry_run:
        parent = parents.find_or_create(store, target)
    children = store.tagged(stores.PARENT, parent) if parent else []
    finished = [run for run in children if run.info.status == "FINISHED"]
    added = 0
    for execution in pipeline.current.values():
        own = next((run for run in finished if run.data.tags.get(HASH) == execution.hash), None)
        runs = [run for run in finished if run.data.tags.get("dvc.stage") == execution.name]
        if own is None and runs and HASH not in runs[-1].data.tags:
            if not dry_run:
                _add_recorded(store, runs[-1], execution, pipeline.outputs)
            continue
        is_complete = own is not None and own.data.tags.get(INCOMPLETE) != "true"
        if is_complete or only_known or (own and not pipeline.has_outputs(execution.name)):
            continue
        source = None if own else _find_source(store, execution)
        echo(f"{'linked    ' if source else 'backfilled'} {execution.name}")
        added += 1
        if not dry_run:
            _add_run(store, execution, pipeline, parent, target, source)
    if parent and not dry_run:
        _attach_test_metrics(store, parent)
        if not only_known:
            _summarise(store, parent, pipeline)
            registry.promote_best(store, pipeline, echo)
    count = len(pipeline.current)
    echo(f"{target.title}: {count} stages, {added} {'to add' if dry_run else 'added'}")


def _find_source(store: Store, execution: Execution) -> "Run | None":
    """The newest finished and complete run of an execution, below any parent."""
    finished = [
        run
        for run in store.tagged(HASH, execution.hash)
        if run.info.status == "FINISHED" and run.data.tags.get(INCOMPLETE) != "true"
    ]
    originals = [run for run in finished if LINK not in run.data.tags]
    runs = originals or finished
    return store.client.get_run(runs[-1].info.run_id) if runs else None  # a search has no models


def _add_run(
    store: Store,
    execution: Execution,
    pipeline: Pipeline,
    parent: str,
    target: State,
    source: "Run | None",
) -> None:
    """Add the run of an execution below a parent: a link to its source run, or a backfilled run.

    An MLflow run has only one parent. So an execution that belongs to two states of the pipeline is
    a run and a link to it, which has the same parameters and metrics but no artifacts.
    """
    kind, _, subject = execution.name.partition("@")
    is_data = kind in {"download", "preprocess"}
    blocks = pipeline.params.get("published" if kind == "published" else "train") or {}
    at = source.info.start_time if source else journals.now()
    start = {
        "at": at,
        "stage": kind,
        "variant": None if is_data else subject or None,
        "dataset": subject if is_data else (blocks.get(subject) or {}).get("dataset"),
        "params": execution.params.get("params.yaml", {}),
        "state": vars(target),
        "command": str(execution.cmd),
        "dvc_stage": execution.name,
    }
    if source:
        tags = {LINK: source.data.tags.get(LINK, source.info.run_id)}
    else:
        is_incomplete = str(not pipeline.has_outputs(execution.name)).lower()
        tags = {BACKFILLED: "true", INCOMPLETE: is_incomplete}
    # Named after the parent, not the state: a tree that is committed keeps its parent.
    key = f"{'link' if source else 'backfill'}-{parent}-{execution.hash}"
    run_id = upload.find_or_create_run(store, key, start, tags).info.run_id
    store.client.set_terminated(run_id, "FINISHED", source.info.end_time if source else at)
    run = store.client.get_run(run_id)
    if source:
        copied = {tag: source.data.tags.get(tag) for tag in ("data_source", "model.md5", ATTACHED)}
        tags = {tag: value for tag, value in copied.items() if value}
        store.log(run_id, metrics=store.history(source), tags=tags)
        read, written = models_of(source)
        attach(store, run, inputs=read, outputs=written)
    _add_recorded(store, run, execution, None if source else pipeline.outputs)


def _add_recorded(store: Store, run: "Run", execution: Execution, outputs: Path | None) -> None:
    """Add what DVC has recorded: outputs, versions of the data read and written, and stage hash."""
    run_id, tags = run.info.run_id, run.data.tags
    lines = []
    if LINK in tags:
        url = f"#/experiments/{store.experiment_id}/runs/{tags[LINK]}"
        lines += [f"DVC did not run this stage again: [its artifacts]({url}).\n"]
    link = parents.commit_link(
        tags.get("git.commit", ""), tags.get("mlflow.source.git.repoURL", "")
    )
    lines += [f"From {link}; read:"]
    for path, md5 in sorted(execution.deps.items()):
        if not path.startswith(("src/", "stages/")):
            lines.append(f"- `{path}` at DVC version `{md5}`")
    for path, md5 in (execution.deps | execution.outs).items():
        if path.startswith("data/") and not path.endswith(".json"):
            record.log_dataset(store, run_id, tags["stage"], path.removeprefix("data/"), path, md5)
    if outputs:
        record.log_outputs(store, run, execution.name.partition("@")[2], outputs)
    store.log(run_id, tags={"mlflow.note.content": "\n".join(lines), HASH: execution.hash})


def _attach_test_metrics(store: Store, parent: str) -> None:
    """Attach the test metrics of evaluations that have ended to the models they evaluated."""
    for run in store.tagged(stores.PARENT, parent):
        tags = run.data.tags
        if tags.get("stage") == "evaluate" and ATTACHED not in tags and run.info.end_time:
            attach_test_metrics(store, run.info.run_id)


def _summarise(store: Store, parent: str, pipeline: Pipeline) -> None:
    """Log on the parent what its pipeline has reached, so that two states compare."""
    from mlflow.entities import Metric

    run = store.client.get_run(parent)
    points, sources = [], set()
    for variant, block in (pipeline.params.get("train") or {}).items():
        metrics = record.read_json(pipeline.outputs / layout.metrics(variant))
        if f"evaluate@{variant}" not in pipeline.current or not metrics:
            continue
        sources.add(str(metrics.get("data_source")))
        headline = _HEADLINE[block["task"]]
        key, value = f"leaderboard/{variant} {headline}", metrics.get(headline)
        if value is not None and run.data.metrics.get(key) != value:
            points.append(Metric(key, value, journals.now(), 0))
    tags = {"data_source": ", ".join(sorted(sources))} if sources else {}
    store.log(parent, metrics=points, tags={"stages": str(len(pipeline.current)), **tags})
    if run.info.status == "RUNNING" and not any(
        child.info.status == "RUNNING" for child in store.tagged(stores.PARENT, parent)
    ):
        store.client.set_terminated(parent, "FINISHED")
