"""The courier: a small process beside a stage that sees to it that its journal reaches MLflow.

``python -m inkbench.tracking.courier JOURNAL``, started by `runs.stage_run`; the end of its stdin
says that the stage is over. It finds out what the pipeline is like as the stage starts, and notes
it when the stage is gone without a word. The work with MLflow, whose import costs more than all the
rest, is done for a whole pipeline by one process (`resident`) that a courier starts where there is
none. A store that is down, slow, full or broken costs the stage nothing: its courier warns once and
leaves the journal for `inkbench sync`.
"""

import contextlib
import getpass
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from inkbench import layout
from inkbench.errors import InkbenchError
from inkbench.tracking import pipeline, state
from inkbench.tracking.journal import Event, Journal, locked, session, session_lock
from inkbench.tracking.store import public, uri

_POLL = 0.25  # seconds between two looks at what has become of the journal
_PATIENCE_FOR_SYNC = 10.0  # seconds in which an `inkbench sync` has looked at a new journal
_TRIES = 3  # times that a resident may crash


def main() -> None:
    """Attend one journal until it is delivered or has failed."""
    journal = Journal(Path(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)  # the stage comes first
    with journal.locked(_PATIENCE_FOR_SYNC) as mine:
        if mine:
            try:
                _attend(journal)
            except Exception as error:
                _warn(reason(error))
                with contextlib.suppress(InkbenchError):
                    journal.failure = reason(error)  # nobody shall wait for it


def _attend(journal: Journal) -> None:
    events, _ = journal.read()
    resident = _Resident()
    journal.context = find_context(events[0]) | {"session": resident.session}
    over = False
    while journal.context and not journal.failure:
        resident.see_to_it()
        over = over or _closed()
        if over and not journal.ended:
            journal.append("end", status="KILLED")  # the stage is gone without a word
        if over:
            time.sleep(_POLL)
    if journal.failure:
        _warn(journal.failure)


def _closed() -> bool:
    """Wait a moment; whether the stage has closed its end."""
    ready, _, _ = select.select([sys.stdin], [], [], _POLL)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1024)


class _Resident:
    """The process that works with MLflow, as a courier sees it."""

    def __init__(self) -> None:
        self.session = session()
        self._process: subprocess.Popen[bytes] | None = None
        self._crashes = 0

    def see_to_it(self) -> None:
        """Start one where there is none."""
        if self._process:
            if self._process.poll() is None:
                return
            self._crashes += self._process.returncode != 0
            self._process = None
            if self._crashes == _TRIES:
                raise RuntimeError("the process that works with it crashes")
        with locked(session_lock(self.session)) as free:
            pass
        if free:  # of several that are started at a time, the one that gets the lock stays
            self._process = subprocess.Popen(
                [sys.executable, "-m", "inkbench.tracking.resident", self.session],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # it outlives the stage, whose stderr may be a pipe
            )


def reason(error: Exception) -> str:
    """An error in one line, without secrets."""
    return public(error) or type(error).__name__


def _warn(why: str) -> None:
    where = public(uri())
    if where not in why:
        why = f"{where}: {why}"
    print(
        f"inkbench: warning: MLflow: {why}; the stage goes on, its record is kept: "
        "run `inkbench sync` when the store is back",
        file=sys.stderr,
    )


def find_context(start: Event) -> dict[str, Any]:
    """Everything about the pipeline that a run is tagged with, as it is when the stage starts."""
    folder = Path(start["cwd"])
    context: dict[str, Any] = {
        "state": vars(state.of_folder(folder)),
        "user": _user(),
        "project_run": os.environ.get("MLFLOW_RUN_ID"),  # of `mlflow run`
    }
    address = os.environ.get("DVC_STAGE")
    files = pipeline.Files(folder)
    stage = _stage(address or _by_hand(start), files)
    if stage:
        now = pipeline.execution(stage, files)
        context |= {"deps": dict(now.deps), "outs": list(stage.outs), "folder": str(folder)}
        if address:  # by hand, DVC records nothing
            context |= {"stage": address, "hash": now.hash}
    model = folder / layout.model(start["variant"] or "")
    if start["stage"] in {"evaluate", "plot"} and model.is_file():
        context["model_md5"] = pipeline.md5_of_bytes(model.read_bytes())
    return context


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""


def _by_hand(start: Event) -> str:
    subject = start["variant"] or start["dataset"]
    return f"{start['stage']}@{subject}" if subject else start["stage"]


def _stage(address: str, files: pipeline.Files) -> pipeline.Stage | None:
    try:
        return pipeline.stages(files).get(address)
    except Exception:  # a dvc.yaml that is beyond us: the run goes without a stage hash
        return None


if __name__ == "__main__":
    main()
