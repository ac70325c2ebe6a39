"""The process that runs the stages of a chain, in a copy of the tree on a worker.

It reads the job as JSON from the first line of stdin, and dies as soon as stdin is closed. Its
result is the file ``../result``: entries of dvc.lock, journals, and the error of the stage that
failed, if one did.
"""

import json
import os
import pickle
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from inkbench.pipeline import machine, results
from inkbench.tracking.journal import locked


def main() -> None:
    """Run the stages of the job on stdin."""
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_die_with, args=(os.dup(0),), daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    machine.share_gpu()

    result: dict[str, Any] = {"entries": {}, "error": ""}
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
                entry = results.locked()[name]
                if remote:
                    results.transfer("push", repo, [entry])
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
