"""Which state of the pipeline a run belongs to: a clean commit, a changed tree, an experiment."""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

# What decides the pipeline's outcome and is kept in git: parameters and code.
INPUTS = ("dvc.yaml", "params.yaml", "stages", "src")


@dataclass(frozen=True)
class State:
    """One state of the pipeline: what a parent run stands for.

    Attributes
    ----------
    key
        ``commit:<sha>``, ``exp:<baseline>:<name>`` or ``tree:<commit>:<digest>``.
    title
        For people.
    inputs
        Digest of parameters and code.
    commit
        The git commit it is, or is based on; empty without git.
    experiment
        Name of the DVC experiment; empty for none.
    dirty
        Parameters or code differ from the commit.
    repository
        URL of the git remote without credentials; empty for none.
    """

    key: str
    title: str
    inputs: str
    commit: str = ""
    experiment: str = ""
    dirty: bool = False
    repository: str = ""


def git(folder: Path, *arguments: str) -> str | None:
    """Output of a git command, or None where it fails or git is missing."""
    environment = {key: value for key, value in os.environ.items() if key != "GIT_DIR"}
    try:
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", *arguments],
            cwd=folder,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def of_folder(folder: Path, environment: Mapping[str, str] = os.environ) -> State:
    """State of a working tree.

    Parameters
    ----------
    folder
        Root of the repository, or of an experiment's temporary copy of it.
    environment
        Where DVC says which experiment it runs (``DVC_EXP_NAME``, ``DVC_EXP_BASELINE_REV``).
    """
    inputs = _digest(_blobs_on_disk(folder))
    commit = (git(folder, "rev-parse", "--verify", "-q", "HEAD") or "").strip()
    repository = _public(git(folder, "config", "remote.origin.url") or "")
    experiment = environment.get("DVC_EXP_NAME", "")
    if experiment:
        base = environment.get("DVC_EXP_BASELINE_REV") or commit
        return _experiment(experiment, base, inputs, repository)
    if commit and inputs == _digest(_blobs_of_revision(folder, commit)):
        return _clean(folder, commit, inputs, repository)
    key = f"tree:{commit[:12]}:{inputs}"
    title = f"{commit[:8]} + changes" if commit else "no commit"
    return State(key, f"{title} ({inputs[:8]})", inputs, commit, "", True, repository)


def of_revision(folder: Path, revision: str) -> tuple[State, str] | None:
    """State of a git revision or of a DVC experiment's name, and the commit that has its files.

    None if there is no such thing.
    """
    repository = _public(git(folder, "config", "remote.origin.url") or "")
    for name, baseline, commit in experiments(folder):
        if revision in (name, commit):
            inputs = _digest(_blobs_of_revision(folder, commit))
            return _experiment(name, baseline, inputs, repository), commit
    commit = (git(folder, "rev-parse", "--verify", "-q", f"{revision}^{{commit}}") or "").strip()
    if not commit:
        return None
    inputs = _digest(_blobs_of_revision(folder, commit))
    return _clean(folder, commit, inputs, repository), commit


def experiments(folder: Path) -> list[tuple[str, str, str]]:
    """DVC experiments of the repository: (name, baseline commit, its own commit)."""
    listing = git(folder, "for-each-ref", "--format=%(refname) %(objectname)", "refs/exps") or ""
    found = []
    for line in listing.splitlines():
        reference, commit = line.split()
        parts = reference.split("/")
        if len(parts) == 5 and len(parts[2] + parts[3]) == 40:  # refs/exps/ab/cdef…/name
            found.append((parts[4], parts[2] + parts[3], commit))
    return found


def _clean(folder: Path, commit: str, inputs: str, repository: str) -> State:
    subject = (git(folder, "log", "-1", "--format=%s", commit) or "").strip()
    return State(
        f"commit:{commit}", f"{commit[:8]} {subject}"[:120], inputs, commit, "", False, repository
    )


def _experiment(name: str, baseline: str, inputs: str, repository: str) -> State:
    key = f"exp:{baseline[:12]}:{name}"
    return State(key, f"{name} on {baseline[:8]}", inputs, baseline, name, True, repository)


def _blobs_on_disk(folder: Path) -> dict[str, str]:
    """Path → git blob id of the inputs as they are now."""
    listed = git(folder, "ls-files", "-coz", "--exclude-standard", "--", *INPUTS)
    paths: Iterable[str] = listed.split("\0") if listed is not None else _walk(folder)
    blobs = {}
    for path in filter(None, paths):
        file = folder / path
        if file.is_file():
            content = file.read_bytes()
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
            blobs[path] = blob.hexdigest()
    return blobs


def _walk(folder: Path) -> Iterable[str]:
    for start in INPUTS:
        for path in [folder / start, *(folder / start).rglob("*")]:
            if "__pycache__" not in path.parts and not path.parent.name.endswith(".egg-info"):
                yield path.relative_to(folder).as_posix()


def _blobs_of_revision(folder: Path, commit: str) -> dict[str, str]:
    listed = git(folder, "ls-tree", "-rz", commit, "--", *INPUTS) or ""
    blobs = {}
    for line in filter(None, listed.split("\0")):
        description, path = line.split("\t", 1)
        blobs[path] = description.split()[2]
    return blobs


def _digest(blobs: Mapping[str, str]) -> str:
    listing = "".join(f"{blob} {path}\n" for path, blob in sorted(blobs.items()))
    return hashlib.sha256(listing.encode(errors="surrogateescape")).hexdigest()[:16]


def _public(url: str) -> str:
    """Page of a remote, without credentials; nothing for a path on this machine."""
    # `git@host:owner/name.git` is short for `ssh://git@host/owner/name.git`
    parts = urlsplit(re.sub(r"^([\w.-]+@[\w.-]+):(?!//)", r"ssh://\1/", url.strip()))
    if parts.scheme not in {"http", "https", "ssh", "git"} or not parts.hostname:
        return ""
    if parts.scheme in {"ssh", "git"}:  # whose port is not that of its pages
        return f"https://{parts.hostname}{parts.path}"
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, parts.hostname + port, parts.path, "", ""))
