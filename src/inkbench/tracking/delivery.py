"""Bring a journal's events into the store. Imports MLflow, never TensorFlow.

Everything can be repeated: after a resident died halfway, the whole journal is brought again and
the store ends up as if it had been brought once.
"""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inkbench.tracking import parents
from inkbench.tracking import store as stores
from inkbench.tracking.journal import Event, Journal
from inkbench.tracking.logged_models import log_model, tie
from inkbench.tracking.params import aligned, flat
from inkbench.tracking.state import State
from inkbench.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Metric

DATA_STAGES = ("download", "preprocess")


class Delivery:
    """One run being brought to the store.

    Parameters
    ----------
    store
        Open store.
    journal
        With its context; see `courier.find_context`.
    """

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._client = store.client
        self._journal = journal
        self._context = journal.context or {}
        self._start: Event = {}
        self._tags: dict[str, str] = {}  # not brought yet
        self._data_source = ""
        self._metrics: list[Metric] = []
        self._datasets: set[tuple[str, str]] = set()
        self.run_id = ""
        self.parent_id = ""
        self.ended = False

    @property
    def stage(self) -> str:
        """Kind of stage."""
        return str(self._start.get("stage", ""))

    def bring(self, events: Sequence[Event]) -> None:
        """Bring some events, numbers and texts of them in one batch."""
        params: dict[str, str] = {}
        metrics: list[tuple[str, float, int, int]] = []
        ends = []
        for event in events:
            kind = event["do"]
            if kind == "start":
                self._begin(event)
                params = self._named(event["params"])
            elif kind == "metrics":
                metrics += [
                    (key, value, event["at"], event["step"])
                    for key, value in event["values"].items()
                    if key != "epoch"  # that is the step
                ]
            elif kind == "tags":
                self._tags |= event["values"]
                self._data_source = event["values"].get("data_source", self._data_source)
            elif kind == "end":
                ends.append(event)
            elif kind in {"dataset", "artifact", "model"}:
                getattr(self, f"_{kind}")(event)
        self._numbers(params, metrics)
        for event in ends:
            self._finish(event)

    def _named(self, params: Mapping[str, Any]) -> dict[str, str]:
        return aligned(flat(params), self._start["variant"] or self._start["dataset"])

    def _begin(self, event: Event) -> None:
        self._start = event
        state = State(**self._context["state"])
        self.parent_id = parents.find_or_create(self._store, state, event["at"])
        self.run_id = self._brought_before() or self._new_run(event, state)
        self._client.update_run(self.parent_id, status="RUNNING")
        for path, md5 in self._context.get("deps", {}).items():
            if path.startswith("data/") and not path.endswith(".json"):
                self._dataset(dataset_event(path, md5))

    def _brought_before(self) -> str:
        found = self._store.tagged(stores.JOURNAL, self._journal.id)
        return found[0].info.run_id if found else ""

    def _new_run(self, event: Event, state: State) -> str:
        subject = event["variant"] or event["dataset"]
        made = self._client.create_run(
            self._store.experiment_id,
            start_time=event["at"],
            tags=self._first_tags(event, state),
            run_name=f"{event['stage']} {subject}" if subject else event["stage"],
        )
        return made.info.run_id

    def _first_tags(self, event: Event, state: State) -> dict[str, str]:
        tags = {
            stores.PARENT: self.parent_id,
            stores.JOURNAL: self._journal.id,
            stores.HASH: self._context.get("hash"),
            "stage": event["stage"],
            "variant": event["variant"],
            "dataset": event["dataset"],
            "dvc.stage": self._context.get("stage"),
            "dvc.exp_name": state.experiment,
            "model.md5": self._context.get("model_md5"),
            "mlflow.user": self._context.get("user"),
            "project_run": self._context.get("project_run"),
            "mlflow.note.content": _data_version(self._context),
            **parents.source_tags(state, event["command"]),
            **self._context.get("tags", {}),
        }
        return {key: value for key, value in tags.items() if value}

    def _numbers(
        self, params: Mapping[str, str], metrics: Sequence[tuple[str, float, int, int]]
    ) -> None:
        from mlflow.entities import Metric

        points = [Metric(key, value, at, step) for key, value, at, step in metrics]
        self._metrics += points
        self._store.log(self.run_id, params=params, metrics=points, tags=self._tags)
        self._tags = {}

    def _dataset(self, event: Mapping[str, str]) -> None:
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        name, digest = event["name"], event["digest"][:36]
        if (name, digest) in self._datasets:
            return
        self._datasets.add((name, digest))
        dataset = MetaDataset(  # type: ignore[abstract]
            _source(event["source"]), name=name, digest=digest
        )
        context = InputTag("mlflow.data.context", self.stage)
        self._client.log_inputs(
            self.run_id, datasets=[DatasetInput(dataset._to_mlflow_entity(), [context])]
        )

    def _artifact(self, event: Event) -> None:
        path = self._journal.folder / event["file"]
        # The report is about the whole pipeline: it goes to the parent.
        run = self.parent_id if self.stage == "report" else self.run_id
        if path.is_dir():
            folder = "/".join(filter(None, [event.get("folder"), path.name]))
            self._client.log_artifacts(run, str(path), folder)
        else:
            self._client.log_artifact(run, str(path), event.get("folder"))

    def _model(self, event: Event) -> None:
        own = [m for m in self._store.models(event["md5"]) if m.source_run_id == self.run_id]
        if own and own[0].status == "READY":
            return
        log_model(
            self._store,
            self.run_id,
            files=self._journal.folder / "files",
            md5=event["md5"],
            variant=str(self._start["variant"]),
            block=_block(self._start["params"], str(self._start["variant"])),
            data_source=self._data_source,
            begun=own[0] if own else None,
        )

    def _finish(self, event: Event) -> None:
        md5 = self._context.get("model_md5")
        if self.stage == "evaluate" and md5 and self._metrics:
            tie(self._store, self._client.get_run(self.run_id), md5, self._metrics)
        self._client.set_terminated(self.run_id, event["status"], event["at"])
        status = "FINISHED" if event["status"] == "FINISHED" else "FAILED"
        self._client.set_terminated(self.parent_id, status, event["at"])
        self.ended = True


def _block(params: Mapping[str, Any], variant: str) -> Mapping[str, Any]:
    """The variant's own block of the stage's parameters."""
    block = params.get(f"train.{variant}") or params.get("train", {}).get(variant, {})
    return block if isinstance(block, Mapping) else {}


def _source(path: str) -> Any:
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.http_dataset_source import HTTPDatasetSource

    if path.startswith(("http://", "https://")):
        return HTTPDatasetSource(path)
    return CodeDatasetSource({"dvc.path": path})


def _data_version(context: Mapping[str, Any]) -> str:
    """Description of a run: the versions of everything it read."""
    state, deps = context["state"], context.get("deps", {})
    data = {path: md5 for path, md5 in deps.items() if not path.startswith(("src/", "stages/"))}
    lines = [f"From {parents.commit_link(State(**state))}; read:"]
    lines += [f"- `{path}` at DVC version `{md5}`" for path, md5 in sorted(data.items())]
    return "\n".join(lines)


def dataset_event(path: str, md5: str) -> Event:
    """A dataset as DVC knows it."""
    return {"do": "dataset", "name": path.removeprefix("data/"), "source": path, "digest": md5}


def monitor(run_id: str) -> Any:
    """MLflow's own monitor of CPU, memory and network, started; call ``finish`` on it."""
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    os.environ.setdefault("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "10")
    watch = SystemMetricsMonitor(run_id, tracking_uri=stores.uri())
    watch.start()
    return watch
