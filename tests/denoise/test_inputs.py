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
    targets, errors = find(inputs, Path(out))
    assert not errors
    return {str(source): str(target) for source, target in targets.items()}


def error(*inputs: str, out: str = "out") -> str:
    _, errors = find(inputs, Path(out))
    (message,) = map(str, errors)
    return message


@pytest.mark.parametrize(
    ("inputs", "out", "expected"),
    [
        (["scans"], "out", {"scans/a.png": "out/a.png", "scans/b/c.JPG": "out/b/c.JPG"}),
        (["."], "scans", {"page[1].png": "scans/page[1].png", "d.webp": "scans/d.png"}),
        (["**/*.JPG"], "out", {"scans/b/c.JPG": "out/c.JPG"}),
        (["page[1].png"], "out", {"page[1].png": "out/page[1].png"}),
        (["scans/a.png", "scans/*.png"], "out", {"scans/a.png": "out/a.png"}),
        (["scans/a.png"], "clean.pdf", {"scans/a.png": "clean.pdf"}),
    ],
    ids=["folder", "output folder inside", "pattern", "brackets", "named twice", "output file"],
)
def test_find_names_the_output_of_each_file(
    inputs: list[str], out: str, expected: dict[str, str], here: Path
) -> None:
    touch("scans/a.png", "scans/b/c.JPG", "scans/notes.txt", "scans/.hidden.png")
    touch("page[1].png", "d.webp")
    assert plan(*inputs, out=out) == expected


@pytest.mark.parametrize("out", ["clean.pdf", "notes.txt"])
def test_output_for_several_inputs_must_be_a_folder(out: str, here: Path) -> None:
    touch("a.png", "b.png", "notes.txt")
    with pytest.raises(InkbenchError, match=f"{out}: "):
        find(["a.png", "b.png"], Path(out))


@pytest.mark.parametrize(
    ("first", "second"), [("front.jpg", "front.png"), ("a-compare.png", "a.png")]
)
def test_comparison_never_overwrites_another_output(first: str, second: str, here: Path) -> None:
    touch(first, second)
    assert len(plan(first, second)) == 2
    targets, errors = find([first, second], Path("out"), compare=True)
    assert list(targets) == [Path(first)]
    assert first in str(errors[0])


def test_shared_output_names_both_inputs(here: Path) -> None:
    touch("a/page.png", "b/page.png")
    message = error("a/page.png", "b/page.png")
    assert message.startswith("b/page.png: ")
    assert "out/page.png" in message and "a/page.png" in message


def test_missing_and_empty_inputs_are_named(here: Path) -> None:
    touch("a.png")
    Path("empty").mkdir()
    targets, errors = find(["missing.png", "empty", "a.png", "*.jpg"], Path("out"))
    assert list(targets) == [Path("a.png")]
    assert [str(error).split(":")[0] for error in errors] == ["missing.png", "empty", "*.jpg"]


def test_link_cycles_end(here: Path) -> None:
    touch("scans/a.png")
    Path("scans/parent").symlink_to("..", target_is_directory=True)
    Path("cycle.png").symlink_to("cycle.png")
    assert list(plan("scans")) == ["scans/a.png"]
    assert error("cycle.png").startswith("cycle.png: ")


def test_shown_escapes_unprintable_bytes(here: Path) -> None:
    assert shown(b"a\n\xff\x1b.png".decode("utf-8", "surrogateescape")) == "a\\n\\xff\\x1b.png"


def test_output_never_overwrites_an_input(here: Path) -> None:
    touch("new/x.png", "archive/x.png", "archive/y.png")
    targets, errors = find(["new", "archive"], Path("archive"))
    assert not targets and len(errors) == 3
    assert str(errors[0]).startswith("new/x.png: ") and "archive/x.png" in str(errors[0])
