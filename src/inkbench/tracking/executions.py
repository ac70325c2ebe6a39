"""What DVC knows about the pipeline: executions in ``dvc.lock`` and their outputs in the cache.

Everything is read through DVC's API, so templates, hashes, ignore rules and configuration are
DVC's own.
"""

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
        canonical = json.dumps(inputs, sort_keys=True, default=str)
        return hashlib.sha256(canonical.encode()).hexdigest()[:32]


class Pipeline:
    """The pipeline in a working tree or at a git commit; close it after use.

    `InkbenchError` if DVC cannot read it.
    """

    def __init__(self, folder: Path, commit: str | None = None) -> None:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
        from dvc.utils.serialize import load_path

        try:
            self._repo = Repo(str(folder), rev=commit)
            stages = [s for s in self._repo.index.stages if s.path_in_repo == "dvc.yaml"]
            path = self._repo.fs.join(self._repo.root_dir, str(layout.PARAMS))
            self.params: dict[str, Any] = load_path(path, self._repo.fs) or {}
        except DvcException as error:
            reason = " ".join(f"{error} {error.__cause__ or ''}".split())
            raise InkbenchError(f"{folder}: DVC cannot read the pipeline: {reason}") from None
        self._stages = {stage.name: stage for stage in stages}
        self._links = contextlib.ExitStack()

    def close(self) -> None:
        """Delete the temporary files."""
        self._links.close()
        self._repo.close()

    @cached_property
    def recorded(self) -> dict[str, Execution]:
        """What ``dvc.lock`` records, by the stage's address."""
        return {
            name: Execution(
                name,
                stage.cmd,
                {dep.def_path: dep.hash_info.value for dep in stage.deps if not _is_params(dep)},
                {out.def_path: out.hash_info.value for out in stage.outs},
                {dep.def_path: dep.hash_info.value for dep in stage.deps if _is_params(dep)},
            )
            for name, stage in self._stages.items()
            if any(out.hash_info for out in stage.outs)
        }

    @cached_property
    def current(self) -> dict[str, Execution]:
        """Those of `recorded` that are up to date.

        The command, the parameters and the source files are as recorded. What the stage read from
        other stages was written by their recorded executions, which are up to date themselves.
        """
        writers = {path: other for other in self.recorded.values() for path in other.outs}

        @functools.cache
        def is_current(name: str) -> bool:
            stage = self._stages[name]
            return not stage.cmd_changed and all(map(dep_is_current, stage.deps))

        def dep_is_current(dep: Any) -> bool:
            path, recorded = dep.def_path, dep.hash_info.value
            inside = {out: other for out, other in writers.items() if _overlap(out, path)}
            if not inside:
                return bool(recorded) and _is_unchanged(dep)
            same = path not in inside or inside[path].outs[path] == recorded
            return same and all(is_current(other.name) for other in inside.values())

        return {name: execution for name, execution in self.recorded.items() if is_current(name)}

    @cached_property
    def outputs(self) -> Path:
        """Temporary folder with the recorded outputs of all stages, as links into DVC's cache.

        It has the layout of the repository. What would need a download is missing.
        """
        folder = Path(self._links.enter_context(tempfile.TemporaryDirectory()))
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
        """Path of every output file, and the cached file, its bytes, or None."""
        for out in self._stages[name].outs:
            listing: Any = out.get_obj() if out.hash_info else None
            if hasattr(listing, "iteritems"):
                for parts, (_, info) in listing.iteritems():
                    yield "/".join((out.def_path, *parts)), _cached(out, info.value)
            else:
                yield out.def_path, listing and (_cached(out, out.hash_info.value) or _in_git(out))


def _is_params(dep: Any) -> bool:
    from dvc.dependency import ParamsDependency

    return isinstance(dep, ParamsDependency)


def _overlap(a: str, b: str) -> bool:
    """Whether one path is the other or lies in it."""
    return a == b or a.startswith(f"{b}/") or b.startswith(f"{a}/")


def _is_unchanged(dep: Any) -> bool:
    from dvc.exceptions import DvcException

    with contextlib.suppress(DvcException, OSError):  # the file or the parameter is missing
        return dep.get_hash() == dep.hash_info
    return False


def _cached(out: Any, md5: str) -> Path | None:
    path = Path(out.cache.oid_to_path(md5))
    return path if path.is_file() else None


def _in_git(out: Any) -> bytes | None:
    """Content of an output that DVC does not cache, if it is the recorded one."""
    content = b""
    with contextlib.suppress(OSError):
        content = b"" if out.use_cache else out.fs.cat_file(out.fs_path)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return content if digest == out.hash_info.value else None
