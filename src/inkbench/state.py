"""Pipeline states: a clean commit, a changed tree, or a DVC experiment, as git knows them."""

import hashlib
import io
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from inkbench.errors import InkbenchError

# Files in git that determine the pipeline's results: parameters and code.
INPUTS = ("dvc.yaml", "params.yaml", "stages", "src")

_SWEEP = re.compile(r"sweep ([\w-]+): (\S+)")


@dataclass(frozen=True)
class State:
    """One state of the pipeline; in MLflow, it has one parent run."""

    key: str  # commit:<sha>, exp:<baseline>:<name> or tree:<commit>:<digest>
    title: str  # name of the parent run
    inputs: str  # digest of parameters and code
    commit: str = ""  # the git commit, or the one that a changed tree is based on
    experiment: str = ""  # name of the DVC experiment
    dirty: bool = False  # whether parameters or code differ from the commit
    repository: str = ""  # URL of the git remote, without credentials
    sweep: str = ""  # of which the experiment is a training
    variant: str = ""  # that it trains


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


def of_revision(folder: Path, revision: str) -> tuple[State, str]:
    """State of a git revision or a DVC experiment, and its commit; `InkbenchError` if unknown."""
    for state, commit in experiments(folder):
        if revision in (state.experiment, commit):
            return state, commit
    commit = _git(folder, "rev-parse", "--verify", "-q", f"{revision}^{{commit}}")
    if not commit:
        remedy = "`git log` and `dvc exp list` show them"
        raise InkbenchError(f"--rev {revision}: no such git revision or DVC experiment; {remedy}")
    return _clean(folder, commit, _inputs_of(folder, commit)), commit


def experiments(folder: Path) -> list[tuple[State, str]]:
    """States of the repository's DVC experiments, each with the commit that has its files."""
    form = "--format=%(refname) %(objectname) %(contents:subject)"
    listing = _git(folder, "for-each-ref", form, "refs/exps")
    refs = re.findall(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/([^/ ]+) (\w+) ?(.*)", listing)
    found = []
    for start, rest, name, commit, subject in refs:
        own = _experiment(folder, name, start + rest, _inputs_of(folder, commit))
        if training := _SWEEP.fullmatch(subject):
            own = replace(own, sweep=training[1], variant=training[2])
        found.append((own, commit))
    return found


def sweep_message(sweep: str, variant: str) -> str:
    """Commit message of an experiment that is a training of a sweep."""
    return f"sweep {sweep}: {variant}"


def snapshot(folder: Path) -> bytes:
    """A tar of the files that git tracks, and of new ones that are code, parameters or DVC's.

    Others that git does not know, such as scans, stay here. `InkbenchError` without git.
    """
    names = _files(folder, "-c") + untracked(folder, *INPUTS, ".dvc", "dvc.lock")
    if not names:
        raise InkbenchError(f"{folder}: git lists no files; run this in a git clone")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in names:
            if os.path.lexists(folder / name):
                tar.add(folder / name, name, recursive=False)
    return buffer.getvalue()


def untracked(folder: Path, *paths: str) -> list[str]:
    """Files in these places (default: `INPUTS`) that git neither knows nor ignores."""
    return _files(folder, "-o", "--exclude-standard", "--", *(paths or INPUTS))


def has_identity(folder: Path) -> bool:
    """Whether git is told the user's name and email address, which DVC does not guess."""
    return bool(_git(folder, "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"))


def _files(folder: Path, *options: str) -> list[str]:
    return [*filter(None, _git(folder, "ls-files", "-z", *options).split("\0"))]


def _clean(folder: Path, commit: str, inputs: str) -> State:
    title = f"{commit[:8]} {_git(folder, 'log', '-1', '--format=%s', commit)}"[:120]
    return State(f"commit:{commit}", title, inputs, commit, repository=_repository(folder))


def _experiment(folder: Path, name: str, baseline: str, inputs: str) -> State:
    key, title = f"exp:{baseline[:12]}:{name}", f"{name} on {baseline[:8]}"
    return State(key, title, inputs, baseline, name, True, _repository(folder))


def _inputs_on_disk(folder: Path) -> str:
    """Digest of the inputs in the working tree: what git would commit, or else the Python files."""
    paths = [name for name in INPUTS if (folder / name).exists()]
    with tempfile.TemporaryDirectory() as temporary:
        index = {"GIT_INDEX_FILE": f"{temporary}/index"}
        _git(folder, "add", "--", *paths, **index)
        if tree := _git(folder, "write-tree", **index):
            return _inputs_of(folder, tree)
    files = [file for name in paths for file in [folder / name, *folder.glob(f"{name}/**/*.py")]]
    content = [file.read_bytes() for file in sorted(files) if file.is_file()]
    return hashlib.sha256(b"\0".join(content)).hexdigest()[:16]


def _inputs_of(folder: Path, tree: str) -> str:
    """Digest of the inputs in a commit or tree of git, by their object ids."""
    listing = _git(folder, "ls-tree", tree, "--", *INPUTS)
    return hashlib.sha256(listing.encode(errors="surrogateescape")).hexdigest()[:16]


def _git(folder: Path, *arguments: str, **environment: str) -> str:
    """Output of a git command, stripped; empty if it fails or git is missing."""
    inherited = {key: value for key, value in os.environ.items() if key != "GIT_DIR"}
    try:
        return subprocess.run(
            ["git", "-c", "safe.directory=*", *arguments],
            cwd=folder,
            env=inherited | {"GIT_OPTIONAL_LOCKS": "0"} | environment,
            capture_output=True,
            check=True,
            text=True,
            errors="surrogateescape",
            timeout=30,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _repository(folder: Path) -> str:
    """Web page of the git remote, without credentials; empty for a local path."""
    url = _git(folder, "config", "remote.origin.url")
    # `git@host:owner/name.git` is short for `ssh://git@host/owner/name.git`
    parts = urlsplit(re.sub(r"^([\w.-]+@[\w.-]+):(?!//)", r"ssh://\1/", url))
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme in {"http", "https"}:
        return f"{parts.scheme}://{host}{parts.path}"
    # The web page has another port than ssh.
    return f"https://{parts.hostname}{parts.path}" if parts.scheme in {"ssh", "git"} else ""
