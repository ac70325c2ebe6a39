"""The uploader: the one background process, which uploads the journals of a repository.

``python -m inkbench.tracking.uploader``, started by a stage if none runs. It uploads a journal
while the stage still writes it, so the curves in MLflow are live. It ends when no journal has come
for a while; waiting for the next stage saves importing MLflow again. When DVC has written
``dvc.lock`` after a stage, it logs the recorded outputs and the stage hash.

A store that is down, slow, full or broken costs the stage nothing: the uploader prints one warning
and leaves the journal for `inkbench sync`. If it is killed, the next stage starts another one.
"""

import contextlib
import gc
import os
import signal
import socket
import sys
import time
from pathlib import Path

from inkbench.tracking import store as stores
from inkbench.tracking import sync
from inkbench.tracking.executions import Pipeline
from inkbench.tracking.journal import Journal, locked, now
from inkbench.tracking.state import State
from inkbench.tracking.store import Store, public
from inkbench.tracking.upload import Upload

_POLL = 0.5  # seconds between two looks at the journals
_IDLE = 10.0  # seconds to wait for another stage
_PAUSE = 20.0  # seconds between two readings of dvc.lock, which take a second of CPU time
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
    return [
        journal
        for journal in Journal.waiting()
        if journal.start["store"] == stores.digest()
        and journal.start["host"] == socket.gethostname()
        and not journal.has_failed
    ]


class _Uploader:
    def __init__(self) -> None:
        self._store: Store | None = None
        self._uploads: dict[Path, Upload] = {}
        self._ended: dict[Path, Upload] = {}  # the last one, by working directory
        self._completed_at = 0.0

    def run(self) -> None:
        """Upload until no journal has come for a while, or the last stage is done."""
        idle_since, is_last = time.monotonic(), False
        while self._uploads or self._ended or time.monotonic() - idle_since < _IDLE:
            for journal in _waiting():
                self._proceed(journal)
                idle_since = time.monotonic()
            for folder, upload in list(self._ended.items()):
                if self._is_due(folder, upload):
                    self._complete(folder, upload)
                    is_last = upload.wants_sync
            if is_last and not self._uploads:
                return
            time.sleep(_POLL)
            if self._store and stores.is_missing():  # deleted: MLflow would not create it again
                os.execv(sys.executable, [sys.executable, "-m", "inkbench.tracking.uploader"])

    def _proceed(self, journal: Journal) -> None:
        try:
            if self._store is None:
                gc.disable()  # saves a quarter of the time that importing MLflow takes
                self._store = Store.open()
                gc.enable()
            upload = self._uploads.setdefault(journal.folder, Upload(self._store, journal))
            if upload.proceed():
                del self._uploads[journal.folder]
                journal.discard()
                if upload.is_finished:
                    self._ended[Path(upload.start["cwd"])] = upload
        except Exception as error:
            self._uploads.pop(journal.folder, None)
            journal.fail(_warn(error))

    def _is_due(self, folder: Path, upload: Upload) -> bool:
        """Whether DVC has written ``dvc.lock`` after the stage, or will probably never do it."""
        if not upload.start["dvc_stage"] or not folder.is_dir():
            return True
        with contextlib.suppress(OSError):
            if (folder / "dvc.lock").stat().st_mtime_ns > upload.ended_at * 1_000_000:
                return upload.wants_sync or time.monotonic() > self._completed_at + _PAUSE
        return now() > upload.ended_at + _DVC

    def _complete(self, folder: Path, upload: Upload) -> None:
        """Take what DVC has recorded about the stages that ran in a folder."""
        del self._ended[folder]
        if not folder.is_dir() or self._store is None:  # an experiment's copy, deleted by DVC
            return
        try:
            with contextlib.closing(Pipeline(folder)) as pipeline:
                state = State(**upload.start["state"])
                sync.complete_state(self._store, state, pipeline, only_known=not upload.wants_sync)
        except Exception as error:
            _warn(error)
        self._completed_at = time.monotonic()


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
