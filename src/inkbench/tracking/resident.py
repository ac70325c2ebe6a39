"""The resident: the one process that works with MLflow for all couriers of a session.

``python -m inkbench.tracking.resident SESSION``, started by a `courier`. It brings every journal of
its session (see `journal.session`) as it is written, as long as that journal's courier lives, and
leaves when none has come for a while. If it is killed, a courier starts another, which brings the
journals again from their beginning. What goes wrong is written into the journal that it goes wrong
with, for its courier to say.
"""

import gc
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inkbench.tracking import pipeline, syncing
from inkbench.tracking.courier import reason
from inkbench.tracking.delivery import DATA_STAGES, Delivery, dataset_event, monitor
from inkbench.tracking.journal import Event, Journal, locked, session_lock
from inkbench.tracking.store import Store, sqlite_file

_PATIENCE = 300  # seconds that a store may take over one batch, also on a starved machine
_POLL = 0.5  # seconds between two looks at the journals
_LINGER = 10.0  # seconds to wait for the next stage
_COMING = 60.0  # seconds that a `sync` waits for couriers that have hardly started


def main() -> None:
    """Serve a session, unless another process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _too_slow)
    session = sys.argv[1]
    lock = session_lock(session)
    with locked(lock, patience=1) as mine:
        if not mine:
            return
        try:
            _serve(session, lock)
        except Exception as error:  # no fault of a journal: it is the same for all of them
            for journal in _attended(session):
                journal.failure = reason(error)
        finally:
            lock.unlink(missing_ok=True)


def _serve(session: str, lock: Path) -> None:
    gc.disable()  # a quarter of what MLflow's start costs
    with _patience():
        Store.open()
    gc.enable()
    files = _inodes(lock, sqlite_file())
    carried: dict[str, _Carried] = {}
    idle_since = time.monotonic()
    # Someone may put the store or the outbox away: the next resident then begins anew.
    while _inodes(lock, sqlite_file()) == files:
        for journal in _attended(session):
            if journal.id not in carried:
                with _patience():
                    carried[journal.id] = _Carried(Store.open(), journal)
        for one in list(carried.values()):
            if _is_done(one):
                del carried[one.journal.id]
        if carried:
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since > _LINGER:
            return
        time.sleep(_POLL)


def _attended(session: str) -> list[Journal]:
    """Journals of a session that wait, with a courier that lives."""
    return [
        journal
        for journal in Journal.waiting()
        if not journal.failure
        and (journal.context or {}).get("session") == session
        and journal.is_held()
    ]


def _is_done(one: "_Carried") -> bool:
    """Bring what is new of a journal; whether nothing is left to do for it."""
    try:
        return one.go_on()
    except Exception as error:
        one.journal.failure = reason(error)
        with _patience():
            one.stop()
        if isinstance(error, TimeoutError):
            raise  # perhaps in the middle of an import: this process is of no use any more
        with _patience():
            Store.open()  # fails if it is the store
        return True


class _Carried:
    """A journal that is being brought as it is written."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self.journal = journal
        self._delivery = Delivery(store, journal)
        self._offset = 0
        self._monitor: Any = None
        self._syncs_until = 0.0

    def go_on(self) -> bool:
        """Bring what is new; whether nothing is left to do."""
        if not self.journal.is_held():  # its courier was killed: the rest is for `inkbench sync`
            self.stop()
            return True
        events, self._offset = self.journal.read(self._offset)
        with _patience():
            if events:
                self._delivery.bring(_with_outputs(events, self.journal))
            self._watch()
        if any(event["do"] == "sync" for event in events):
            self._syncs_until = time.monotonic() + _COMING
        if not self._delivery.ended or self._has_to_wait():
            return False
        if self._syncs_until:
            with _patience(2):
                syncing.sync(own=self.journal, say=lambda _line: None)
        self.journal.discard()
        return True

    def _watch(self) -> None:
        """System figures of a training, measured here so that they cost the training nothing."""
        if self._delivery.ended:
            self.stop()
        elif self._monitor is None and self._delivery.stage == "train":
            self._monitor = monitor(self._delivery.run_id)

    def stop(self) -> None:
        """End what runs beside."""
        if self._monitor is not None:
            self._monitor.finish()
            self._monitor = None

    def _has_to_wait(self) -> bool:
        """Whether a `sync` would come before what other stages have left to be brought."""
        if time.monotonic() > self._syncs_until:
            return False
        coming = [one for one in Journal.waiting() if not one.context and not one.failure]
        others = [*coming, *_attended((self.journal.context or {})["session"])]
        return any(other.ended for other in others if other.id != self.journal.id)


def _with_outputs(batch: list[Event], journal: Journal) -> list[Event]:
    """Add the datasets that a data stage has made, by DVC's md5, now that it has ended."""
    end = batch[-1]
    context = journal.context or {}
    if end["do"] != "end" or not str(context.get("stage")).startswith(DATA_STAGES):
        return batch
    files = pipeline.Files(Path(context["folder"]))
    made = {path: files.md5(path) for path in context.get("outs", ())}
    return [*batch[:-1], *(dataset_event(path, md5) for path, md5 in made.items() if md5), end]


def _inodes(*files: Path | None) -> list[int]:
    return [file.stat().st_ino if file and file.exists() else 0 for file in files]


@contextmanager
def _patience(factor: int = 1) -> Iterator[None]:
    """Give up when the store takes too long."""
    # Again and again: MLflow has places that swallow an exception.
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE * factor, 5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_slow(_signal: int, _frame: object) -> None:
    raise TimeoutError(f"it took more than {_PATIENCE} s")


if __name__ == "__main__":
    main()
