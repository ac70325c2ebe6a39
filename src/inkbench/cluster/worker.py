"""A chain on a worker: `run_chain` in a Ray worker, and `main` in the process that it starts.

Ray sends `run_chain` and `facts` by value, so that a node needs the locked packages only; all other
code comes with the tree.
"""

import contextlib
import fcntl
import io
import json
import os
import pickle
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
    """What results depend on beside code and data: Python, CPU, packages of requirements.lock."""
    import importlib.metadata
    import platform
    import re

    found = {"Python": platform.python_version(), "machine": platform.machine()}
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        words = {word for line in file if line.startswith("flags") for word in line.split()}
        found |= {f"CPU flag {w}": "yes" for w in words if re.match("avx|amx|fma|sse|bmi", w)}
    for name in re.findall(r"^([\w.-]+)==", lock, re.M):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def run_chain(archive: bytes, job: dict[str, Any]) -> dict[str, Any]:
    """Run a chain in a fresh copy of the tree; returns what `main` writes."""
    import shutil

    node = Path(
        job["node"] or os.environ.get("INKBENCH_SCRATCH") or Path.home() / ".cache/inkbench"
    )
    with _scratch(node, shutil.rmtree) as folder:
        tree, log = folder / "tree", folder / "log"
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(tree, filter="tar")
        for path, text in job["files"].items():
            (tree / path).write_text(text, encoding="utf-8")
        checkpoints = Path(job["checkpoints"] or node / "checkpoints" / job["project"])
        checkpoints.mkdir(parents=True, exist_ok=True)
        (tree / ".checkpoints").symlink_to(checkpoints)
        ours = {key: v for key, v in os.environ.items() if not key.startswith(("RAY_", "OMP_"))}
        ours |= job["environment"] | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "DVC_SITE_CACHE_DIR": str(folder / "dvc"),  # it would keep a folder for every tree
        }
        job["cache"] = job["cache"] or str(node / "cache")
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "inkbench.cluster.worker"],
                cwd=tree,
                env=ours,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
            try:
                assert process.stdin
                process.stdin.write(json.dumps(job).encode() + b"\n")
                process.stdin.flush()  # and stays open: its end tells that this process has died
                code = process.wait()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # what a stage has left behind
        text = log.read_text(encoding="utf-8", errors="replace")
        if code:
            return {"error": f"the worker process ended with exit code {code}", "log": text}
        return {**pickle.loads((folder / "result").read_bytes()), "log": text}


@contextlib.contextmanager
def _scratch(node: Path, delete: Any) -> Iterator[Path]:
    """A new folder, locked while it is in use; folders of killed workers are deleted."""
    root = node / "scratch"
    root.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        with (root / ".lock").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            for lock in root.glob("*/.lock"):
                with contextlib.suppress(BlockingIOError), lock.open("w") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    delete(lock.parent, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(dir=root))
            fcntl.flock(held.enter_context((folder / ".lock").open("w")), fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            delete(folder, ignore_errors=True)


def main() -> None:
    """Run the stages of the job on stdin; write entries, objects and journals to ``../result``."""
    job = json.loads(sys.stdin.readline())
    life = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_die_with, args=(life,), daemon=True).start()

    import yaml

    from inkbench.cluster import results
    from inkbench.tracking.journal import locked

    entries: dict[str, Any] = {}
    objects: dict[str, bytes] = {}
    result = {"entries": entries, "objects": objects, "error": ""}
    remote = json.loads(os.environ.get("INKBENCH_REMOTE", "{}"))
    # A killed process of the same chain may still be dying: two must not write one checkpoint.
    with locked(Path(".checkpoints") / f"{job['chain']}.lock", wait=True):
        try:
            with results.open_repo(job["cache"], remote) as repo:
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
                        objects |= results.uncached(repo, name, entry)
                    entries[name] = entry
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
