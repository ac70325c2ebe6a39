"""Upload journals, and complete the store: a run for every stage that ``dvc.lock`` records.

A stage without a run gets a link to the run of another state with the same stage hash. If there is
none, its run is backfilled from DVC's cache. Running it twice changes nothing.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inkbench import layout, state
from inkbench.errors import InkbenchError
from inkbench.state import State
from inkbench.tracking import parents, record, registry
from inkbench.tracking import store as stores
from inkbench.tracking.executions import Execution, Pipeline
from inkbench.tracking.journal import Event, Journal, locked, now, outbox, release
from inkbench.tracking.record import ATTACHED
from inkbench.tracking.store import HASH, INCOMPLETE, LINK, PARENT, Run, Store, public

Echo = Callable[[str], None]


def sync(revision: str | None = None, *, dry_run: bool = False, echo: Echo = print) -> None:
    """Complete the store for a revision, or for the working tree and the experiments on it.

    `InkbenchError` if the store cannot be used or the revision does not exist.
    """
    stores.set_environment()  # before MLflow is imported
    from mlflow.exceptions import MlflowException

    folder = Path.cwd()
    try:
        store = Store.open(create=not dry_run)
        _upload_waiting(store, dry_run, echo)
        here, experiments = state.of_folder(folder), state.experiments(folder)
        # Experiments first: the tree that one of them left in the workspace then finds its parent.
        targets = [e for e in experiments if e[0].commit == here.commit and not here.experiment]
        targets = [state.of_revision(folder, revision)] if revision else [*targets, (here, "")]
        for target, commit in targets:
            own = contextlib.closing(Pipeline(folder, commit, target.variant))
            with own as pipeline, stores.locked("complete"):
                complete_state(store, target, pipeline, True, dry_run=dry_run, echo=echo)
    except (MlflowException, OSError) as error:
        raise InkbenchError(
            f"{public(stores.uri())} failed ({public(error)}); run `inkbench sync` again, it "
            "continues where it stopped"
        ) from error


def _upload_waiting(store: Store, dry_run: bool, echo: Echo) -> None:
    """Upload the waiting journals, except those that a running uploader will upload."""
    with locked(outbox() / "repro.lock") as is_over:
        if is_over and not dry_run:
            release()  # what a killed `inkbench repro` held
    with locked(stores.uploader_lock()) as is_alone:
        for journal in Journal.waiting():
            if journal.is_running or not (is_alone or journal.has_failed):
                continue
            echo(f"uploaded   {journal.start.get('dvc_stage') or journal.start['stage']}")
            try:
                if not dry_run:
                    Upload(store, journal).proceed()
                    journal.discard()
            except Exception as error:
                echo(f"kept       {journal.folder}: {public(error)}")


@dataclass
class Upload:
    """The upload of one journal, which may still be written."""

    store: Store
    journal: Journal
    run_id: str = ""  # empty before the first `proceed`
    parent_id: str = ""
    wants_sync: bool = False  # whether the store is to be completed after this stage
    ended_at: int = 0  # in milliseconds; 0 while the stage runs
    is_finished: bool = False  # whether it ended without an error
    offset: int = 0  # bytes of the journal that are uploaded

    def proceed(self) -> bool:
        """Upload what is new in the journal; returns whether the stage has ended."""
        client, start = self.store.client, self.journal.start
        is_running = self.journal.is_running  # before reading, as it may end meanwhile
        events, self.offset = self.journal.read(self.offset)
        if not is_running and not any(event["do"] == "end" for event in events):
            events.append({"do": "end", "at": now(), "status": "KILLED"})
        if not self.run_id:
            run = find_or_create_run(self.store, self.journal.folder.name, start)
            self.run_id, self.parent_id = run.info.run_id, run.data.tags[PARENT]
            client.update_run(self.parent_id, status="RUNNING")
        points = [
            (key, float(value), event["at"], event["step"])
            for event in events
            if event["do"] == "metrics"
            for key, value in event["values"].items()
            if key != "epoch"  # it is the step
        ]
        if points:
            self.store.log(self.run_id, points)
        self.wants_sync |= any(event["do"] == "sync" for event in events)
        if events and events[-1]["do"] == "end":
            status, self.ended_at = events[-1]["status"], events[-1]["at"]
            client.set_terminated(self.run_id, status, self.ended_at)
            self.is_finished = status == "FINISHED"
            if self.is_finished and not start["dvc_stage"]:  # DVC records nothing about it
                subject, folder = start["variant"] or start["dataset"] or "", Path(start["cwd"])
                record.log_outputs(self.store, client.get_run(self.run_id), subject, folder)
            status = "FINISHED" if self.is_finished else "FAILED"
            client.set_terminated(self.parent_id, status, self.ended_at)
        return bool(self.ended_at)


def find_or_create_run(store: Store, key: str, start: Event) -> Run:
    """The run of a journal, by its id and start event, below the parent run of its state."""
    target, subject = State(**start["state"]), start["variant"] or start["dataset"] or ""
    known_tags = start.get("tags", {})
    tags = {
        PARENT: parents.find_or_create_parent(store, target, start["at"]),
        stores.JOURNAL: key,
        "stage": start["stage"],
        "variant": start["variant"],
        "dataset": start["dataset"],
        "dvc.stage": start.get("dvc_stage"),
        "mlflow.user": start.get("user"),
        "project_run": start.get("project_run"),
        **parents.source_tags(target, start["command"]),
        **known_tags,
    }
    runs = store.tagged(stores.JOURNAL, key)
    if not runs:
        tags = {tag: value for tag, value in tags.items() if value}
        name = f"{start['stage']} {subject}".strip()
        runs = [store.client.create_run(store.experiment_id, start["at"], tags, name)]
    params = stores.flat_params(start["params"], subject)
    store.log(runs[0].info.run_id, params=params, tags=known_tags)
    return runs[0]


def complete_state(
    store: Store, target: State, pipeline: Pipeline, whole: bool, *, dry_run: bool, echo: Echo
) -> None:
    """Log what DVC has recorded about the runs of a state; if ``whole``, also add missing runs."""
    stale = pipeline.recorded.keys() - pipeline.current.keys()
    for name in sorted(stale) if pipeline.recorded_at else ():  # not of a commit
        echo(f"stale      {name}: changed since its last run; run `dvc repro`")
    if whole and not pipeline.current:
        echo(f"{target.title}: no stage has run yet; run `dvc repro`")
        return
    parent = parents.find_parent(store, target)
    children = store.tagged(PARENT, parent.info.run_id) if parent else []
    finished = [run for run in children if run.info.status == "FINISHED"]
    incomplete = [run for run in finished if run.data.tags.get(INCOMPLETE) == "true"]
    live, missing = [], []
    for execution in pipeline.recorded.values():
        is_current = execution.name in pipeline.current
        own = next((run for run in finished if run.data.tags.get(HASH) == execution.hash), None)
        runs = [run for run in finished if run.data.tags.get("dvc.stage") == execution.name]
        if runs and HASH not in runs[-1].data.tags:
            is_new = pipeline.recorded_at >= (runs[-1].info.end_time or 0)  # or edited since
            if (is_current and not own) or (is_new and _has_parameters(runs[-1], execution)):
                live.append((runs[-1], execution))
        elif not is_current:
            continue
        elif whole and own is None:
            missing.append((execution, _find_source(store, execution)))
        elif whole and own in incomplete and pipeline.has_outputs(execution.name):
            missing.append((execution, None))
    for execution, source in missing:
        echo(f"{'linked    ' if source else 'backfilled'} {execution.name}")
    count = f"{len(missing)} {'to add' if dry_run else 'added'}"
    echo(f"{target.title}: {len(pipeline.current)} stages, {count}")
    if dry_run:
        return
    parent_id = parents.find_or_create_parent(store, target)
    for run, execution in live:
        _add_recorded(store, run, execution, pipeline.outputs)
    for execution, source in missing:
        _add_run(store, execution, pipeline, target, source)
    for run in store.tagged(PARENT, parent_id):
        tags = run.data.tags
        if tags["stage"] == "evaluate" and ATTACHED not in tags and run.info.end_time:
            record.attach_test_metrics(store, run.info.run_id)
    if whole and not target.sweep:  # a sweep chooses on the validation part
        _summarise(store, parent_id, pipeline)
        registry.promote_best(store, pipeline, echo)


def _has_parameters(run: Run, execution: Execution) -> bool:
    """Whether a run of a stage has the recorded parameters."""
    own = execution.params.get(str(layout.PARAMS), {})
    flat = stores.flat_params(own, execution.name.partition("@")[2])
    return all(run.data.params.get(key) == value for key, value in flat.items())


def _find_source(store: Store, execution: Execution) -> Run | None:
    """The newest finished and complete run of an execution, below any parent."""
    condition = f"tags.`{HASH}` = '{execution.hash}' AND attributes.status = 'FINISHED'"
    runs = [run for run in store.search(condition) if run.data.tags.get(INCOMPLETE) != "true"]
    runs = [run for run in runs if LINK not in run.data.tags] or runs
    return store.client.get_run(runs[-1].info.run_id) if runs else None  # a search has no models


def _add_run(
    store: Store, execution: Execution, pipeline: Pipeline, target: State, source: Run | None
) -> None:
    """Add the run of an execution: a link to its source run, or a backfilled run.

    As an MLflow run has only one parent, a link repeats its parameters and metrics.
    """
    parent_id = parents.find_or_create_parent(store, target)
    kind, _, subject = execution.name.partition("@")
    is_data = kind in {"download", "preprocess"}
    blocks = pipeline.params.get("published" if kind == "published" else "train") or {}
    at = source.info.start_time if source else now()
    if source:
        tags = {LINK: source.data.tags.get(LINK, source.info.run_id)}
        copied = ("data_source", "model.md5", ATTACHED)
        tags |= {tag: source.data.tags[tag] for tag in copied if tag in source.data.tags}
    else:
        is_incomplete = str(not pipeline.has_outputs(execution.name)).lower()
        tags = {stores.BACKFILLED: "true", INCOMPLETE: is_incomplete}
    start = {
        "at": at,
        "stage": kind,
        "variant": None if is_data else subject or None,
        "dataset": subject if is_data else (blocks.get(subject) or {}).get("dataset"),
        "params": execution.params.get("params.yaml", {}),
        "state": vars(target),
        "command": str(execution.cmd),
        "dvc_stage": execution.name,
        "tags": tags,
    }
    # Named after the parent, not the state: a tree that is committed keeps its parent.
    key = f"{'link' if source else 'backfill'}-{parent_id}-{execution.hash}"
    run_id = find_or_create_run(store, key, start).info.run_id
    store.client.set_terminated(run_id, "FINISHED", source.info.end_time if source else at)
    run = store.client.get_run(run_id)
    if source:
        store.log(run_id, store.history(source))
        record.attach(store, run, *record.models_of(source))
    _add_recorded(store, run, execution, None if source else pipeline.outputs)


def _add_recorded(store: Store, run: Run, execution: Execution, outputs: Path | None) -> None:
    """Add what DVC has recorded: outputs, versions of the data read and written, and stage hash."""
    run_id, tags = run.info.run_id, run.data.tags
    repository = tags.get("mlflow.source.git.repoURL", "")
    lines = [f"From {parents.commit_link(tags.get('git.commit', ''), repository)}; read:"]
    if LINK in tags:
        url = f"#/experiments/{store.experiment_id}/runs/{tags[LINK]}"
        lines.insert(0, f"DVC did not run this stage again: [its artifacts]({url}).\n")
    for path, md5 in sorted(execution.deps.items()):
        if not path.startswith(("src/", "stages/")):
            lines.append(f"- `{path}` at DVC version `{md5}`")
    for path, md5 in (execution.deps | execution.outs).items():
        if path.startswith("data/") and not path.endswith(".json"):
            record.log_dataset(store, run_id, tags["stage"], path.removeprefix("data/"), path, md5)
    if outputs:
        record.log_outputs(store, run, execution.name.partition("@")[2], outputs)
    store.log(run_id, tags={"mlflow.note.content": "\n".join(lines), HASH: execution.hash})


def _summarise(store: Store, parent: str, pipeline: Pipeline) -> None:
    """Log on the parent what its pipeline has reached, so that two states compare."""
    rules = pipeline.params.get("registry") or {}
    headlines = {rule["task"]: rule["metric"] for rule in rules.values()}
    known = store.client.get_run(parent).data.metrics
    points, sources = [], set()
    for variant, block in (pipeline.params.get("train") or {}).items():
        metrics = record.read_json(pipeline.outputs / layout.metrics(variant))
        if f"evaluate@{variant}" in pipeline.current and metrics:
            sources.add(str(metrics.get("data_source")))
            headline = headlines.get(block["task"], "")
            key, value = f"leaderboard/{variant} {headline}", metrics.get(headline)
            if value is not None and known.get(key) != value:
                points.append((key, value, now(), 0))
    if sources:
        store.log(parent, points, tags={"data_source": ", ".join(sorted(sources))})
