import errno
import os
import signal
from pathlib import Path

import pytest

from inkbench import disk
from inkbench.errors import InkbenchError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds ``kept.txt``, written by `disk.new_version`."""
    folder = tmp_path / "results"
    with disk.new_version(folder) as scratch:
        (scratch / "kept.txt").write_text("old")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_version_replaces_the_folder_and_leftovers_of_a_killed_run(folder):
    leftover = folder.with_name(".results.new")
    leftover.mkdir()
    (leftover / "partial.txt").write_text("partial")
    with disk.new_version(folder) as scratch:
        (scratch / "other.txt").write_text("new")
    assert names(folder) == ["other.txt"]


def test_new_version_brings_back_what_a_kill_between_the_renames_left(folder):
    folder.rename(folder.with_name(".results.old"))
    with pytest.raises(ValueError), disk.new_version(folder):
        raise ValueError("a rerun that fails")
    assert names(folder) == ["kept.txt"] and names(folder.parent) == ["results"]


def test_interruption_between_the_two_renames_keeps_the_old_version(folder, monkeypatch):
    rename = os.replace

    def interrupted(source: Path, target: Path) -> None:
        if source.name.endswith(".new"):
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), disk.new_version(folder):
        pass
    assert names(folder) == ["kept.txt"] and names(folder.parent) == ["results"]


def test_remove_leftovers_removes_scratch_files_of_these_files_only(folder):
    for name in ("kept.txt", "other.txt"):
        pid = os.fork()
        if not pid:
            with disk.new_file(folder / name) as scratch:
                scratch.write_text("partial")
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
    (folder / ".new.txt").touch()
    before = set(names(folder))
    disk.remove_leftovers([folder / "kept.txt", folder / "more" / "kept.txt"])
    (removed,) = before - set(names(folder))
    assert removed.endswith(".new.txt") and len(before) == 4


def test_remove_leftovers_keeps_the_files_of_running_processes(folder):
    path = folder / "kept.txt"
    with disk.new_file(path) as scratch:
        scratch.touch()
        assert not disk.remove_leftovers([path], running={os.getpid()}) and scratch.exists()
        assert disk.remove_leftovers([path], running={1}) and not scratch.exists()
        scratch.touch()


def test_remove_leftovers_passes_over_folders_that_may_not_be_changed(folder, monkeypatch):
    def denied(*_: object, **__: object) -> None:  # root may change every folder
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with disk.new_file(folder / "kept.txt") as scratch:
        scratch.touch()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", denied)
            assert not disk.remove_leftovers([folder / "kept.txt"])


def test_an_error_keeps_the_old_version(folder):
    with pytest.raises(ZeroDivisionError), disk.new_version(folder) as scratch:
        (scratch / "partial.txt").write_text("partial")
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), disk.new_file(folder / "kept.txt") as scratch:
        scratch.write_text("partial")
        raise ZeroDivisionError
    assert names(folder) == ["kept.txt"]
    assert names(folder.parent) == ["results"]
    assert (folder / "kept.txt").read_text() == "old"


def test_new_file_appears_only_when_complete(folder):
    path = folder / "kept.txt"
    with disk.new_file(path) as scratch:
        scratch.write_text("new")
        assert scratch.suffix == ".txt", "some writers choose the format by the suffix"
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(folder) == ["kept.txt"]


def test_new_file_keeps_concurrent_processes_apart(folder, monkeypatch):
    with disk.new_file(folder / "kept.txt") as first:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with disk.new_file(folder / "kept.txt") as second:
            assert second != first
            second.write_text("second")
        first.write_text("first")
    assert (folder / "kept.txt").read_text() == "first"
    assert names(folder) == ["kept.txt"]


def test_full_disk_error_names_the_file_and_the_free_space(folder):
    with (
        pytest.raises(InkbenchError, match=r"kept\.txt: .*\d+ MB free"),
        disk.new_file(folder / "kept.txt"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("name", ["x" * 251 + ".txt", "é" * 125 + ".txt"])
def test_new_file_may_have_a_name_of_255_bytes(name, tmp_path):
    with disk.new_file(tmp_path / name) as scratch:
        scratch.write_text("new")
    assert names(tmp_path) == [name]
