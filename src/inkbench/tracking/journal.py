"""Journals: what one execution of a stage reports while it runs, as files.

A journal is a folder ``.tracking/<id>/`` with ``events.jsonl``, one event per line. It names the
pipeline state and the stage, so it can be moved to another machine and uploaded there. Whoever
uploads it deletes it, or leaves the reason in ``failure.txt``.
"""

import contextlib
import fcntl
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def root() -> Path:
    """Folder of the store and the journals: DVC's root, also for an experiment's temporary copy."""
    return Path(os.environ.get("DVC_ROOT") or os.getcwd()).resolve()


def outbox() -> Path:
    """Folder ``.tracking/``, which holds the journals and the locks."""
    folder = root() / ".tracking"
    folder.mkdir(exist_ok=True)
    return folder


def now() -> int:
    """Current time in milliseconds since 1970, MLflow's unit."""
    return time.time_ns() // 1_000_000


class Journal:
    """One journal, to write or to read. The name of its folder is its id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._events = folder / "events.jsonl"

    @classmethod
    def create(cls) -> "Journal":
        """Start an empty journal in ``.tracking/``."""
        folder = outbox() / f"{time.strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:12]}"
        folder.mkdir()
        return cls(folder)

    @classmethod
    def waiting(cls) -> "list[Journal]":
        """All journals that are not uploaded yet, oldest first."""
        journals = [cls(path.parent) for path in sorted(outbox().glob("*/events.jsonl"))]
        return [journal for journal in journals if journal.start.get("do") == "start"]

    def append(self, kind: str, **fields: Any) -> None:
        """Write one event, stamped with the time in milliseconds."""
        line = json.dumps({"do": kind, "at": now(), **fields}, default=str)
        with self._events.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def read(self, offset: int = 0) -> tuple[list[Event], int]:
        """Complete events from a byte offset on, and the offset after them."""
        events: list[Event] = []
        with contextlib.suppress(FileNotFoundError), self._events.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # still being written, or cut by a full disk
                offset += len(line)
                with contextlib.suppress(ValueError):
                    events.append(json.loads(line))
        return events, offset

    @cached_property
    def start(self) -> Event:
        """The first event; empty if there is none yet."""
        events, _ = self.read()
        return events[0] if events else {}

    @property
    def is_running(self) -> bool:
        """Whether the stage that writes this journal still runs on this machine."""
        import psutil

        events, _ = self.read()
        if not events or events[-1]["do"] == "end" or events[0]["host"] != socket.gethostname():
            return False
        with contextlib.suppress(psutil.Error):
            started = psutil.Process(events[0]["pid"]).create_time() * 1000
            return started <= events[0]["at"]
        return False

    def fail(self, reason: str) -> None:
        """Note why the upload failed; from then on only `inkbench sync` tries again."""
        with contextlib.suppress(OSError):  # the disk may be full
            (self.folder / "failure.txt").write_text(reason, encoding="utf-8")

    @property
    def has_failed(self) -> bool:
        """Whether an upload has failed."""
        return (self.folder / "failure.txt").exists()

    @property
    def is_settled(self) -> bool:
        """Whether the upload has succeeded or failed."""
        return self.has_failed or not self._events.exists()

    def discard(self) -> None:
        """Delete the journal after its upload."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def locked(path: Path, timeout: float = 0) -> Iterator[bool]:
    """Hold a file lock, waiting for it up to ``timeout`` seconds; yields whether it is held."""
    deadline = time.monotonic() + timeout
    with path.open("w") as file:
        while not (acquired := _acquire(file.fileno())) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield acquired


def _acquire(descriptor: int) -> bool:
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
