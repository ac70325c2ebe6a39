"""A chain on a worker: `run_chain` in a Ray worker, `main` in the process that it starts.

Ray sends `run_chain` and `facts` by value: a machine needs the locked packages only, as all other
code comes with the tree.
"""

import contextlib
import fcntl
import importlib.metadata
import io
import json
import os
import pickle
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def facts(lock: str) -> dict[str, str]:
    """What results depend on beside code and data: Python, CPU, and packages of a lock file."""
    found = {"Python": platform.python_version(), "machine": platform.machine()}
    with contextlib.suppress(OSError):
        for word in re.findall(r"\b(?:avx|amx|fma|sse)\w*", Path("/proc/cpuinfo").read_text()):
            found[f"CPU flag {word}"] = "there"
    for name in re.findall(r"^([\w.-]+)==", lock, re.M):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def run_chain(archive: bytes, job: dict[str, Any]) -> dict[str, Any]:
    """Run a chain in a fresh copy of the tree; returns what `main` writes, and its ``log``."""
    default = os.environ.get("INKBENCH_SCRATCH") or Path.home() / ".cache/inkbench"
    node = Path(job["node"] or default)
    try:
        with _scratch(node / "scratch") as folder:
            return _run_chain(archive, job, node, folder)
    except OSError as error:  # its disk is full, for example
        return {"error": f"{node}: {error}"}


def _run_chain(archive: bytes, job: dict[str, Any], node: Path, folder: Path) -> dict[str, Any]:
    tree, log = folder / "tree", folder / "log"
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(tree, filter="tar")
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
        [sys.executable, "-m", "inkbench.cluster.worker"],
        cwd=tree,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        assert process.stdin  # stays open: its end tells the process that this one has died
        own = {"cache": job["cache"] or str(node / "cache")}
        process.stdin.write(json.dumps(job | own).encode() + b"\n")
        process.stdin.flush()
        code = process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what a stage has left behind
    result: dict[str, Any] = {"error": f"its process ended with exit code {code}"}
    if code == 0:
        result = pickle.loads((folder / "result").read_bytes())
    return result | {"log": log.read_text(encoding="utf-8", errors="replace")}


def _first(folder: Path, variable: str) -> str:
    return os.pathsep.join(filter(None, (str(folder), os.environ.get(variable))))


@contextlib.contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A new folder, locked while it is in use; those that killed workers left are deleted."""
    root.mkdir(parents=True, exist_ok=True)
    for lock in root.glob("*/lock"):
        with contextlib.suppress(OSError), lock.open() as file:
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


def main() -> None:
    """Run the stages of the job on stdin; write entries, objects and journals to ``../result``."""
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_die_with, args=(os.dup(0),), daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    import yaml

    from inkbench.pipeline import results
    from inkbench.tracking.journal import locked

    result: dict[str, Any] = {"entries": {}, "objects": {}, "error": ""}
    remote = json.loads(os.environ.get("INKBENCH_REMOTE", "{}"))
    lock = Path(".checkpoints") / f"{job['chain']}.lock"
    try:  # A killed process of this chain may still be dying: two would spoil the checkpoint.
        with locked(lock, wait=True), results.open_repo(job["cache"], **remote) as repo:
            if remote:
                results.transfer("pull", repo, job["inputs"])
            with repo.lock:
                for entry in job["inputs"]:
                    results.as_stage(repo, entry).checkout(force=True)
            for name in job["stages"]:
                repo.reproduce(name, single_item=True)
                entry = yaml.safe_load(Path("dvc.lock").read_text())["stages"][name]
                if remote:
                    results.transfer("push", repo, [entry])
                    result["objects"] |= results.uncached(repo, name, entry)
                result["entries"][name] = entry
    except Exception as error:
        causes: list[BaseException] = [error]
        while cause := causes[-1].__cause__:
            causes.append(cause)
        result["error"] = ": ".join(str(cause) or type(cause).__name__ for cause in causes)
    files = Path(".tracking").glob("*/events.jsonl")
    result["journals"] = {file.parent.name: file.read_text(encoding="utf-8") for file in files}
    Path("../result").write_bytes(pickle.dumps(result))


def _die_with(pipe: int) -> None:
    """Kill this process and its stages when the Ray worker, which holds the other end, has died."""
    os.read(pipe, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
