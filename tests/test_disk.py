import os
from pathlib import Path

import pytest

from inkbench import disk
from inkbench.errors import InkbenchError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with something good in it."""
    made = tmp_path / "good"
    with disk.new_version(made) as scratch:
        (scratch / "kept.txt").write_text("good")
    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_version_takes_the_place_of_the_old_one_whole(folder: Path) -> None:
    with disk.new_version(folder) as scratch:
        (scratch / "other.txt").write_text("better")
    assert names(folder) == ["other.txt"]


def test_an_error_while_writing_leaves_the_old_version(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), disk.new_version(folder) as scratch:
        (scratch / "half.txt").write_text("half")
        raise ZeroDivisionError
    assert names(folder) == ["kept.txt"]
    assert names(folder.parent) == ["good"]


def test_what_a_killed_run_left_is_swept_up(folder: Path) -> None:
    scratch = folder.with_name(".good.new")
    scratch.mkdir()
    (scratch / "half.txt").write_text("half")
    with disk.new_version(folder) as again:
        (again / "kept.txt").write_text("good")
    assert names(folder) == ["kept.txt"]


def test_a_new_file_takes_its_name_when_it_is_whole(folder: Path) -> None:
    path = folder / "kept.txt"
    with disk.new_file(path) as scratch:
        scratch.write_text("better")
        assert scratch.suffix == ".txt", "some writers go by the suffix"
        assert path.read_text() == "good"
    assert path.read_text() == "better"
    assert names(folder) == ["kept.txt"]


def test_two_processes_do_not_write_into_the_same_scratch(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk.new_file(folder / "kept.txt") as mine:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with disk.new_file(folder / "kept.txt") as theirs:
            assert theirs != mine
            theirs.write_text("theirs")
        mine.write_text("mine")
    assert (folder / "kept.txt").read_text() == "mine"
    assert names(folder) == ["kept.txt"]


def test_a_file_that_fails_leaves_the_one_that_was_there(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), disk.new_file(folder / "kept.txt") as scratch:
        scratch.write_text("half")
        raise ZeroDivisionError
    assert names(folder) == ["kept.txt"]
    assert (folder / "kept.txt").read_text() == "good"


def test_no_room_is_one_line_that_names_the_file(folder: Path) -> None:
    with (
        pytest.raises(InkbenchError, match=r"kept\.txt: no room to write it \(\d+ MB free"),
        disk.new_file(folder / "kept.txt"),
    ):
        raise OSError(28, os.strerror(28))
