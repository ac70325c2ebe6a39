"""A chain on a worker, as a Ray task.

Ray sends this module by value and all other code is in the tree: a machine needs packages only.
"""

import contextlib
import errno
import fcntl
import io
import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def run_chain(archive: bytes, job: dict[str, Any]) -> dict[str, Any]:
    """Run a chain in a fresh copy of the tree; returns its result and its log."""
    chosen = job.get("node") or os.environ.get("INKBENCH_SCRATCH")
    node = Path(chosen or Path.home() / ".cache/inkbench")
    try:
        with _scratch(node / "scratch" / socket.gethostname()) as folder:
            return _run_chain(archive, job, node, folder)
    except OSError as error:  # its disk is full, for example
        return {"error": f"{node}: {error}"}


def _run_chain(archive: bytes, job: dict[str, Any], node: Path, folder: Path) -> dict[str, Any]:
    tree, log, raylet = folder / "tree", folder / "log", os.getppid()
    unpack(archive, tree)
    for path, text in job["files"].items():
        (tree / path).write_text(text, encoding="utf-8")
    checkpoints = node / "checkpoints" / job["checkpoints"]  # or that, if it is absolute
    checkpoints.mkdir(parents=True, exist_ok=True)
    (tree / ".checkpoints").symlink_to(checkpoints)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "OMP_"))}
    environment |= job["environment"] | {
        "PATH": _first(Path(sys.executable).parent, "PATH"),
        "PYTHONPATH": _first(tree / "src", "PYTHONPATH"),
        "DVC_SITE_CACHE_DIR": str(folder / "dvc"),  # DVC keeps something for every tree
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "inkbench.pipeline.chain"],
        cwd=tree,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        assert process.stdin  # stays open: its end tells the process that this one has died
        own = {"cache": job.get("cache", str(node / "cache"))}
        process.stdin.write(json.dumps(job | own).encode() + b"\n")
        process.stdin.flush()
        while (code := process.poll()) is None and os.getppid() == raylet:
            time.sleep(0.5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what a stage has left behind
    if code is None:  # the raylet has died, which Ray does not tell a busy worker
        os._exit(1)
    result: dict[str, Any] = {"error": f"its process ended with exit code {code}"}
    if code == 0:
        result = pickle.loads((folder / "result").read_bytes())
    if result["error"] and shutil.disk_usage(folder).free < 2**20:  # of which it may not tell
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        result["error"] = f"{node}: {full} ({result['error']})"
    return result | {"log": log.read_text(encoding="utf-8", errors="replace")}


def unpack(archive: bytes, folder: Path) -> None:
    """Unpack a tar of the tree. Python before 3.11.4 has no filters, nor looks for one."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extraction_filter = getattr(tarfile, "tar_filter", None)
        tar.extractall(folder)


def _first(folder: Path, variable: str) -> str:
    return os.pathsep.join(filter(None, (str(folder), os.environ.get(variable))))


@contextlib.contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A new folder, locked while it is in use; those that killed workers left are deleted."""
    root.mkdir(parents=True, exist_ok=True)
    for lock in root.glob("*/lock"):
        with contextlib.suppress(OSError), lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent)
    folder = Path(tempfile.mkdtemp(dir=root))
    with (folder / "new").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        (folder / "new").rename(folder / "lock")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
