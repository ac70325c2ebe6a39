"""The pipeline state that a run belongs to: a clean commit, a changed tree or an experiment."""

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

# Files in git that determine the pipeline's results: parameters and code.
INPUTS = ("dvc.yaml", "params.yaml", "stages", "src")


@dataclass(frozen=True)
class State:
    """One state of the pipeline, which has one parent run."""

    key: str  # commit:<sha>, exp:<baseline>:<name> or tree:<commit>:<digest>
    title: str  # name of the parent run
    inputs: str  # digest of parameters and code
    commit: str = ""  # the git commit, or the one that a changed tree is based on
    experiment: str = ""  # name of the DVC experiment
    dirty: bool = False  # whether parameters or code differ from the commit
    repository: str = ""  # URL of the git remote, without credentials


def of_folder(folder: Path, environment: Mapping[str, str] = os.environ) -> State:
    """State of a working tree, or of an experiment's copy of it, which DVC's variables name."""
    inputs = _inputs_on_disk(folder)
    commit = _git(folder, "rev-parse", "--verify", "-q", "HEAD")
    if experiment := environment.get("DVC_EXP_NAME", ""):
        baseline = environment.get("DVC_EXP_BASELINE_REV") or commit
        return _experiment(folder, experiment, baseline, inputs)
    if commit and inputs == _inputs_of(folder, commit):
        return _clean(folder, commit, inputs)
    key = f"tree:{commit[:12]}:{inputs}"
    title = (f"{commit[:8]} + changes" if commit else "no commit") + f" ({inputs[:8]})"
    return State(key, title, inputs, commit, dirty=True, repository=_repository(folder))


def of_revision(folder: Path, revision: str) -> tuple[State, str] | None:
    """State of a git revision or a DVC experiment, and the commit with its files, if it exists."""
    for name, baseline, commit in experiments(folder):
        if revision in (name, commit):
            return _experiment(folder, name, baseline, _inputs_of(folder, commit)), commit
    commit = _git(folder, "rev-parse", "--verify", "-q", f"{revision}^{{commit}}")
    return (_clean(folder, commit, _inputs_of(folder, commit)), commit) if commit else None


def experiments(folder: Path) -> list[tuple[str, str, str]]:
    """DVC experiments of the repository: (name, baseline commit, its own commit)."""
    listing = _git(folder, "for-each-ref", "--format=%(refname) %(objectname)", "refs/exps")
    pattern = r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/([^/ ]+) (.+)"
    return [
        (name, start + rest, commit) for start, rest, name, commit in re.findall(pattern, listing)
    ]


def _clean(folder: Path, commit: str, inputs: str) -> State:
    title = f"{commit[:8]} {_git(folder, 'log', '-1', '--format=%s', commit)}"[:120]
    return State(f"commit:{commit}", title, inputs, commit, repository=_repository(folder))


def _experiment(folder: Path, name: str, baseline: str, inputs: str) -> State:
    key, title = f"exp:{baseline[:12]}:{name}", f"{name} on {baseline[:8]}"
    return State(key, title, inputs, baseline, name, True, _repository(folder))


def _inputs_on_disk(folder: Path) -> str:
    """Digest of the inputs in the working tree: what git would commit, or else all files."""
    paths = [name for name in INPUTS if (folder / name).exists()]
    with tempfile.TemporaryDirectory() as temporary:
        index = {"GIT_INDEX_FILE": f"{temporary}/index"}
        _git(folder, "add", "--", *paths, **index)
        tree = _git(folder, "write-tree", **index)
    if tree:
        return _inputs_of(folder, tree)
    digest = hashlib.sha256()
    for path in sorted(
        file for name in paths for file in [folder / name, *(folder / name).rglob("*")]
    ):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _inputs_of(folder: Path, tree: str) -> str:
    """Digest of the inputs in a commit or tree of git, by their object ids."""
    listing = _git(folder, "ls-tree", tree, "--", *INPUTS)
    return hashlib.sha256(listing.encode(errors="surrogateescape")).hexdigest()[:16]


def _git(folder: Path, *arguments: str, **environment: str) -> str:
    """Output of a git command, stripped; empty if it fails or git is missing."""
    inherited = {key: value for key, value in os.environ.items() if key != "GIT_DIR"}
    try:
        process = subprocess.run(
            ["git", "-c", "safe.directory=*", *arguments],
            cwd=folder,
            env=inherited | {"GIT_OPTIONAL_LOCKS": "0"} | environment,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return process.stdout.strip() if process.returncode == 0 else ""


def _repository(folder: Path) -> str:
    """Web page of the git remote, without credentials; empty for a local path."""
    url = _git(folder, "config", "remote.origin.url")
    # `git@host:owner/name.git` is short for `ssh://git@host/owner/name.git`
    parts = urlsplit(re.sub(r"^([\w.-]+@[\w.-]+):(?!//)", r"ssh://\1/", url))
    if parts.scheme not in {"http", "https", "ssh", "git"} or not parts.hostname:
        return ""
    if parts.scheme in {"ssh", "git"}:  # the web page has another port
        return f"https://{parts.hostname}{parts.path}"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
