"""Results of stages in DVC's terms: entries of dvc.lock, the run-cache, and objects in caches."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from inkbench import disk
from inkbench.errors import InkbenchError

Entry = dict[str, Any]  # of a stage, the same in dvc.lock and the run-cache

_PATIENCE = 180.0  # seconds that a remote may be out of reach


def open_repo(cache: str = "", remote: dict[str, Any] | None = None) -> Any:
    """DVC's repository in the current folder, with another cache or more settings of its remote."""
    from dvc.repo import Repo

    config: dict[str, Any] = remote or {}
    if cache:
        core = {**config.get("core", {}), "no_scm": True}
        config = {**config, "core": core, "cache": {"dir": cache}}
    return Repo(config=config)


def remote_settings(repo: Any) -> dict[str, Any]:
    """Configuration of the default remote, with its keys; `InkbenchError` if there is none."""
    name = repo.config["core"].get("remote")
    if not name:
        raise InkbenchError(
            "the machines of a cluster exchange data by a DVC remote, and none is the default; "
            "run `dvc remote add --default NAME URL` (docs/sharing.md)"
        )
    return {"core": {"remote": name}, "remote": {name: dict(repo.config["remote"][name])}}


def run_key(entry: Entry) -> str:
    """Name under which the run-cache keeps the results of these inputs."""
    paths = [out["path"] if isinstance(out, dict) else out for out in entry.get("outs", [])]
    return digest(entry | {"outs": paths})


def recorded(repo: Any, key: str) -> Iterator[Entry]:
    """Entries of the run-cache, newest first."""
    from dvc.utils.serialize import load_yaml

    files = _folder(repo, key).glob("*")
    for file in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True):
        yield load_yaml(str(file))


def save(repo: Any, entry: Entry, objects: dict[str, bytes]) -> None:
    """Add an entry to the run-cache, after the objects that no remote has."""
    from dvc.utils.serialize import dump_yaml

    for md5, content in objects.items():
        _write(Path(repo.cache.local.oid_to_path(md5)), content)
    path = _folder(repo, run_key(entry)) / digest(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk.new_file(path) as scratch:
        dump_yaml(str(scratch), entry)


def as_stage(repo: Any, entry: Entry) -> Any:
    """A stage with the outputs of an entry, all of them cached."""
    return repo.stage_cache._create_stage(entry)


def transfer(direction: str, repo: Any, entries: Iterable[Entry]) -> None:
    """``push`` or ``pull`` outputs; a remote that is out of reach gets some time to come back."""
    objects: set[Any] = set()
    for entry in entries:
        objects.update(*as_stage(repo, entry).get_used_objs().values())
    deadline, pause = time.monotonic() + _PATIENCE, 1.0
    while objects:
        try:
            failed = getattr(repo.cloud, direction)(objects).failed
            if not failed:
                return
            raise OSError(f"{direction} of {len(failed)} objects failed")
        except Exception as error:  # each kind of remote has its own
            if time.monotonic() + pause > deadline:
                raise InkbenchError(f"DVC remote: {' '.join(str(error).split())}") from None
        time.sleep(pause)
        pause *= 2


def uncached(repo: Any, name: str, entry: Entry) -> dict[str, bytes]:
    """Objects of the outputs that git keeps and no remote has (``cache: false``), by md5."""
    (stage,) = (stage for stage in repo.index.stages if stage.addressing == name)
    paths = {out.def_path for out in stage.outs if not out.use_cache}
    todo = [out["md5"] for out in entry["outs"] if out["path"] in paths]
    objects: dict[str, bytes] = {}
    while todo:
        md5 = todo.pop()
        objects[md5] = Path(repo.cache.local.oid_to_path(md5)).read_bytes()
        if md5.endswith(".dir"):
            todo += [file["md5"] for file in json.loads(objects[md5])]
    return objects


def _write(path: Path, content: bytes) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with disk.new_file(path) as scratch:
            scratch.write_bytes(content)


def _folder(repo: Any, key: str) -> Path:
    return Path(repo.stage_cache.cache_dir) / key[:2] / key


def digest(entry: Entry) -> str:
    """Digest of an entry, as DVC's run-cache names it."""
    from dvc.utils import dict_sha256

    return dict_sha256(entry, exclude=["size", "nfiles"])
