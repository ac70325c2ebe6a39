"""Results of stages in DVC's terms: entries of dvc.lock and the run-cache, objects of caches."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from inkbench import disk
from inkbench.errors import InkbenchError

Entry = dict[str, Any]  # of a stage, the same in dvc.lock and the run-cache

_PAUSES = (1, 2, 4, 8, 16, 32, 64, 0)  # seconds after failures of a remote


def open_repo(cache: str = "", **remote: Any) -> Any:
    """DVC's repository in the current folder; outside of git if it has another cache."""
    from dvc.repo import Repo

    config = {"core": {"no_scm": True}, "cache": {"dir": cache}} if cache else {}
    return Repo(config=config, **remote)


def default_remote(repo: Any) -> dict[str, Any]:
    """The default remote and its keys, as `open_repo` takes them; `InkbenchError` without one."""
    name = repo.config["core"].get("remote")
    if keys := repo.config["remote"].get(name):
        return {"remote": name, "remote_config": dict(keys)}
    raise InkbenchError(
        "the machines of a cluster exchange data by DVC's default remote, and there is none; "
        "run `dvc remote add --default NAME URL` (docs/sharing.md)"
    )


def as_stage(repo: Any, entry: Entry) -> Any:
    """A stage with the outputs of an entry, all of them in the cache."""
    return repo.stage_cache._create_stage(entry)


def transfer(direction: str, repo: Any, entries: Iterable[Entry]) -> None:
    """``push`` or ``pull`` outputs; the remote may be out of reach for two minutes."""
    stages = [as_stage(repo, entry) for entry in entries]
    roots = {out.hash_info for stage in stages for out in stage.outs}
    for pause in _PAUSES if roots else ():
        try:
            if direction == "pull":  # lists of files in folders: DVC asks if one is missing
                repo.cloud.pull(roots)
            failed = {r for r in roots if r.isdir and not repo.cache.local.exists(r.value)}
            if not failed:
                used = [stage.get_used_objs() for stage in stages]
                objects = {obj for stage in used for objs in stage.values() for obj in objs}
                failed = getattr(repo.cloud, direction)(objects).failed
            if not failed:
                return
            reason = f"{len(failed)} files failed"
        except Exception as error:  # each kind of remote has its own
            reason = " ".join(str(error).split())
        time.sleep(pause)
    if roots:
        raise InkbenchError(f"DVC remote: {direction} failed: {reason}")


def locked() -> dict[str, Entry]:
    """Entries of dvc.lock, by the stage's address."""
    from dvc.utils.serialize import load_yaml  # PyYAML would read 1e-05 as text

    lock = Path("dvc.lock")
    entries: dict[str, Entry] = load_yaml(str(lock))["stages"] if lock.is_file() else {}
    return entries


def run_key(entry: Entry) -> str:
    """Name in the run-cache for all results of these inputs."""
    return digest(entry | {"outs": [out["path"] for out in entry["outs"]]})


def recorded(repo: Any, key: str) -> Iterator[Entry]:
    """Entries of the run-cache, newest first."""
    from dvc.utils.serialize import load_yaml

    found = (Path(repo.stage_cache.cache_dir) / key[:2] / key).glob("*")
    files = [file for file in found if file.name[0] != "."]  # what a killed writer left is hidden
    for file in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True):
        yield load_yaml(str(file))


def record(repo: Any, entry: Entry) -> None:
    """Add an entry to the run-cache."""
    from dvc.utils.serialize import dumps_yaml

    key = run_key(entry)
    path = Path(repo.stage_cache.cache_dir) / key[:2] / key / digest(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk.new_file(path) as scratch:
        scratch.write_text(dumps_yaml(entry), encoding="utf-8")


def restore(entries: Mapping[str, Entry]) -> None:
    """Put entries into dvc.lock and their outputs into the tree, where they differ or are missing.

    `dvc repro` would do it one stage at a time, and read and write the whole of dvc.lock for each,
    which takes a second. And where the inputs have not changed, it does not look into the
    run-cache: it would run a stage again that was recorded on another kind of CPU.
    `InkbenchError` if another command of DVC is at work.
    """
    from dvc.exceptions import DvcException
    from dvc.stage.loader import StageLoader
    from tqdm import tqdm

    old = locked()
    wanted = {
        name: entry
        for name, entry in entries.items()
        if name not in old
        or digest(old[name]) != digest(entry)
        or not all(Path(out["path"]).exists() for out in entry["outs"])
    }
    if not wanted:
        return
    try:
        with open_repo() as repo, repo.lock:
            stages = [stage for stage in repo.index.stages if stage.addressing in wanted]
            for stage in tqdm(stages, desc="results", unit="stage", disable=None):
                cached = as_stage(repo, wanted[stage.addressing])
                if cached.outs_cached():  # otherwise they are in the tree
                    stage.remove_outs()
                    cached.checkout()
                    stage.ignore_outs()
                StageLoader.fill_from_lock(stage, wanted[stage.addressing])
            stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
    except DvcException as error:
        raise InkbenchError(f"DVC: {' '.join(str(error).split())}") from None


def digest(entry: Entry) -> str:
    """Digest of an entry, by which the run-cache names it."""
    from dvc.utils import dict_sha256

    return dict_sha256(entry, exclude=["size", "nfiles"])


def dvc_repro(*arguments: str) -> bool:
    """Run ``dvc repro``; returns whether it succeeded."""
    return succeeds(subprocess.Popen([sys.executable, "-m", "dvc", "repro", *arguments]))


def succeeds(dvc: "subprocess.Popen[Any]") -> bool:
    """Wait for a process of DVC, also after Ctrl-C and SIGTERM; returns whether it succeeded.

    It is never killed: `dvc exp run --temp` has to put back the changes that it has stashed.
    """
    try:
        return dvc.wait() == 0
    except KeyboardInterrupt:  # DVC and its stage have got it, too
        dvc.wait()
        raise
    except SystemExit:  # SIGTERM
        dvc.send_signal(signal.SIGINT)  # which it ignores while a stage runs
        told: set[int] = set()
        while dvc.poll() is None:
            _terminate_stages(dvc.pid, told)
            time.sleep(0.1)
        raise


def _terminate_stages(dvc: int, told: set[int]) -> None:
    """Send SIGTERM, once, to the stages that DVC runs, but not to git or the uploader."""
    from psutil import Error, Process

    for each in Process(dvc).children(recursive=True):
        with contextlib.suppress(Error, ProcessLookupError):
            is_stage = "DVC_STAGE" in each.environ() and os.getpgid(each.pid) == os.getpgrp()
            if is_stage and each.pid not in told:
                told.add(each.pid)
                each.terminate()
