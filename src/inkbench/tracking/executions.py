"""What ``dvc.lock`` and DVC's cache hold, read through DVC's API."""

import contextlib
import functools
import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from inkbench import layout
from inkbench.errors import InkbenchError


@dataclass(frozen=True)
class Execution:
    """One execution of a stage that ``dvc.lock`` records."""

    name: str  # the stage's address, for example train@mnist-vae
    cmd: Any
    deps: dict[str, str]  # path → md5
    outs: dict[str, str]
    params: dict[str, dict[str, Any]]  # file → key → value

    @cached_property
    def hash(self) -> str:
        """The stage hash: a digest of command, dependencies and parameters."""
        inputs = {"cmd": self.cmd, "deps": self.deps, "params": self.params}
        canonical = json.dumps(inputs, sort_keys=True, default=str).encode()
        return hashlib.sha256(canonical).hexdigest()[:32]


def recorded_at(folder: Path) -> int:
    """When the dvc.lock of a working tree was written, in milliseconds; 0 if there is none."""
    lock = folder / "dvc.lock"
    return lock.stat().st_mtime_ns // 1_000_000 if lock.is_file() else 0


class Pipeline:
    """The pipeline in a working tree or at a git commit; `InkbenchError` if DVC cannot read it.

    With ``variant``, it is only the training, evaluation and figures of one variant.
    """

    def __init__(self, folder: Path, commit: str = "", variant: str = "") -> None:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
        from dvc.utils.serialize import load_path

        try:
            self._repo = Repo(str(folder), rev=commit or None)
            stages = [s for s in self._repo.index.stages if s.path_in_repo == "dvc.yaml"]
            path = self._repo.fs.join(self._repo.root_dir, str(layout.PARAMS))
            self.params: dict[str, Any] = load_path(path, self._repo.fs) or {}
        except (DvcException, OSError) as error:  # OSError: a revision without params.yaml
            reason = " ".join(f"{error} {error.__cause__ or ''}".split())
            raise InkbenchError(f"{folder}: DVC cannot read the pipeline: {reason}") from None
        self._variant, self._commit = variant, commit
        self.recorded_at = 0 if commit else recorded_at(folder)
        own = {f"{kind}@{variant}" for kind in ("train", "evaluate", "plot")}
        self._stages = {s.name: s for s in stages if not variant or s.name in own}
        self._open = contextlib.ExitStack()
        self._open.callback(self._repo.close)
        self.close = self._open.close

    @cached_property
    def recorded(self) -> dict[str, Execution]:
        """What ``dvc.lock`` records, by the stage's address."""
        from dvc.dependency import ParamsDependency

        executions = {}
        for name, stage in self._stages.items():
            hashes = {dep.def_path: dep.hash_info.value for dep in stage.deps}
            of_params = {dep.def_path for dep in stage.deps if isinstance(dep, ParamsDependency)}
            params = {path: hashes.pop(path) for path in of_params}
            outs = {out.def_path: out.hash_info.value for out in stage.outs}
            if any(outs.values()):
                executions[name] = Execution(name, stage.cmd, hashes, outs, params)
        return executions

    @cached_property
    def current(self) -> dict[str, Execution]:
        """Those of `recorded` that are up to date; their outputs may be missing."""
        from dvc.exceptions import DvcException

        root = Path(self._repo.root_dir)
        writers = {path: other for other in self.recorded.values() for path in other.outs}
        if self._variant:  # of an experiment: DVC has just checked all that it depends on
            return {
                name: execution
                for name, execution in self.recorded.items()
                if all(
                    writers[p].outs[p] == md5 for p, md5 in execution.deps.items() if p in writers
                )
            }

        @functools.cache
        def is_current(name: str) -> bool:
            stage = self._stages[name]
            return not stage.cmd_changed and all(map(dep_is_current, stage.deps))

        def dep_is_current(dep: Any) -> bool:
            path, recorded = Path(dep.def_path), dep.hash_info
            inside = {
                Path(out): other
                for out, other in writers.items()
                if path.is_relative_to(out) or Path(out).is_relative_to(path)
            }
            if path in inside and inside[path].outs[dep.def_path] != recorded.value:
                return False
            if inside and not all(is_current(other.name) for other in inside.values()):
                return False
            is_folder = any(Path(out) != path and Path(out).is_relative_to(path) for out in inside)
            is_here = not self._commit and all((root / out).exists() for out in inside)
            if inside and not (is_folder and is_here):  # of a commit, or not pulled
                return True
            with contextlib.suppress(DvcException, OSError):  # the file or the parameter is missing
                return bool(recorded) and dep.get_hash() == recorded
            return False

        return {name: execution for name, execution in self.recorded.items() if is_current(name)}

    def inputs(self, variant: str) -> dict[str, str]:
        """Present hashes of the code and data that a training and its evaluation read, by path."""
        from dvc.dependency import ParamsDependency

        stages = [self._stages[f"{kind}@{variant}"] for kind in ("train", "evaluate")]
        written = {out.def_path for stage in stages for out in stage.outs}
        deps = [d for s in stages for d in s.deps if not isinstance(d, ParamsDependency)]
        return {d.def_path: d.get_hash().value for d in deps if d.def_path not in written}

    @cached_property
    def outputs(self) -> Path:
        """Temporary folder, laid out as the repository, with all recorded outputs in the cache."""
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        for name in self.recorded:
            for path, content in self._contents(name):
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, Path):
                    target.symlink_to(content)
                elif content is not None:
                    target.write_bytes(content)
        return folder

    def has_outputs(self, name: str) -> bool:
        """Whether all outputs of a stage are available without a download."""
        return all(content is not None for _, content in self._contents(name))

    def _contents(self, name: str) -> Iterator[tuple[str, Path | bytes | None]]:
        """Every output file, with the cached file, its bytes, or None if it needs a download."""
        for out in self._stages[name].outs:
            listing: Any = out.get_obj() if out.hash_info else None
            if hasattr(listing, "iteritems"):
                for parts, (_, info) in listing.iteritems():
                    yield "/".join((out.def_path, *parts)), _cached(out, info.value)
            else:
                yield out.def_path, listing and _cached(out, out.hash_info.value)


def _cached(out: Any, md5: str) -> Path | bytes | None:
    """A file in DVC's cache, or the bytes of one that git keeps, if they are the recorded ones."""
    path = Path(out.cache.oid_to_path(md5))
    if path.is_file():
        return path
    with contextlib.suppress(OSError):
        content = b"" if out.use_cache else out.fs.cat_file(out.fs_path)
        if hashlib.md5(content, usedforsecurity=False).hexdigest() == md5:
            return content
    return None
