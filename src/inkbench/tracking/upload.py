"""Upload the events of a journal to the store. Imports MLflow, never TensorFlow.

Every step can be repeated. If an upload is interrupted, the whole journal is uploaded again, and
the store ends up as after a single upload.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inkbench.tracking import parents, record
from inkbench.tracking.journal import Event, Journal, now
from inkbench.tracking.state import State
from inkbench.tracking.store import JOURNAL, PARENT, Store, flat_params

if TYPE_CHECKING:
    from mlflow.entities import Run


class Upload:
    """The upload of one journal, which may still be written."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self.journal = journal
        self.start = journal.start
        self.run_id = ""  # empty before the first `proceed`
        self.wants_sync = False  # whether the store is to be completed after this stage
        self.ended_at = 0  # in milliseconds; 0 while the stage runs
        self.is_finished = False  # whether it ended without an error
        self._store = store
        self._parent_id = ""
        self._offset = 0

    def proceed(self) -> bool:
        """Upload what is new in the journal; returns whether the stage has ended."""
        is_running = self.journal.is_running  # before reading, as it may end meanwhile
        events, self._offset = self.journal.read(self._offset)
        if not is_running and not any(event["do"] == "end" for event in events):
            events.append({"do": "end", "at": now(), "status": "KILLED"})
        if not self.run_id:
            run = find_or_create_run(self._store, self.journal.folder.name, self.start)
            self.run_id, self._parent_id = run.info.run_id, run.data.tags[PARENT]
            self._store.client.update_run(self._parent_id, status="RUNNING")
        if events:
            self._log_metrics(events)
        self.wants_sync = self.wants_sync or any(event["do"] == "sync" for event in events)
        if events and events[-1]["do"] == "end":
            status, self.ended_at = events[-1]["status"], events[-1]["at"]
            self._store.client.set_terminated(self.run_id, status, self.ended_at)
            self.is_finished = status == "FINISHED"
            if self.is_finished and not self.start["dvc_stage"]:  # DVC records nothing about it
                run = self._store.client.get_run(self.run_id)
                record.log_outputs(self._store, run, _subject(self.start), Path(self.start["cwd"]))
            status = "FINISHED" if self.is_finished else "FAILED"
            self._store.client.set_terminated(self._parent_id, status, self.ended_at)
        return bool(self.ended_at)

    def _log_metrics(self, events: Sequence[Event]) -> None:
        from mlflow.entities import Metric

        points = [
            Metric(key, value, event["at"], event["step"])
            for event in events
            if event["do"] == "metrics"
            for key, value in event["values"].items()
            if key != "epoch"  # it is the step
        ]
        self._store.log(self.run_id, metrics=points)


def find_or_create_run(
    store: Store, key: str, start: Event, more_tags: Mapping[str, str] | None = None
) -> "Run":
    """The run of a journal, by its id and start event, below the parent run of its state."""
    state = State(**start["state"])
    subject = _subject(start)
    tags = {
        PARENT: parents.find_or_create(store, state, start["at"]),
        JOURNAL: key,
        "stage": start["stage"],
        "variant": start["variant"],
        "dataset": start["dataset"],
        "dvc.stage": start.get("dvc_stage"),
        "mlflow.user": start.get("user"),
        "project_run": start.get("project_run"),
        **parents.source_tags(state, start["command"]),
        **(more_tags or {}),
    }
    tags = {tag: value for tag, value in tags.items() if value}
    name = f"{start['stage']} {subject}".strip()
    runs = store.tagged(JOURNAL, key)
    if not runs:
        runs = [store.client.create_run(store.experiment_id, start["at"], tags, name)]
    store.log(runs[0].info.run_id, params=flat_params(start["params"], subject), tags=more_tags)
    return runs[0]


def _subject(start: Event) -> str:
    return start["variant"] or start["dataset"] or ""
