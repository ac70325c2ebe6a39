"""The MLflow store: its URI, how to open it, and look-ups in it."""

import contextlib
import hashlib
import json
import os
import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote, urlsplit

from inkbench.errors import InkbenchError
from inkbench.tracking import journal

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion
else:  # importing MLflow takes seconds
    MlflowClient = ModelVersion = Run = Any

Point = tuple[Any, ...]  # of a metric: name, value, time in milliseconds, step, model and dataset

EXPERIMENT = "inkbench"

# Tags that look-ups use.
HASH = "dvc.stage_hash"
JOURNAL = "inkbench.journal"
PARENT = "mlflow.parentRunId"
LINK = "linked_to"
BACKFILLED = "backfilled"
INCOMPLETE = "backfill.incomplete"  # "true": DVC's outputs were not in the cache

_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Give up on a dead server within seconds, not after MLflow's 7 retries of 120 s.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}

_SECRETS = (
    *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)

_SQLITE = re.compile(r"sqlite(?:\+pysqlite)?:///([^?]*)(.*)")


def uri() -> str:
    """Tracking URI, in which a SQLite path is absolute; `InkbenchError` if it is a path or host."""
    chosen = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    is_address = "://" in chosen or chosen.startswith("databricks")
    if not is_address or urlsplit(chosen).scheme == "file":
        raise InkbenchError(
            f"MLFLOW_TRACKING_URI: {'***' if '@' in chosen else chosen}: MLflow has no file store "
            "any more; unset it, or set it to sqlite:///mlflow.db or a server's https:// address"
        )
    sqlite = _SQLITE.fullmatch(chosen)
    if sqlite is None or sqlite[1].startswith("/"):
        return chosen
    root = str(journal.root())
    quoted = re.sub("[%?]", lambda match: quote(match[0]), root)
    # For `sqlite:///`, MLflow creates the parent folder, and would create the quoted name.
    scheme = "sqlite" if quoted == root else "sqlite+pysqlite"
    return f"{scheme}:///{quoted}/{sqlite[1]}{sqlite[2]}"


def digest() -> str:
    """Short hash of the tracking URI, which identifies a store without telling a password."""
    return hashlib.sha256(uri().encode()).hexdigest()[:12]


def sqlite_file() -> Path | None:
    """File of a SQLite store; None for a server."""
    sqlite = _SQLITE.fullmatch(uri())
    return Path(unquote(sqlite[1])).resolve() if sqlite else None


def is_missing() -> bool:
    """Whether the store is a SQLite file that does not exist yet."""
    file = sqlite_file()
    return file is not None and not file.exists()


def artifact_folder() -> Path | None:
    """Folder for artifacts beside a SQLite file; None for a server, which chooses its own."""
    file = sqlite_file()
    return file and file.parent / "mlartifacts"


def uploader_lock() -> Path:
    """File that the uploader of this repository and store holds locked."""
    return journal.outbox() / f"uploader-{digest()}.lock"


def locked(name: str) -> contextlib.AbstractContextManager[bool]:
    """Exclude the other processes of this machine."""
    file = sqlite_file()
    if file and not os.access(file.parent, os.W_OK):  # of another user: nobody here can change it
        return contextlib.nullcontext(True)
    path = file.with_name(f"{file.name}.{name}.lock") if file else journal.outbox() / f"{name}.lock"
    return journal.locked(path, wait=True)


def set_environment() -> None:
    """Set the variables that MLflow reads when it is imported, unless the user has set them."""
    for key, value in _DEFAULTS.items():
        os.environ.setdefault(key, value)
    # `mlflow run` exports the id of its own run; MLflow would log all stages into that run.
    os.environ.pop("MLFLOW_RUN_ID", None)


def public(text: object) -> str:
    """A message in one line, without credentials."""
    line = " ".join(str(text).split())
    for name in _SECRETS:
        if secret := os.environ.get(name):
            line = line.replace(secret, "***")
    line = re.sub(r"(?i)((?:password|passwd|pwd|token|secret)=)[^&\s]+", r"\1***", line)
    return re.sub(r"(?<!/)//(?!/)[^@\s]+@", "//***@", line)[:300]


@dataclass(frozen=True)
class Store:
    """An open store and the experiment in it."""

    client: MlflowClient
    experiment_id: str

    @classmethod
    def open(cls, create: bool = True) -> "Store":
        """Open the store and its experiment; `InkbenchError` if it cannot be used."""
        where = public(uri())
        set_environment()
        try:
            from mlflow import MlflowClient, set_tracking_uri

            set_tracking_uri(uri())
            if not create and is_missing():
                return cls(cast(MlflowClient, None), "")  # a client would create the file
            with locked("open"):  # two processes must not create tables or experiment twice
                client = MlflowClient(uri())
                return cls(client, _experiment(client, create))
        except Exception as error:
            says = "refuses user or password" if "code 401" in str(error) else "does not answer"
            reason = f"{where} {says} ({textwrap.shorten(public(error), 160)})"
            if re.search("out-of-date database schema|Can't locate revision", str(error)):
                reason = (
                    f"{where} was written by another version of MLflow; run `mlflow db upgrade "
                    f"{shlex.quote(where)}` (after a backup) or install the version that wrote it"
                )
            raise InkbenchError(reason) from error

    def search(self, condition: str) -> list[Run]:
        """Active runs of the experiment, oldest first."""
        if not self.experiment_id:
            return []
        runs = self.client.search_runs([self.experiment_id], condition, max_results=50_000)
        return sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id))

    def tagged(self, tag: str, value: str) -> list[Run]:
        """Active runs with this tag, oldest first."""
        quoted = value.replace("'", "")
        return self.search(f"tags.`{tag}` = '{quoted}'")

    def log(self, run_id: str, metrics: Iterable[Point] = (), **more: Mapping[str, str]) -> None:
        """Log any number of metrics, and ``params`` and ``tags``."""
        from mlflow.entities import Metric, Param, RunTag

        params = [Param(key, value) for key, value in more.get("params", {}).items()]
        tags = [RunTag(key, value) for key, value in more.get("tags", {}).items()]
        self.client.log_batch(run_id, [Metric(*point) for point in metrics], params, tags)

    def history(self, run: Run) -> list[Point]:
        """All points of a run's metrics."""
        names, get = run.data.metrics, self.client.get_metric_history
        points = [point for name in names for point in get(run.info.run_id, name)]
        return [(point.key, point.value, point.timestamp, point.step) for point in points]

    def models(self, md5: str) -> list[Any]:
        """Complete LoggedModels with a file of this md5, newest first."""
        condition = f"tags.`model.md5` = '{md5}'"
        newest = [{"field_name": "creation_timestamp", "ascending": False}]
        models = self.client.search_logged_models([self.experiment_id], condition, order_by=newest)
        return [model for model in models if model.status == "READY"]


def _experiment(client: MlflowClient, create: bool) -> str:
    """Id of the experiment, created or restored if need be; empty if it does not exist."""
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None and create:
        folder, tags = artifact_folder(), {"mlflow.experimentKind": "custom_model_development"}
        with contextlib.suppress(MlflowException):  # another machine may have been faster
            client.create_experiment(EXPERIMENT, folder.as_uri() if folder else None, tags)
        experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None or (experiment.lifecycle_stage == "deleted" and not create):
        return ""
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return experiment.experiment_id


def flat_params(tree: Mapping[str, Any], subject: str = "", prefix: str = "") -> dict[str, str]:
    """Flatten parameters to dotted keys without the subject's name, so that two variants compare.

    For example, ``train.v.epochs`` becomes ``train.epochs``. Limits on synthetic data are left out.
    """
    flat: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flat_params(value, subject, f"{name}.") if name != "synthetic" else {}
            continue
        name = name.replace(f".{subject}.", ".", 1) if subject else name
        value = int(value) if isinstance(value, float) and value.is_integer() else value
        flat[name] = value if isinstance(value, str) else json.dumps(value, default=str)
    return flat
