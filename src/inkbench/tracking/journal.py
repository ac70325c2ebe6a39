"""Journals: what one execution of a stage reports while it runs, as files.

A journal is a folder ``.tracking/<id>/`` with ``events.jsonl``, which its upload deletes. If the
upload fails, ``failure.txt`` has the reason. It can be moved to another machine.
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
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
        self._failure = folder / "failure.txt"
        self._lock = folder / "stage.lock"
        self._held = contextlib.ExitStack()

    @classmethod
    def create(cls) -> "Journal":
        """Start an empty journal in ``.tracking/``."""
        journal = cls(Path(tempfile.mkdtemp("", time.strftime("%Y%m%dT%H%M%S-"), outbox())))
        journal._held.enter_context(locked(journal._lock))  # until this process ends
        return journal

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
        return next(iter(self.read()[0]), {})

    @property
    def is_running(self) -> bool:
        """Whether the stage that writes this journal still runs on this machine."""
        with locked(self._lock) as is_free:
            return not is_free

    def fail(self, reason: str) -> None:
        """Note why the upload failed; from then on only `inkbench sync` tries again."""
        with contextlib.suppress(OSError):  # the disk may be full
            self._failure.write_text(reason, encoding="utf-8")

    @property
    def has_failed(self) -> bool:
        """Whether an upload has failed."""
        return self._failure.exists()

    @property
    def is_settled(self) -> bool:
        """Whether the upload has succeeded or failed."""
        return self.has_failed or not self._events.exists()

    def discard(self) -> None:
        """Delete the journal after its upload."""
        shutil.rmtree(self.folder, ignore_errors=True)


def hold(name: str, events: str) -> None:
    """Take in a journal from another machine; its upload waits for `release`."""
    (outbox() / name).mkdir(exist_ok=True)
    (outbox() / name / "held.jsonl").write_text(events, encoding="utf-8")


def release() -> bool:
    """Let held journals be uploaded; returns whether there were any."""
    held = list(outbox().glob("*/held.jsonl"))
    for file in held:
        file.rename(file.with_name("events.jsonl"))
    return bool(held)


@contextlib.contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[bool]:
    """Hold a file lock, after waiting for it or if it is free; yields whether it is held."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            is_held = True
        except BlockingIOError:
            is_held = False
        yield is_held
