"""The pipeline state of a working tree or revision."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from inkbench import state
from inkbench.errors import InkbenchError


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with parameters and code, committed."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "code.py").write_text("1")
    (tmp_path / "params.yaml").write_text("a: 1")
    (tmp_path / "README.md").write_text("hello")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def key(repository: Path, **environment: str) -> str:
    return state.of_folder(repository, environment).key


def test_of_folder_is_the_commit_of_a_clean_tree(repository):
    assert key(repository) == "commit:" + git(repository, "rev-parse", "HEAD").strip()


def test_of_folder_ignores_results_and_readme(repository):
    clean = key(repository)
    (repository / "README.md").write_text("new")
    (repository / "dvc.lock").write_text("new")
    assert key(repository) == clean


@pytest.mark.parametrize("path", ["params.yaml", "src/code.py", "src/new.py"])
def test_of_folder_follows_a_changed_input_and_back(repository, path):
    clean = key(repository)
    file = repository / path
    before = file.read_text() if file.exists() else None
    file.write_text("changed")
    assert key(repository).startswith("tree:")
    file.unlink() if before is None else file.write_text(before)
    assert key(repository) == clean


def test_of_folder_tells_two_changes_apart(repository):
    (repository / "params.yaml").write_text("a: 2")
    one = key(repository)
    (repository / "params.yaml").write_text("a: 3")
    assert key(repository) != one


def test_of_folder_takes_the_experiment_from_dvc(repository):
    named = key(repository, DVC_EXP_NAME="puffy-daks", DVC_EXP_BASELINE_REV="a" * 40)
    assert named == "exp:aaaaaaaaaaaa:puffy-daks"


def test_snapshot_takes_new_code_and_leaves_other_new_files(repository):
    (repository / "src/new.py").write_text("2")
    (repository / "scans").mkdir()
    (repository / "scans/private.png").write_bytes(b"scan")
    with tarfile.open(fileobj=io.BytesIO(state.snapshot(repository))) as tar:
        names = {"README.md", "params.yaml", "src/code.py", "src/new.py"}
        assert set(tar.getnames()) == names


def test_of_folder_works_without_git(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text("a: 1")
    monkeypatch.setenv("PATH", "/nowhere")
    one = state.of_folder(tmp_path, {})
    (tmp_path / "params.yaml").write_text("a: 2")
    assert (one.commit, one.dirty) == ("", True)
    assert state.of_folder(tmp_path, {}).key != one.key


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://user:secret@example.org/a/b.git", "https://example.org/a/b.git"),
        ("ssh://git@example.org:2222/a.git", "https://example.org/a.git"),
        ("git@example.org:a/b.git", "https://example.org/a/b.git"),
        ("/home/me/secret", ""),
    ],
)
def test_of_folder_shows_the_remote_without_credentials(repository, remote, shown):
    git(repository, "remote", "add", "origin", remote)
    assert state.of_folder(repository, {}).repository == shown


def test_of_revision_equals_the_clean_tree(repository):
    here = state.of_folder(repository, {})
    assert state.of_revision(repository, "main") == (here, here.commit)


def test_of_revision_refuses_an_unknown_one(repository):
    with pytest.raises(InkbenchError, match="nowhere"):
        state.of_revision(repository, "nowhere")
