"""`stage_run` and the `StageRun` that a stage reports to while it runs."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from inkbench import state
from inkbench.errors import InkbenchError
from inkbench.state import State
from inkbench.tracking import store
from inkbench.tracking.journal import Journal, locked, root

_WAIT_BY_HAND = 30.0  # seconds that the end of a stage waits for its upload; under DVC it does not
_WAIT_LAST_STAGE = 120.0


def is_on() -> bool:
    """Whether tracking is on (``INKBENCH_TRACKING``)."""
    return os.environ.get("INKBENCH_TRACKING", "on").lower() not in {"off", "0", "false", "no"}


def is_possible() -> bool:
    """Whether tracking is on and the store has a usable address; if not, one line says so."""
    try:
        return is_on() and bool(store.digest())
    except InkbenchError as error:
        print(f"inkbench: warning: tracking is off: {error}", file=sys.stderr)
        return False


@contextlib.contextmanager
def stage_run(
    stage: str,
    *,
    dataset: str | None = None,
    variant: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> "Iterator[StageRun]":
    """Record one execution of a stage as an MLflow run.

    If tracking fails, one warning is printed and the stage goes on. ``params`` are the parameters
    that the stage depends on, nested as in ``params.yaml``.
    """
    run = StageRun(stage=stage, dataset=dataset, variant=variant, params=dict(params or {}))
    try:
        yield run
    except BaseException as error:
        run.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    run.end("FINISHED")


class StageRun:
    """One run: every method appends to a journal, unless tracking is off, and returns at once."""

    def __init__(self, **subject: Any) -> None:
        self._journal: Journal | None = None  # then every method does nothing
        self._has_warned = False
        self._wait = 0.0 if os.environ.get("DVC_STAGE") else _WAIT_BY_HAND
        if not is_on():
            return
        with self._guard():
            # On a worker of `inkbench repro`, the head says where the run belongs, and uploads it.
            head = json.loads(os.environ.get("INKBENCH_HEAD", "null"))
            start = {
                **subject,
                "dvc_stage": os.environ.get("DVC_STAGE"),
                "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
                **(head or whereabouts(state.of_folder(Path.cwd()))),
            }
            self._journal = Journal.create()
            self._note("start", **start)
            if not head:
                start_uploader()

    def sync(self) -> None:
        """Complete the store after this run, which is the last stage's (see `sync`)."""
        self._note("sync")
        self._wait = _WAIT_LAST_STAGE

    def log_metrics(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Log the numbers among some values; with a step (the epoch) they are points of a curve."""
        values = {key: float(value) for key, value in metrics.items() if isinstance(value, Real)}
        self._note("metrics", values=values, step=step)

    def end(self, status: str) -> None:
        """End the run, and wait for the upload if there is reason to."""
        self._note("end", status=status)
        with self._guard():
            is_here = "INKBENCH_HEAD" not in os.environ
            if is_here and self._journal and not self._journal.is_settled:
                start_uploader()  # it may have been killed
                deadline = time.monotonic() + self._wait
                while not self._journal.is_settled and time.monotonic() < deadline:
                    time.sleep(0.05)

    def _note(self, kind: str, **fields: Any) -> None:
        with self._guard():
            if self._journal:
                self._journal.append(kind, **fields)

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        """Turn the errors of tracking into one warning."""
        try:
            yield
        except Exception as error:
            if not self._has_warned:
                reason = f"{type(error).__name__}: {store.public(error)}"
                remedy = "fix the cause and run `inkbench sync`"
                print(f"inkbench: warning: tracking failed: {reason}; {remedy}", file=sys.stderr)
            self._has_warned = True


def whereabouts(target: State) -> dict[str, Any]:
    """Fields of a start event: the state that a run belongs to, and who uploads its journal."""
    return {
        "state": vars(target),
        "store": store.digest(),
        "project_run": os.environ.get("MLFLOW_RUN_ID"),  # set by `mlflow run`
        "user": os.environ.get("USER"),
        "host": socket.gethostname(),
        "cwd": os.getcwd(),
    }


def start_uploader() -> None:
    """Start the uploader, unless it runs; it is out of reach of Ctrl-C and keeps our stderr."""
    with locked(store.uploader_lock()) as is_free:
        pass
    if is_free:  # of several uploaders started at the same time, one gets the lock and stays
        process = subprocess.Popen(
            [sys.executable, "-m", "inkbench.tracking.uploader"],
            cwd=root(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        process.returncode = 0  # nobody waits for it: avoids a ResourceWarning
