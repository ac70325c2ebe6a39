"""Which files are cleaned, and where their outputs go."""

from pathlib import Path

import pytest

from inkbench.denoise.inputs import find, shown
from inkbench.errors import InkbenchError


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def plan(*inputs: str, out: str = "out") -> dict[str, str]:
    tasks, errors = find(inputs, Path(out))
    assert not errors
    return {str(task.source): str(task.target) for task in tasks}


def error(*inputs: str, out: str = "out") -> str:
    _, errors = find(inputs, Path(out))
    (message,) = map(str, errors)
    return message


def test_folder_structure_is_kept(here: Path) -> None:
    touch("scans/a.png", "scans/b/c.JPG", "scans/notes.txt", "scans/.hidden.png")
    assert plan("scans") == {"scans/a.png": "out/a.png", "scans/b/c.JPG": "out/b/c.JPG"}


def test_output_folder_inside_the_input_is_skipped(here: Path) -> None:
    touch("scans/a.png", "scans/out/a.png")
    assert plan("scans", out="scans/out") == {"scans/a.png": "scans/out/a.png"}


def test_glob_patterns_are_expanded(here: Path) -> None:
    touch("a.png", "b/c.tif")
    assert list(plan("**/*.tif")) == ["b/c.tif"]
    assert error("*.jpg").startswith("*.jpg: ")


def test_existing_name_with_brackets_is_no_pattern(here: Path) -> None:
    touch("page[1].png")
    assert plan("page[1].png") == {"page[1].png": "out/page[1].png"}


def test_read_only_formats_become_png(here: Path) -> None:
    touch("a.webp")
    assert plan("a.webp") == {"a.webp": "out/a.png"}


def test_output_file_takes_only_one_input(here: Path) -> None:
    touch("a.png", "b.png")
    assert plan("a.png", out="clean.pdf") == {"a.png": "clean.pdf"}
    with pytest.raises(InkbenchError, match=r"clean\.pdf: .*2 inputs"):
        find(["a.png", "b.png"], Path("clean.pdf"))


def test_file_named_twice_is_cleaned_once(here: Path) -> None:
    touch("scans/a.png")
    assert len(plan("scans/a.png", "scans")) == 1


def test_shared_output_names_both_inputs(here: Path) -> None:
    touch("a/page.png", "b/page.png")
    message = error("a/page.png", "b/page.png")
    assert message.startswith("b/page.png: ")
    assert "out/page.png" in message and "a/page.png" in message


def test_missing_and_empty_inputs_are_named(here: Path) -> None:
    touch("a.png")
    Path("empty").mkdir()
    tasks, errors = find(["missing.png", "empty", "a.png"], Path("out"))
    assert [task.source for task in tasks] == [Path("a.png")]
    assert [str(error).split(":")[0] for error in errors] == ["missing.png", "empty"]


def test_link_cycles_end(here: Path) -> None:
    touch("scans/a.png")
    Path("scans/parent").symlink_to("..", target_is_directory=True)
    Path("cycle.png").symlink_to("cycle.png")
    assert list(plan("scans")) == ["scans/a.png"]
    assert error("cycle.png").startswith("cycle.png: ")


def test_output_must_be_a_folder_or_an_image(here: Path) -> None:
    touch("a.png", "notes.txt")
    with pytest.raises(InkbenchError, match=r"notes\.txt"):
        find(["a.png"], Path("notes.txt"))


def test_shown_escapes_unprintable_bytes(here: Path) -> None:
    assert shown(b"a\n\xff\x1b.png".decode("utf-8", "surrogateescape")) == "a\\n\\xff\\x1b.png"


def test_output_never_overwrites_an_input(here: Path) -> None:
    touch("new/x.png", "archive/x.png", "archive/y.png")
    tasks, errors = find(["new", "archive"], Path("archive"))
    assert tasks == [] and len(errors) == 3
    assert str(errors[0]).startswith("new/x.png: ") and "archive/x.png" in str(errors[0])


def test_shared_comparison_is_an_error(here: Path) -> None:
    touch("front.jpg", "front.png")
    assert len(plan("front.jpg", "front.png")) == 2
    tasks, errors = find(["front.jpg", "front.png"], Path("out"), compare=True)
    assert [task.source for task in tasks] == [Path("front.jpg")]
    assert "front.jpg" in str(errors[0])


def test_comparison_never_overwrites_a_result(here: Path) -> None:
    touch("scans/a.png", "scans/a-compare.png")
    assert len(plan("scans")) == 2
    tasks, errors = find(["scans"], Path("out"), compare=True)
    assert [task.source for task in tasks] == [Path("scans/a-compare.png")]
    assert "scans/a-compare.png" in str(errors[0])
