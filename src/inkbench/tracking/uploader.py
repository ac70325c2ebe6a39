"""The uploader: the one background process, which uploads the journals of a repository.

A stage starts it if none runs. It uploads journals while stages still write them, and what DVC has
recorded after them. If the store fails, it prints one warning and leaves the journal for
`inkbench sync`.
"""

import contextlib
import gc
import os
import signal
import socket
import sys
import time
from pathlib import Path

from inkbench.errors import InkbenchError
from inkbench.state import State
from inkbench.tracking import store as stores
from inkbench.tracking.executions import Pipeline, recorded_at
from inkbench.tracking.journal import Journal, locked, now
from inkbench.tracking.store import Store, public
from inkbench.tracking.sync import Upload, complete_state

_IDLE = 10.0  # seconds to wait for another stage
_PAUSE = 20.0  # seconds at most between two readings of dvc.lock; 20 times what one took
_DVC = 60_000  # milliseconds to wait for DVC to record a stage


def main() -> None:
    """Upload until nothing is left to do, unless another process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)  # the stages come first
    for name in ("DVC_STAGE", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):  # of a single stage
        os.environ.pop(name, None)
    # Look again when the lock is free: a stage may have seen it held just before.
    while _waiting():
        with locked(stores.uploader_lock()) as acquired:
            if not acquired:
                return
            _Uploader().run()


def _waiting() -> list[Journal]:
    """Journals that this process can upload."""
    here = (stores.digest(), socket.gethostname())
    fresh = (journal for journal in Journal.waiting() if not journal.has_failed)
    return [j for j in fresh if (j.start.get("store"), j.start.get("host")) == here]


class _Uploader:
    def __init__(self) -> None:
        self._store: Store | None = None
        self._uploads: dict[Path, Upload] = {}
        self._ended: dict[Path, Upload] = {}  # the last one, by working directory
        self._complete_after = 0.0

    def run(self) -> None:
        """Upload until no journal has come for a while."""
        idle_since = time.monotonic()
        while self._uploads or self._ended or time.monotonic() - idle_since < _IDLE:
            for journal in _waiting():
                self._proceed(journal)
                idle_since = time.monotonic()
            self._uploads = {f: upload for f, upload in self._uploads.items() if f.is_dir()}
            for folder, upload in list(self._ended.items()):
                self._complete(folder, upload)
            time.sleep(0.5)
            if self._store and stores.is_missing():  # deleted: MLflow would not create it again
                os.execv(sys.executable, [sys.executable, "-m", "inkbench.tracking.uploader"])

    def _proceed(self, journal: Journal) -> None:
        try:
            if self._store is None:
                gc.disable()  # saves a quarter of the time that importing MLflow takes
                try:
                    self._store = Store.open()
                finally:
                    gc.enable()
            folder = Path(journal.start["cwd"])
            before = self._ended.get(folder)
            if before and before.journal.start["state"] != journal.start["state"]:
                if recorded_at(folder) < before.ended_at + _DVC:  # it may have its results
                    self._complete(folder, before, at_once=True)
                self._ended.pop(folder, None)
            upload = self._uploads.setdefault(journal.folder, Upload(self._store, journal))
            if upload.proceed():
                del self._uploads[journal.folder]
                journal.discard()
                if upload.is_finished:
                    self._ended[folder] = upload
        except Exception as error:
            self._uploads.pop(journal.folder, None)
            journal.fail(_warn(error))

    def _complete(self, folder: Path, upload: Upload, at_once: bool = False) -> None:
        """Log what DVC has recorded about the stages that ran in a folder, once it has done so."""
        start = upload.journal.start
        is_last_try = at_once or not start["dvc_stage"] or now() > upload.ended_at + _DVC
        is_new = recorded_at(folder) >= upload.ended_at
        is_time = upload.wants_sync or time.monotonic() > self._complete_after
        if folder.is_dir() and not is_last_try and not (is_new and is_time):
            return
        started = time.monotonic()
        try:
            if self._store and folder.is_dir():  # DVC deletes an experiment's copy
                target, whole = State(**start["state"]), upload.wants_sync
                with contextlib.closing(Pipeline(folder)) as pipeline, stores.locked("complete"):
                    complete_state(self._store, target, pipeline, whole, dry_run=False, echo=print)
        except Exception as error:
            if isinstance(error, InkbenchError) and not is_last_try:
                return  # DVC is writing dvc.lock: try again
            _warn(error)
        finally:
            ended = time.monotonic()
            self._complete_after = ended + min(_PAUSE, 20 * (ended - started))
        del self._ended[folder]


def _warn(error: Exception) -> str:
    """Print a warning; returns the reason without secrets."""
    reason, where = public(error) or type(error).__name__, public(stores.uri())
    reason = reason if where in reason else f"{where}: {reason}"
    remedy = "the stage goes on; run `inkbench sync` when the store is back"
    with contextlib.suppress(OSError):  # the terminal may be closed
        print(f"inkbench: warning: MLflow: {reason}; {remedy}", file=sys.stderr, flush=True)
    return reason


if __name__ == "__main__":
    main()
