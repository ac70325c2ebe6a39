"""Upload the events of a journal to the store. Imports MLflow, never TensorFlow.

Every step can be repeated. If an upload is interrupted, the whole journal is uploaded again, and
the store ends up as after a single upload.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inkbench.tracking import parents
from inkbench.tracking import store as stores
from inkbench.tracking.journal import Event, Journal, now
from inkbench.tracking.logged_models import attach_test_metrics, log_model
from inkbench.tracking.record import flat_params
from inkbench.tracking.state import State
from inkbench.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Metric


class Upload:
    """The upload of one journal, which may still be written.

    Attributes
    ----------
    journal, start
        The journal and its start event.
    run_id
        The run; empty before the first `proceed`.
    wants_sync
        Whether the stage is the last one, after which the store is to be completed.
    ended_at
        When the stage ended, in milliseconds; 0 while it runs.
    """

    def __init__(self, store: Store, journal: Journal) -> None:
        self.journal = journal
        self.start = journal.start
        self.run_id = ""
        self.wants_sync = False
        self.ended_at = 0
        self._store = store
        self._client = store.client
        self._parent_id = ""
        self._data_source = ""
        self._metrics: list[Metric] = []
        self._offset = 0
        self._monitor: Any = None

    def proceed(self) -> bool:
        """Upload what is new in the journal; returns whether the stage has ended."""
        is_running = self.journal.is_running  # before reading, as it may end meanwhile
        events, self._offset = self.journal.read(self._offset)
        if not is_running and not any(event["do"] == "end" for event in events):
            events.append({"do": "end", "at": now(), "status": "KILLED"})
        if not self.run_id:
            self._begin()
            if self.start["stage"] == "train" and is_running:
                self._monitor = _start_monitor(self.run_id)
        if events:
            self._log_numbers(events)
        for event in events:
            match event["do"]:
                case "dataset":
                    log_dataset(self._store, self.run_id, self.start["stage"], event)
                case "artifact":
                    self._log_artifact(event)
                case "model":
                    self._log_model(event)
                case "sync":
                    self.wants_sync = True
                case "end":
                    self._end(event)
        return bool(self.ended_at)

    def _begin(self) -> None:
        event, state = self.start, State(**self.start["state"])
        self._parent_id = parents.find_or_create(self._store, state, event["at"])
        earlier = self._store.tagged(stores.JOURNAL, self.journal.id)
        self.run_id = earlier[0].info.run_id if earlier else self._new_run(event, state)
        self._client.update_run(self._parent_id, status="RUNNING")
        subject = event["variant"] or event["dataset"] or ""
        self._store.log(self.run_id, params=flat_params(event["params"], subject))

    def _new_run(self, event: Event, state: State) -> str:
        tags = {
            stores.PARENT: self._parent_id,
            stores.JOURNAL: self.journal.id,
            "stage": event["stage"],
            "variant": event["variant"],
            "dataset": event["dataset"],
            "dvc.stage": event.get("dvc_stage"),
            "dvc.exp_name": state.experiment,
            "mlflow.user": event.get("user"),
            "project_run": event.get("project_run"),
            **parents.source_tags(state, event["command"]),
        }
        run = self._client.create_run(
            self._store.experiment_id,
            start_time=event["at"],
            tags={key: value for key, value in tags.items() if value},
            run_name=" ".join(filter(None, (event["stage"], event["variant"] or event["dataset"]))),
        )
        return run.info.run_id

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
        self._metrics += points
        self._data_source = tags.get("data_source", self._data_source)
        self._store.log(self.run_id, metrics=points, tags=tags)

    def _log_artifact(self, event: Event) -> None:
        path = self.journal.folder / event["file"]
        # The report is about the whole pipeline, so it goes to the parent.
        run = self._parent_id if self.start["stage"] == "report" else self.run_id
        if path.is_dir():
            folder = "/".join(filter(None, [event.get("folder"), path.name]))
            self._client.log_artifacts(run, str(path), folder)
        else:
            self._client.log_artifact(run, str(path), event.get("folder"))

    def _log_model(self, event: Event) -> None:
        models = self._store.models(event["md5"])
        own = [model for model in models if model.source_run_id == self.run_id]
        if own and own[0].status == "READY":
            return
        variant, params = str(self.start["variant"]), self.start["params"]
        block = params.get(f"train.{variant}") or params.get("train", {}).get(variant, {})
        log_model(
            self._store,
            self.run_id,
            files=self.journal.folder / "files",
            md5=event["md5"],
            variant=variant,
            block=block if isinstance(block, Mapping) else {},
            data_source=self._data_source,
            incomplete=own[0] if own else None,
        )

    def _end(self, event: Event) -> None:
        self.stop_monitor()
        if self.start["stage"] == "evaluate" and not self.start.get("dvc_stage"):
            attach_test_metrics(self._store, self.run_id, self._metrics)
        self._client.set_terminated(self.run_id, event["status"], event["at"])
        status = "FINISHED" if event["status"] == "FINISHED" else "FAILED"
        self._client.set_terminated(self._parent_id, status, event["at"])
        self.ended_at = event["at"]

    def stop_monitor(self) -> None:
        """End the measurement of system metrics, if it runs."""
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            with contextlib.suppress(Exception):  # the server may be down
                monitor.finish()


def log_dataset(store: Store, run_id: str, stage: str, event: Event) -> None:
    """Log a dataset by reference."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.http_dataset_source import HTTPDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag

    source: Any = CodeDatasetSource({"dvc.path": event["source"]})
    if event["source"].startswith(("http://", "https://")):
        source = HTTPDatasetSource(event["source"])
    dataset = MetaDataset(  # type: ignore[abstract]
        source, name=event["name"], digest=event["digest"][:36]
    )
    tag = InputTag("mlflow.data.context", stage)
    store.client.log_inputs(run_id, datasets=[DatasetInput(dataset._to_mlflow_entity(), [tag])])


def _start_monitor(run_id: str) -> Any:
    """MLflow's monitor of CPU, memory and network, started."""
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    os.environ.setdefault("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "10")
    monitor = SystemMetricsMonitor(run_id, tracking_uri=stores.uri())
    monitor.start()
    return monitor
