"""Journals: everything one execution of a stage wants recorded, on disk.

A journal is a folder ``.tracking/<id>/`` with ``events.jsonl`` (one event a line, in order),
``files/`` (copies of the artifacts, which a later stage may overwrite), once the courier has looked
``context.json``, and ``failure.txt`` where it could not be delivered. Its courier, or an
`inkbench sync`, holds its ``lock``; whoever has delivered it deletes it.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inkbench import disk

OUTBOX = ".tracking"

Event = dict[str, Any]


def root() -> Path:
    """Where the store and the journals are: DVC's root, also for an experiment's temporary copy."""
    return Path(os.environ.get("DVC_ROOT") or os.getcwd()).resolve()


def session() -> str:
    """Digest of all that couriers must share to share a resident: folder and environment.

    So the store, its credentials and the DVC experiment are the same.
    """
    own = {"DVC_STAGE", "OLDPWD", "PWD", "SHLVL", "_"}  # of a single stage or shell
    shared = sorted(item for item in os.environ.items() if item[0] not in own)
    return hashlib.sha256(repr((os.getcwd(), shared)).encode()).hexdigest()[:16]


def session_lock(session: str) -> Path:
    """File that the resident of a session holds locked."""
    return root() / OUTBOX / f"resident-{session}.lock"


def now() -> int:
    """The time in milliseconds since 1970, as MLflow counts."""
    return time.time_ns() // 1_000_000


class Journal:
    """One journal, to write or to read.

    Parameters
    ----------
    folder
        Its folder; made by `create`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self._events = folder / "events.jsonl"
        self._context = folder / "context.json"
        self._failure = folder / "failure.txt"
        self._attached = 0

    @classmethod
    def create(cls) -> "Journal":
        """Start an empty journal."""
        stamp = time.strftime("%Y%m%dT%H%M%S")
        folder = root() / OUTBOX / f"{stamp}-{uuid.uuid4().hex[:12]}"
        (folder / "files").mkdir(parents=True)
        return cls(folder)

    @classmethod
    def waiting(cls) -> "list[Journal]":
        """All journals that are not delivered yet, oldest first."""
        outbox = root() / OUTBOX
        return [cls(path.parent) for path in sorted(outbox.glob("*/events.jsonl"))]

    def append(self, kind: str, **fields: Any) -> None:
        """Write one event, stamped with the time in milliseconds."""
        line = json.dumps({"do": kind, "at": now(), **fields}, default=str)
        with self._events.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def attach(self, path: Path) -> str:
        """Copy a file or folder into the journal; returns its place there."""
        self._attached += 1
        place = Path("files") / str(self._attached) / path.name
        target = self.folder / place
        target.parent.mkdir(parents=True)
        if path.is_dir():
            shutil.copytree(path, target)
        else:
            shutil.copyfile(path, target)
        return str(place)

    def read(self, offset: int = 0) -> tuple[list[Event], int]:
        """Whole events from a byte offset on, and the offset after them; none if it is gone."""
        events: list[Event] = []
        try:
            file = self._events.open("rb")
        except FileNotFoundError:
            return events, offset
        with file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # still being written, or cut by a full disk
                offset += len(line)
                with contextlib.suppress(ValueError):
                    events.append(json.loads(line))
        return events, offset

    @property
    def context(self) -> dict[str, Any] | None:
        """What the courier found out when the stage started; None before, and once delivered."""
        try:
            return json.loads(self._context.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    @context.setter
    def context(self, found: dict[str, Any]) -> None:
        disk.write_text(self._context, json.dumps(found))

    @property
    def failure(self) -> str | None:
        """Why it could not be delivered, without secrets; None if that is still to be seen."""
        try:
            return self._failure.read_text(encoding="utf-8")
        except OSError:
            return None

    @failure.setter
    def failure(self, reason: str) -> None:
        disk.write_text(self._failure, reason)

    @property
    def ended(self) -> bool:
        """The stage is over; also so for a journal that is delivered."""
        events, _ = self.read()
        return not events or any(event["do"] == "end" for event in events)

    def discard(self) -> None:
        """Delete the journal: it is delivered."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def locked(self, patience: float = 0) -> "contextlib.AbstractContextManager[bool]":
        """Hold the journal's lock; gives False when another process keeps it for too long.

        Parameters
        ----------
        patience
            Seconds to wait for it.
        """
        return locked(self.folder / "lock", patience)

    def is_held(self) -> bool:
        """Whether it is there, and some process holds its lock."""
        with self.locked() as free:
            return not free and self._events.exists()


@contextlib.contextmanager
def locked(path: Path, patience: float = 0) -> Iterator[bool]:
    """Hold a file lock between processes of this machine; it dies with its process."""
    try:
        file = path.open("w")
    except OSError:  # the journal was delivered and deleted meanwhile, or the disk is full
        yield False
        return
    with file:
        yield (
            _acquire(file.fileno(), time.monotonic() + patience)
            and os.fstat(file.fileno()).st_nlink > 0  # its last holder has not deleted it
        )


def _acquire(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
