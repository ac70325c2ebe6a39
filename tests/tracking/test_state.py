"""Which pipeline state a working tree is."""

import subprocess
from pathlib import Path

import pytest

from inkbench.tracking import parents, state


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


def test_a_clean_tree_is_its_commit(repository: Path) -> None:
    assert key(repository) == "commit:" + git(repository, "rev-parse", "HEAD").strip()


def test_results_and_readme_do_not_make_a_tree_dirty(repository: Path) -> None:
    clean = key(repository)
    (repository / "README.md").write_text("new")
    (repository / "dvc.lock").write_text("new")
    assert key(repository) == clean


@pytest.mark.parametrize("path", ["params.yaml", "src/code.py", "src/new.py"])
def test_a_changed_input_is_another_state_until_it_is_changed_back(
    repository: Path, path: str
) -> None:
    clean = key(repository)
    file = repository / path
    before = file.read_text() if file.exists() else None
    file.write_text("changed")
    assert key(repository).startswith("tree:")
    file.unlink() if before is None else file.write_text(before)
    assert key(repository) == clean


def test_two_different_changes_are_two_states(repository: Path) -> None:
    (repository / "params.yaml").write_text("a: 2")
    one = key(repository)
    (repository / "params.yaml").write_text("a: 3")
    assert key(repository) != one


def test_an_experiment_is_named_by_dvc(repository: Path) -> None:
    named = key(repository, DVC_EXP_NAME="puffy-daks", DVC_EXP_BASELINE_REV="a" * 40)
    assert named == "exp:aaaaaaaaaaaa:puffy-daks"


def test_without_git_the_content_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_remote_is_shown_by_its_page_without_credentials(
    repository: Path, remote: str, shown: str
) -> None:
    git(repository, "remote", "add", "origin", remote)
    assert state.of_folder(repository, {}).repository == shown


def test_a_commit_is_linked_to_its_page(repository: Path) -> None:
    assert parents.commit_link(state.of_folder(repository, {})).startswith("commit `")
    git(repository, "remote", "add", "origin", "git@example.org:a/b.git")
    here = state.of_folder(repository, {})
    assert parents.commit_link(here) == (
        f"[commit `{here.commit[:12]}`](https://example.org/a/b/commit/{here.commit})"
    )


def test_a_revision_has_the_inputs_of_its_clean_tree(repository: Path) -> None:
    here = state.of_folder(repository, {})
    assert state.of_revision(repository, "main") == (here, here.commit)


def test_an_unknown_revision_is_none(repository: Path) -> None:
    assert state.of_revision(repository, "nowhere") is None
