"""The pipeline as DVC sees it, without importing DVC (2.5 s): stages, their hashes, ``dvc.lock``.

The *stage hash* ties a run to an execution that DVC knows: a digest of the command, the md5 of
every dependency and the values of the parameters, which is what ``dvc.lock`` records and what DVC
itself compares. It comes out the same while the stage runs (from ``dvc.yaml``, ``params.yaml`` and
the files) and at any later time (from ``dvc.lock``), on any machine. Files are hashed as DVC does:
md5 of a file; of a folder, md5 of the JSON list of its files.
"""

import functools
import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from inkbench.errors import InkbenchError

_MD5 = functools.partial(hashlib.md5, usedforsecurity=False)
_TEMPLATE = re.compile(r"\$\{\s*([\w.-]+)\s*\}")


@dataclass(frozen=True)
class Stage:
    """One stage with its templates filled in."""

    name: str
    cmd: Any
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # file → keys


@dataclass(frozen=True)
class Execution:
    """One execution of a stage: what went in, what came out.

    Attributes
    ----------
    deps, outs
        Path → md5 (ending in ``.dir`` for a folder).
    params
        File → key → value.
    """

    name: str
    cmd: Any
    deps: Mapping[str, str]
    outs: Mapping[str, str]
    params: Mapping[str, Mapping[str, Any]]

    @cached_property
    def hash(self) -> str:
        """The stage hash."""
        inputs = {"cmd": self.cmd, "deps": dict(self.deps), "params": dict(self.params)}
        canonical = json.dumps(inputs, sort_keys=True, default=str)
        return hashlib.sha256(canonical.encode()).hexdigest()[:32]

    @property
    def kind(self) -> str:
        """``train`` of ``train@mnist-vae``."""
        return self.name.partition("@")[0]

    @property
    def subject(self) -> str:
        """``mnist-vae`` of ``train@mnist-vae``; empty for a stage without one."""
        return self.name.partition("@")[2]


class Files:
    """Reads the repository's files as they are on disk, and hashes them as DVC does.

    Parameters
    ----------
    root
        The folder that ``dvc.yaml`` is in.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._parsed: dict[str, Any] = {}

    def content(self, path: str) -> bytes | None:
        """A file's content, or None if there is none."""
        try:
            return (self.root / path).read_bytes()
        except OSError:
            return None

    def text(self, path: str) -> str:
        """A text file's content; empty if there is none."""
        return (self.content(path) or b"").decode("utf-8", errors="replace")

    def yaml(self, path: str) -> Any:
        """A parsed YAML file, an empty mapping if there is none; parsed once.

        Raises
        ------
        InkbenchError
            If it is none.
        """
        if path not in self._parsed:
            # YAML 1.2, as DVC reads it: ``1e-05`` is a number
            from ruamel.yaml import YAML, YAMLError

            try:
                self._parsed[path] = YAML(typ="safe").load(self.text(path)) or {}
            except YAMLError as error:
                why = " ".join(str(error).split())
                raise InkbenchError(f"{path} is not valid YAML: {why}") from None
        return self._parsed[path]

    def md5(self, path: str) -> str | None:
        """DVC's hash of a file or folder, or None if there is none."""
        target = self.root / path
        if target.is_file():
            return _md5_of_file(target)
        if not target.is_dir():
            return None
        return md5_of_folder(
            {file.relative_to(target).as_posix(): _md5_of_file(file) for file in self._in(target)}
        )

    def _in(self, folder: Path) -> Iterator[Path]:
        for path in folder.iterdir():
            name = path.relative_to(self.root).as_posix() + "/" * path.is_dir()
            if self._ignored.match_file(name):
                continue
            if path.is_dir():
                yield from self._in(path)
            else:
                yield path

    @cached_property
    def _ignored(self) -> Any:
        from pathspec import GitIgnoreSpec  # comes with DVC, which reads .dvcignore with it

        return GitIgnoreSpec.from_lines(self.text(".dvcignore").splitlines())


class CommittedFiles(Files):
    """The same for the files of a git commit, read without touching the working tree.

    Parameters
    ----------
    root
        The folder of the repository.
    commit
        Its commit.
    """

    def __init__(self, root: Path, commit: str) -> None:
        super().__init__(root)
        archive = subprocess.run(
            ["git", "-c", "safe.directory=*", "archive", "--format=tar", commit],
            cwd=root,
            capture_output=True,
            check=True,
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            self._files = {
                member.name: file.read() for member in tar if (file := tar.extractfile(member))
            }

    def content(self, path: str) -> bytes | None:
        """A file's content, or None if there is none."""
        return self._files.get(path)

    def md5(self, path: str) -> str | None:
        """DVC's hash of a file or folder, or None if there is none."""
        if path in self._files:
            return md5_of_bytes(self._files[path])
        inside = {
            name.removeprefix(f"{path}/"): md5_of_bytes(content)
            for name, content in self._files.items()
            if name.startswith(f"{path}/") and not self._ignored.match_file(name)
        }
        return md5_of_folder(inside) if inside else None


def md5_of_folder(files: Mapping[str, str]) -> str:
    """DVC's hash of a folder, from its files' paths (relative to it) and md5s."""
    entries = [{"md5": md5, "relpath": path} for path, md5 in files.items()]
    entries.sort(key=lambda entry: entry["relpath"])
    return md5_of_bytes(json.dumps(entries, sort_keys=True).encode()) + ".dir"


def _md5_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, _MD5).hexdigest()


def md5_of_bytes(content: bytes) -> str:
    """md5, as DVC names a file's content."""
    return _MD5(content).hexdigest()


def stages(files: Files) -> dict[str, Stage]:
    """All stages of ``dvc.yaml`` by address (``train@mnist-vae``), ``foreach`` unrolled."""
    definition = files.yaml("dvc.yaml")
    params = files.yaml("params.yaml")
    found = {}
    for name, block in (definition.get("stages") or {}).items():
        if "foreach" not in block:
            found[name] = _stage(name, _filled(block, params))
            continue
        items = _filled(block["foreach"], params)
        pairs = items.items() if isinstance(items, dict) else ((str(item), item) for item in items)
        for key, item in pairs:
            filled = _filled(block["do"], {**params, "key": key, "item": item})
            found[f"{name}@{key}"] = _stage(f"{name}@{key}", filled)
    return found


def _stage(name: str, block: Mapping[str, Any]) -> Stage:
    params: dict[str, list[str]] = {}
    for entry in block.get("params") or ():
        for file, keys in entry.items() if isinstance(entry, dict) else [("params.yaml", [entry])]:
            params.setdefault(file, []).extend(keys)
    outs = [
        path
        for kind in ("outs", "metrics", "plots")
        for entry in block.get(kind) or ()
        for path in (entry if isinstance(entry, dict) else [entry])
    ]
    return Stage(
        name,
        block["cmd"],
        tuple(block.get("deps") or ()),
        tuple(outs),
        {file: tuple(keys) for file, keys in params.items()},
    )


def _filled(tree: Any, values: Mapping[str, Any]) -> Any:
    """Fill in ``${…}``; a text that is nothing but a template becomes the value itself."""
    if isinstance(tree, dict):
        return {_filled(key, values): _filled(value, values) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_filled(item, values) for item in tree]
    if not isinstance(tree, str):
        return tree
    whole = _TEMPLATE.fullmatch(tree.strip())
    if whole:
        return _value(values, whole[1])
    return _TEMPLATE.sub(lambda match: str(_value(values, match[1])), tree)


def _value(tree: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        tree = tree[part]
    return tree


def execution(stage: Stage, files: Files, without: Collection[str] = ()) -> Execution:
    """What a stage would be executed on now.

    Dependencies that are not there are left out, and so are those that overlap ``without``.
    """
    wanted = [dep for dep in stage.deps if not any(overlap(dep, path) for path in without)]
    deps = {path: files.md5(path) for path in wanted}
    values = {
        file: {key: _value_or_none(files.yaml(file), key) for key in keys}
        for file, keys in stage.params.items()
    }
    present = {path: md5 for path, md5 in deps.items() if md5}
    return Execution(stage.name, stage.cmd, present, {}, values)


def overlap(a: str, b: str) -> bool:
    """One path is the other or lies in it."""
    return a == b or a.startswith(f"{b}/") or b.startswith(f"{a}/")


def _value_or_none(tree: Any, dotted: str) -> Any:
    try:
        return _value(tree, dotted)
    except (KeyError, TypeError):
        return None


def recorded(files: Files) -> dict[str, Execution]:
    """The executions that ``dvc.lock`` records, by stage address."""
    tree = files.yaml("dvc.lock")
    return {
        name: Execution(
            name,
            block["cmd"],
            {dep["path"]: dep.get("md5", "") for dep in block.get("deps") or ()},
            {out["path"]: out.get("md5", "") for out in block.get("outs") or ()},
            block.get("params") or {},
        )
        for name, block in (tree.get("stages") or {}).items()
    }
