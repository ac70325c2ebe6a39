"""What is cleaned, and where its result goes."""

from pathlib import Path

import pytest

from inkbench.denoise.inputs import find, shown
from inkbench.errors import InkbenchError


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def planned(*inputs: str, out: str = "out") -> dict[str, str]:
    tasks, unusable = find(inputs, Path(out))
    assert not unusable
    return {str(task.source): str(task.target) for task in tasks}


def complaint(*inputs: str, out: str = "out") -> str:
    _, unusable = find(inputs, Path(out))
    (error,) = unusable
    return str(error)


def test_a_folder_gives_its_images_at_the_same_places(here: Path) -> None:
    touch("scans/a.png", "scans/b/c.JPG", "scans/notes.txt", "scans/.hidden.png")
    assert planned("scans") == {"scans/a.png": "out/a.png", "scans/b/c.JPG": "out/b/c.JPG"}


def test_results_within_the_folder_are_not_cleaned_again(here: Path) -> None:
    touch("scans/a.png", "scans/out/a.png")
    assert planned("scans", out="scans/out") == {"scans/a.png": "scans/out/a.png"}


def test_patterns_are_for_us_where_the_shell_left_them(here: Path) -> None:
    touch("a.png", "b/c.tif")
    assert list(planned("**/*.tif")) == ["b/c.tif"]
    assert "matches no file" in complaint("*.jpg")


def test_a_name_with_brackets_is_a_name(here: Path) -> None:
    touch("page[1].png")
    assert planned("page[1].png") == {"page[1].png": "out/page[1].png"}


def test_formats_that_are_not_written_become_png(here: Path) -> None:
    touch("a.webp")
    assert planned("a.webp") == {"a.webp": "out/a.png"}


def test_one_file_may_go_into_one_file_but_two_may_not(here: Path) -> None:
    touch("a.png", "b.png")
    assert planned("a.png", out="clean.pdf") == {"a.png": "clean.pdf"}
    with pytest.raises(InkbenchError, match="do not fit into one"):
        find(["a.png", "b.png"], Path("clean.pdf"))


def test_a_file_that_is_named_twice_is_cleaned_once(here: Path) -> None:
    touch("scans/a.png")
    assert len(planned("scans/a.png", "scans")) == 1


def test_two_results_under_one_name_are_refused(here: Path) -> None:
    touch("a/page.png", "b/page.png")
    assert "as that of a/page.png" in complaint("a/page.png", "b/page.png")


def test_what_is_missing_or_empty_is_said_and_the_rest_goes_on(here: Path) -> None:
    touch("a.png")
    Path("empty").mkdir()
    tasks, unusable = find(["missing.png", "empty", "a.png"], Path("out"))
    assert [task.source for task in tasks] == [Path("a.png")]
    assert [str(error) for error in unusable] == [
        "missing.png: No such file or directory",
        "empty: no images in this folder",
    ]


def test_folders_and_files_that_link_in_a_circle_end(here: Path) -> None:
    touch("scans/a.png")
    Path("scans/again").symlink_to("..", target_is_directory=True)
    Path("round.png").symlink_to("round.png")
    assert list(planned("scans")) == ["scans/a.png"]
    assert "symbolic links" in complaint("round.png")


def test_an_output_that_is_neither_folder_nor_image_is_refused(here: Path) -> None:
    touch("a.png", "notes.txt")
    with pytest.raises(InkbenchError, match="neither a folder"):
        find(["a.png"], Path("notes.txt"))


def test_a_name_of_any_bytes_is_shown_in_one_line(here: Path) -> None:
    assert shown(b"a\n\xff\x1b.png".decode("utf-8", "surrogateescape")) == "a\\n\\xff\\x1b.png"


def test_an_input_is_never_the_place_of_a_result(here: Path) -> None:
    touch("new/x.png", "archive/x.png", "archive/y.png")
    tasks, unusable = find(["new", "archive"], Path("archive"))
    assert tasks == []
    said = [str(error) for error in unusable]
    assert said[0] == (
        "new/x.png: archive/x.png is an input and would be replaced; choose another -o"
    )
    assert len(said) == 3


def test_two_sheets_under_one_name_are_refused(here: Path) -> None:
    touch("front.jpg", "front.png")
    tasks, unusable = find(["front.jpg", "front.png"], Path("out"))
    assert len(tasks) == 2 and not unusable
    tasks, unusable = find(["front.jpg", "front.png"], Path("out"), compare=True)
    assert [task.source for task in tasks] == [Path("front.jpg")]
    assert "as that of front.jpg" in str(unusable[0])


def test_a_sheet_is_never_written_over_a_result_or_an_input(here: Path) -> None:
    touch("scans/a.png", "scans/a-compare.png")
    tasks, unusable = find(["scans"], Path("out"), compare=True)
    assert [task.source for task in tasks] == [Path("scans/a-compare.png")]
    assert "as that of scans/a-compare.png" in str(unusable[0])
    tasks, unusable = find(["scans"], Path("out"))
    assert len(tasks) == 2 and not unusable
