"""The MLflow store: where it is, how to open it, how parents are found. Imports MLflow."""

import contextlib
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from inkbench.errors import InkbenchError
from inkbench.tracking import journal

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

EXPERIMENT = "inkbench"

# Tags that our look-ups rest on.
HASH = "dvc.stage_hash"
JOURNAL = "inkbench.journal"
PARENT = "mlflow.parentRunId"

_EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # the UI then shows Models, not agents
    "mlflow.note.content": "One parent run for every state of the pipeline (a commit, a changed "
    "tree, a DVC experiment), one run below it for every stage. Training runs also have the test "
    "metrics: tick two of them and press Compare.",
}

_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A server that is down is given up within seconds, not after MLflow's 7 retries of 120 s.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def uri() -> str:
    """Tracking URI: ``MLFLOW_TRACKING_URI``, or the repository's own SQLite file.

    A relative SQLite file is meant from the repository, wherever a stage runs.
    """
    chosen = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    path = chosen.removeprefix("sqlite:///")
    return chosen if path == chosen else f"sqlite:///{journal.root() / path}"


def set_environment() -> None:
    """Set what MLflow reads when it is imported, where the user has not."""
    for key, value in _DEFAULTS.items():
        os.environ.setdefault(key, value)
    # `mlflow run` exports its own run's id, which would collapse all stages into that run.
    os.environ.pop("MLFLOW_RUN_ID", None)


def public(text: object) -> str:
    """One line of a message, without credentials."""
    line = " ".join(str(text).split())
    for name in ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        secret = os.environ.get(name)
        line = line.replace(secret, "***") if secret else line
    return re.sub(r"//[^/@\s]+@", "//***@", line)[:300]


@dataclass(frozen=True)
class Store:
    """An open store and the experiment in it."""

    client: "MlflowClient"
    experiment_id: str

    @classmethod
    def open(cls, create: bool = True) -> "Store":
        """Open the store and create the experiment, whichever process does it first.

        Parameters
        ----------
        create
            Create what does not exist yet; otherwise the store is then simply empty.

        Raises
        ------
        InkbenchError
            When the store does not answer or was written by another version of MLflow.
        """
        set_environment()
        try:
            from mlflow import MlflowClient, set_tracking_uri

            set_tracking_uri(uri())
            if not create and is_missing():
                return cls(cast(MlflowClient, None), "")  # its mere construction makes the file
            # Two processes that make the tables of a new SQLite file get in each other's way.
            with locked("open"):
                client = _client()
                if create:
                    return cls(client, _experiment(client))
                found = client.get_experiment_by_name(EXPERIMENT)
                if found is None or found.lifecycle_stage == "deleted":
                    return cls(client, "")
                return cls(client, found.experiment_id)
        except Exception as error:
            raise InkbenchError(_reason(error)) from error

    def search(self, condition: str) -> "list[Run]":
        """Active runs of the experiment, oldest first."""
        if not self.experiment_id:
            return []
        found = self.client.search_runs([self.experiment_id], condition, max_results=50_000)
        return sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))

    def tagged(self, tag: str, value: str) -> "list[Run]":
        """Active runs with this tag, oldest first."""
        return self.search(f"tags.`{tag}` = '{_quoted(value)}'")

    def children(self, parent: str) -> "list[Run]":
        """Stage runs of a parent, oldest first."""
        return self.tagged(PARENT, parent)

    def run(self, run_id: str | None) -> "Run | None":
        """A run by its id; None if it does not exist or was deleted."""
        found = self.search(f"attributes.run_id = '{run_id}'") if run_id else []
        return found[0] if found else None

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] | None = None,
        metrics: "Sequence[Metric]" = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log any number of parameters, metrics and tags; MLflow makes batches of them."""
        from mlflow.entities import Param, RunTag

        texts = [Param(key, value) for key, value in (params or {}).items()]
        labels = [RunTag(key, value) for key, value in (tags or {}).items()]
        self.client.log_batch(run_id, list(metrics), texts, labels)

    def model(self, md5: str) -> Any:
        """The newest LoggedModel with a file of this md5, or None."""
        ready = [model for model in self.models(md5) if model.status == "READY"]
        return ready[0] if ready else None

    def models(self, md5: str) -> list[Any]:
        """LoggedModels with a file of this md5, newest first, also those begun and not done."""
        if not md5:
            return []
        return list(
            self.client.search_logged_models(
                [self.experiment_id],
                filter_string=f"tags.`model.md5` = '{_quoted(md5)}'",
                order_by=[{"field_name": "creation_timestamp", "ascending": False}],
            )
        )


def locked(what: str) -> "contextlib.AbstractContextManager[bool]":
    """Take turns with the other processes of this machine; after 2 min go on all the same."""
    file = sqlite_file()
    outbox = journal.root() / journal.OUTBOX
    outbox.mkdir(exist_ok=True)
    place = file.with_name(f"{file.name}.{what}.lock") if file else outbox / f"{what}.lock"
    return journal.locked(place, patience=120)


def _quoted(value: str) -> str:
    return value.replace("'", "")


def _client() -> "MlflowClient":
    from mlflow import MlflowClient

    try:
        return MlflowClient(uri())
    except Exception:
        # Someone without our lock (an `mlflow ui`) may be making the tables: look once more.
        if sqlite_file() is None:
            raise
        time.sleep(2)
        return MlflowClient(uri())


def _experiment(client: "MlflowClient") -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        try:
            folder = artifact_folder()
            return client.create_experiment(
                EXPERIMENT, folder.as_uri() if folder else None, _EXPERIMENT_TAGS
            )
        except MlflowException:
            found = client.get_experiment_by_name(EXPERIMENT)  # another process was faster
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    for key in _EXPERIMENT_TAGS.keys() - found.tags.keys():  # older than these tags
        client.set_experiment_tag(found.experiment_id, key, _EXPERIMENT_TAGS[key])
    return found.experiment_id


def sqlite_file() -> Path | None:
    """File of a SQLite store; None for a server."""
    path = uri().removeprefix("sqlite:///")
    return Path(path).resolve() if path != uri() else None


def artifact_folder() -> Path | None:
    """Folder for artifacts beside a SQLite file; a server chooses its own."""
    file = sqlite_file()
    return file.parent / "mlartifacts" if file else None


def is_missing() -> bool:
    """No process has made the SQLite file yet."""
    file = sqlite_file()
    return file is not None and not file.exists()


def _reason(error: Exception) -> str:
    text = public(error)
    if "out-of-date database schema" in text or "Can't locate revision" in text:
        return (
            f"{public(uri())} was written by another version of MLflow; run "
            f"`mlflow db upgrade {public(uri())}` (after a backup) or install the version that "
            "wrote it"
        )
    return f"{public(uri())} does not answer ({text[:160]})"
