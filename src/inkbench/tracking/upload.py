"""Upload the events of a journal to the store. Imports MLflow, never TensorFlow.

Every step can be repeated. If an upload is interrupted, the whole journal is uploaded again, and
the store ends up as after a single upload.
"""

import json
from collections.abc import Mapping, Sequence

from inkbench.tracking import parents
from inkbench.tracking.journal import Event, Journal, now
from inkbench.tracking.logged_models import log_model
from inkbench.tracking.record import flat_params
from inkbench.tracking.state import State
from inkbench.tracking.store import JOURNAL, PARENT, Store


class Upload:
    """The upload of one journal, which may still be written."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self.journal = journal
        self.start = journal.start
        self.run_id = ""  # empty before the first `proceed`
        self.wants_sync = False  # whether the store is to be completed after this stage
        self.ended_at = 0  # in milliseconds; 0 while the stage runs
        self._store = store
        self._client = store.client
        self._parent_id = ""
        self._data_source = ""
        self._offset = 0

    def proceed(self) -> bool:
        """Upload what is new in the journal; returns whether the stage has ended."""
        is_running = self.journal.is_running  # before reading, as it may end meanwhile
        events, self._offset = self.journal.read(self._offset)
        if not is_running and not any(event["do"] == "end" for event in events):
            events.append({"do": "end", "at": now(), "status": "KILLED"})
        if not self.run_id:
            self._begin()
        if events:
            self._log_numbers(events)
        for event in events:
            match event["do"]:
                case "dataset":
                    log_dataset(self._store, self.run_id, self.start["stage"], event)
                case "artifact":
                    # The report is about the whole pipeline, so it goes to the parent.
                    run = self._parent_id if self.start["stage"] == "report" else self.run_id
                    files = self.journal.folder / event["files"]
                    self._client.log_artifacts(run, str(files), event["folder"])
                case "model":
                    self._log_model(event)
                case "sync":
                    self.wants_sync = True
                case "end":
                    self._end(event)
        return bool(self.ended_at)

    def _begin(self) -> None:
        start, state = self.start, State(**self.start["state"])
        self._parent_id = parents.find_or_create(self._store, state, start["at"])
        subject = start["variant"] or start["dataset"] or ""
        tags = {
            PARENT: self._parent_id,
            JOURNAL: self.journal.folder.name,
            "stage": start["stage"],
            "variant": start["variant"],
            "dataset": start["dataset"],
            "dvc.stage": start.get("dvc_stage"),
            "mlflow.user": start.get("user"),
            "project_run": start.get("project_run"),
            **parents.source_tags(state, start["command"]),
        }
        runs = self._store.tagged(JOURNAL, tags[JOURNAL]) or [
            self._client.create_run(
                self._store.experiment_id,
                start["at"],
                {key: value for key, value in tags.items() if value},
                f"{start['stage']} {subject}".strip(),
            )
        ]
        self.run_id = runs[0].info.run_id
        self._client.update_run(self._parent_id, status="RUNNING")
        self._store.log(self.run_id, params=flat_params(start["params"], subject))

    def _log_numbers(self, events: Sequence[Event]) -> None:
        """Log all metrics and tags of some events in one batch."""
        from mlflow.entities import Metric

        tags: dict[str, str] = {}
        points = []
        for event in events:
            if event["do"] == "tags":
                tags |= event["values"]
            elif event["do"] == "metrics":
                values = event["values"].items()
                points += [Metric(k, v, event["at"], event["step"]) for k, v in values]
        points = [point for point in points if point.key != "epoch"]  # it is the step
        self._data_source = tags.get("data_source", self._data_source)
        self._store.log(self.run_id, metrics=points, tags=tags)

    def _log_model(self, event: Event) -> None:
        models = self._store.models(event["md5"])
        if any(model.source_run_id == self.run_id and model.status == "READY" for model in models):
            return
        variant, params = str(self.start["variant"]), self.start["params"]
        block = params.get(f"train.{variant}") or params.get("train", {}).get(variant, {})
        tags = {"model.md5": event["md5"], "variant": variant, "data_source": self._data_source}
        block = block if isinstance(block, Mapping) else {}
        log_model(self._store, self.run_id, self.journal.folder / "files", tags, block)

    def _end(self, event: Event) -> None:
        self._client.set_terminated(self.run_id, event["status"], event["at"])
        status = "FINISHED" if event["status"] == "FINISHED" else "FAILED"
        self._client.set_terminated(self._parent_id, status, event["at"])
        self.ended_at = event["at"]


def log_dataset(store: Store, run_id: str, stage: str, event: Event) -> None:
    """Log a dataset by reference: a URL, or a path that DVC knows."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    is_url = event["source"].startswith(("http://", "https://"))
    source = {"url": event["source"]} if is_url else {"tags": {"dvc.path": event["source"]}}
    dataset = Dataset(
        event["name"], event["digest"][:36], "http" if is_url else "code", json.dumps(source)
    )
    tag = InputTag("mlflow.data.context", stage)
    store.client.log_inputs(run_id, datasets=[DatasetInput(dataset, [tag])])
