"""The courier: a process beside a stage that brings its journal to MLflow as it is written.

``python -m inkbench.tracking.courier JOURNAL``, started by `runs.stage_run`. The end of its stdin
says that the stage is over. A store that is down, slow, full or broken costs the stage nothing: the
courier warns once and leaves the journal for `inkbench sync`.
"""

import gc
import getpass
import hashlib
import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inkbench import layout
from inkbench.tracking import pipeline, state
from inkbench.tracking.journal import Event, Journal

DATA_STAGES = ("download", "preprocess")

_PATIENCE = 300  # seconds that a store may take over one batch, also on a starved machine
_POLL = 5.0  # seconds between two looks at the journal without being told
_GATHER = 0.2  # seconds in which what follows is brought in the same batch


def main() -> None:
    """Deliver one journal while it is being written."""
    journal = Journal(Path(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)  # the stage comes first
    gc.disable()  # a quarter of what MLflow's start costs
    with journal.locked() as mine:
        if mine:
            _deliver(journal)


def _deliver(journal: Journal) -> None:
    events, offset = journal.read()
    try:
        journal.context = find_context(events[0])
        from inkbench.tracking.delivery import Delivery
        from inkbench.tracking.store import Store

        _limit_patience()
        delivery = Delivery(Store.open(), journal)
        gc.enable()
        watch = _Watch()
        try:
            for batch in _batches(journal, events, offset):
                _limit_patience()
                delivery.bring(_with_outputs(batch, journal))
                watch.over(delivery)
        finally:
            watch.stop()
        _limit_patience()
        wanted = any(event["do"] == "sync" for event in journal.read()[0])
        journal.discard()
        if wanted:
            from inkbench.tracking import syncing

            _limit_patience(2)
            syncing.sync(skip=os.environ.get("DVC_STAGE", ""), say=_quiet)
    except Exception as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _warn(error)


def _batches(journal: Journal, events: list[Event], offset: int) -> Iterator[list[Event]]:
    """Batches of events until the stage is over, the end always among them."""
    told = True
    while True:
        if events:
            yield events
            if any(event["do"] == "end" for event in events):
                return
        if not told:
            journal.append("end", status="KILLED")  # the stage is gone without a word
        told = told and _wait()
        events, offset = journal.read(offset)


def _with_outputs(batch: list[Event], journal: Journal) -> list[Event]:
    """Add the datasets that a data stage has made, by DVC's md5, now that it has ended."""
    end = batch[-1]
    context = journal.context or {}
    if end["do"] != "end" or not str(context.get("stage")).startswith(DATA_STAGES):
        return batch
    files = pipeline.Files(Path(context["folder"]))
    made = {path: files.md5(path) for path in context.get("outs", ())}
    return [*batch[:-1], *(dataset_event(path, md5) for path, md5 in made.items() if md5), end]


def dataset_event(path: str, md5: str) -> Event:
    """A dataset as DVC knows it."""
    return {"do": "dataset", "name": path.removeprefix("data/"), "source": path, "digest": md5}


def _wait() -> bool:
    """Wait for news; False when the stage has closed its end."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    ready, _, _ = select.select([sys.stdin], [], [], _POLL)
    if not ready:
        return True
    select.select([], [], [], _GATHER)
    return bool(os.read(sys.stdin.fileno(), 65536))


class _Watch:
    """System figures of a training, measured here so that they cost the training nothing."""

    def __init__(self) -> None:
        self._monitor: Any = None

    def over(self, delivery: Any) -> None:
        if self._monitor is None and delivery.stage == "train" and not delivery.ended:
            from inkbench.tracking.delivery import monitor

            self._monitor = monitor(delivery.run_id)

    def stop(self) -> None:
        if self._monitor is not None:
            self._monitor.finish()


def _limit_patience(factor: int = 1) -> None:
    """Give up, with the usual warning, when the store takes too long."""
    signal.signal(signal.SIGALRM, _too_slow)
    # Again and again: MLflow has places that swallow an exception.
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE * factor, 5)


def _quiet(_line: str) -> None:
    """Nobody reads what a courier says."""


def _too_slow(_signal: int, _frame: object) -> None:
    raise TimeoutError(f"it took more than {_PATIENCE} s")


def _warn(error: Exception) -> None:
    from inkbench.tracking.store import public, uri

    reason = public(error) or type(error).__name__
    where = public(uri())
    if where not in reason:
        reason = f"{where}: {reason}"
    print(
        f"inkbench: warning: MLflow: {reason}; the stage goes on, its record is kept: "
        "run `inkbench sync` when the store is back",
        file=sys.stderr,
    )


def find_context(start: Event) -> dict[str, Any]:
    """Everything about the pipeline that a run is tagged with, as it is when the stage starts."""
    folder = Path(start["cwd"])
    context: dict[str, Any] = {
        "state": state.of_folder(folder).as_dict(),
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
        context["model_md5"] = hashlib.md5(model.read_bytes(), usedforsecurity=False).hexdigest()
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
