"""A real `mlflow server` process on loopback that a test can kill and start again."""

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import postgres
import pytest
from mlflow import MlflowClient

import s3_server
from helpers import wait_for

BUCKET = "mlflow"


def free_port() -> int:
    """A port that nothing listens on at the moment, and that no one is given by chance."""
    while True:
        port = random.randrange(20_000, 32_768)  # below Linux's range of ephemeral ports
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def answers(url: str) -> bool:
    """Whether a server at this URL answers without an error."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


class Server:
    """An MLflow server; ``secrets`` and ``credentials`` are variables of it and of its clients."""

    def __init__(
        self,
        folder: Path,
        arguments: list[str],
        secrets: dict[str, str] | None = None,
        credentials: dict[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.credentials = credentials or {}
        self._arguments = arguments
        self._secrets = secrets or {}
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "AWS_"))}
        environment |= {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            **self._secrets,
        }
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", "1", *self._arguments]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(lambda: answers(f"{self.uri}/health"), 120, self._process, self._log)

    def kill(self) -> None:
        """Kill it and its workers at once, as a crash would."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=20)

    def empty(self) -> None:
        """Put everything out of sight that tests have logged."""
        client = MlflowClient(self.uri)
        if experiment := client.get_experiment_by_name("inkbench"):
            client.rename_experiment(experiment.experiment_id, f"old-{secrets.token_hex(4)}")
        for model in client.search_registered_models():
            client.delete_registered_model(model.name)


@contextlib.contextmanager
def on_sqlite(folder: Path, tables: Path) -> Iterator[Server]:
    """A server on a SQLite file and a local folder; ``tables`` is an empty store to start from."""
    shutil.copy(tables, folder / "server.db")
    store = ["--backend-store-uri", f"sqlite:///{folder}/server.db"]
    server = Server(folder, [*store, "--artifacts-destination", str(folder / "artifacts")])
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def on_postgresql(folder: Path) -> Iterator[Server]:
    """A server as in docs/tracking.md: PostgreSQL, an S3 bucket, and passwords."""
    programs = postgres.find()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed; `apt-get install postgresql` installs one")
    password = secrets.token_hex(8)
    config = folder / "auth.ini"
    config.write_text(
        "[mlflow]\ndefault_permission = EDIT\nadmin_username = admin\n"
        f"admin_password = {password}\ndatabase_uri = sqlite:///{folder}/auth.db\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "auth_cache_ttl_seconds = 60\n"
    )
    with (
        postgres.serving(programs, free_port()) as database,
        s3_server.serving(folder / "s3.log", BUCKET) as endpoint,
    ):
        options = ["--app-name", "basic-auth"]
        options += ["--artifacts-destination", f"s3://{BUCKET}/artifacts"]
        server = Server(
            folder,
            [*options, "--backend-store-uri", database],
            {
                "MLFLOW_AUTH_CONFIG_PATH": str(config),
                "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": "our-key",
                "AWS_SECRET_ACCESS_KEY": "our-secret",
            },
            {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": password},
        )
        try:
            server.start()
            yield server
        finally:
            server.kill()
