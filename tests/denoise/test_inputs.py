"""Which files are cleaned, and where their outputs go."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from inkbench.denoise.inputs import comparison, find
from inkbench.errors import InkbenchError, shown


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
        (["scans/**/*.png"], "scans/done", {"scans/a.png": "scans/done/a.png"}),
        (["**/*.JPG"], "scans/done", {"scans/b/c.JPG": "scans/done/c.JPG"}),
    ],
    ids=[
        *("folder", "output folder inside", "pattern", "brackets", "named twice", "output file"),
        *("pattern above the output folder", "the same, further above"),
    ],
)
def test_find_names_the_output_of_each_file(inputs, out, expected, here):
    touch("scans/a.png", "scans/b/c.JPG", "scans/notes.txt", "scans/.hidden.png")
    touch("page[1].png", "d.webp")
    if out == "scans/done":  # by an earlier run
        touch("scans/done/a.png", "scans/done/c.JPG")
    assert plan(*inputs, out=out) == expected


@pytest.mark.parametrize("out", ["clean.pdf", "notes.txt"])
def test_output_for_several_inputs_must_be_a_folder(out, here):
    touch("a.png", "b.png", "notes.txt")
    with pytest.raises(InkbenchError, match=f"{out}: "):
        find(["a.png", "b.png"], Path(out))


@pytest.mark.parametrize(
    ("first", "second"), [("front.jpg", "front.png"), ("a-compare.png", "a.png")]
)
def test_comparison_never_overwrites_another_output(first, second, here):
    touch(first, second)
    assert len(plan(first, second)) == 2
    targets, errors = find([first, second], Path("out"), compare=True)
    assert list(targets) == [Path(first)]
    assert first in str(errors[0])


@pytest.mark.parametrize("number", ["", "-2", "-30"])
def test_comparison_of_any_page_overwrites_no_input(number, here):
    touch("x/a.tif", f"out/a-compare{number}.png", "out/b-compare-2.png")
    inputs = ["x/a.tif", str(here / f"out/a-compare{number}.png"), "out/b-compare-2.png"]
    assert Path("x/a.tif") in find(inputs, Path("out"))[0]
    targets, errors = find(inputs, Path("out"), compare=True)
    assert not targets and len(errors) == 3
    assert str(errors[0]).startswith("x/a.tif: ") and f"out/a-compare{number}.png" in str(errors[0])


@pytest.mark.parametrize(
    "inputs", [("x/a.tif", "y/a-compare-2.png"), ("y/a-compare-2.png", "x/a.tif")]
)
def test_comparison_of_any_page_is_no_other_output(inputs, here):
    touch(*inputs)
    assert len(plan(*inputs)) == 2
    targets, errors = find(inputs, Path("out"), compare=True)
    assert list(targets) == [Path(inputs[0])] and len(errors) == 1


def test_shared_output_names_both_inputs(here):
    touch("a/page.png", "b/page.png")
    message = error("a/page.png", "b/page.png")
    assert message.startswith("b/page.png: ")
    assert "out/page.png" in message and "a/page.png" in message and "folder" in message


@pytest.mark.parametrize("second", ["y/s\xe4.png", "y/SA\u0308.PNG"])
def test_outputs_that_some_file_systems_take_for_one_are_shared(second, here):
    touch("x/S\xe4.png", second)
    targets, errors = find(["x/S\xe4.png", second], Path("new"))
    assert list(targets) == [Path("x/S\xe4.png")] and len(errors) == 1


@pytest.mark.parametrize("content", [b"\0\0\0\x18ftypheic", b"no image"])
def test_file_that_is_not_read_takes_no_name_from_one_that_is(content, here):
    Image.new("L", (4, 3)).save("photo.png")
    Path("photo.heic").write_bytes(content)
    targets, errors = find(["photo.heic", "photo.png"], Path("out"))
    assert list(targets) == [Path("photo.png")]
    (message,) = map(str, errors)
    assert message.startswith("photo.heic: ") and "format" in message
    assert plan("photo.heic") == {"photo.heic": "out/photo.png"}


def test_missing_and_empty_inputs_are_named(here):
    touch("a.png")
    Path("empty").mkdir()
    targets, errors = find(["missing.png", "empty", "a.png", "*.jpg"], Path("out"))
    assert list(targets) == [Path("a.png")]
    assert [str(error).split(":")[0] for error in errors] == ["missing.png", "empty", "*.jpg"]


def test_link_cycles_end(here):
    touch("scans/a.png")
    Path("scans/parent").symlink_to("..", target_is_directory=True)
    Path("cycle.png").symlink_to("cycle.png")
    assert list(plan("scans")) == ["scans/a.png"]
    assert error("cycle.png").startswith("cycle.png: ")


def test_pattern_goes_on_after_a_file_that_cannot_be_read(here):
    touch("scans/a.png", "scans/c.png", "scans/d/notes.txt")
    Path("scans/b.png").symlink_to("missing.png")
    targets, errors = find(["scans/*"], Path("out"))
    assert list(targets) == [Path("scans/a.png"), Path("scans/c.png")]
    assert [str(error).split(":")[0] for error in errors] == ["scans/b.png", "scans/d"]


@pytest.mark.parametrize("pattern", ["scans/*", "scans/**/*.png"])
def test_pattern_skips_links_to_folders_that_it_does_not_name(pattern, here, capsys):
    touch("scans/a.png")
    Path("scans/loop").symlink_to(".", target_is_directory=True)
    assert list(plan(pattern)) == ["scans/a.png"]
    assert capsys.readouterr().err.count("scans/loop: a link to a folder") == 1
    assert list(plan("scans/loop/*.png")) == ["scans/loop/a.png"]


def test_file_that_is_named_twice_is_cleaned_once(here):
    touch("scans/a.png")
    assert list(plan("scans/a.png", str(here / "scans"))) == ["scans/a.png"]


def test_text_that_begins_like_a_picture_is_skipped(here, capsys):
    touch("scans/a.png")
    Path("scans/car.txt").write_text("BMW invoice, " * 9)
    Path("scans/todo").write_text("P1 notes: " * 9)
    assert list(plan("scans")) == ["scans/a.png"]
    assert len(capsys.readouterr().err.splitlines()) == 2
    Path("scans/car.txt").rename("scans/car.bmp")
    assert list(plan("scans")) == ["scans/a.png", "scans/car.bmp"]


def test_shown_escapes_unprintable_bytes(here):
    assert shown(b"a\n\xff\x1b.png".decode("utf-8", "surrogateescape")) == "a\\n\\xff\\x1b.png"


def test_output_never_overwrites_an_input(here):
    touch("new/x.png", "archive/x.png", "archive/y.png")
    targets, errors = find(["new", "archive/x.png", "archive/y.png"], Path("archive"))
    assert not targets and len(errors) == 3
    assert str(errors[0]).startswith("new/x.png: ") and "archive/x.png" in str(errors[0])


@pytest.mark.parametrize("link", ["hardlink_to", "symlink_to"])
def test_output_never_overwrites_another_name_of_an_input(link, here):
    touch("new/x.png")
    Path("archive").mkdir()
    getattr(Path("archive/x.png"), link)(here / "new/x.png")
    assert "overwrite the input new/x.png" in error("new/x.png", out="archive")


def test_output_folder_among_the_inputs_is_skipped(here, capsys):
    touch("scans/a.png", "scans/cleaned/a.png", "scans/cleaned/b.png")
    inputs = ["scans/a.png", "scans/cleaned"]  # as a shell expands scans/*
    assert plan(*inputs, out="scans/cleaned/") == {"scans/a.png": "scans/cleaned/a.png"}
    assert "scans/cleaned" in capsys.readouterr().err


def test_output_folder_as_the_only_input_is_an_error(here):
    touch("scans/a.png", "scans/b.gif")
    with pytest.raises(InkbenchError, match="input folder"):
        find(["scans"], Path("scans"))


FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF", "PDF")


@pytest.mark.parametrize("kind", FORMATS)
def test_folder_is_judged_by_content(kind, here):
    Path("scans").mkdir()
    for name in ("page", "page.2", "page.jfif", "page.xyz"):
        Image.new("L", (4, 3), 90).save(f"scans/{name}", kind)
    Path("scans/notes.txt").write_text("P.S. %PDF-1.4 is a header")
    suffix = {"JPEG": ".jpg", "TIFF": ".tif", "PDF": ".pdf"}.get(kind, ".png")
    names = {"page": "page", "page.2": "page.2", "page.xyz": "page.xyz"}
    targets, errors = find(["scans"], Path("out"))
    assert {source.name: target.name for source, target in targets.items()} == {
        name: f"{stem}{suffix}" for name, stem in names.items()
    }
    assert [str(error).split(":")[0] for error in errors] == ["scans/page.jfif"]  # as page


@pytest.mark.parametrize("name", ["a.pnm", "a.jfif", "a.gif", "a.JPE", "a.heic", "a.jp2", "a.psd"])
def test_suffix_of_a_picture_is_never_skipped(name, here):
    touch(f"scans/{name}")
    assert plan("scans") == {f"scans/{name}": "out/a.png"}


def test_skipped_files_are_named_with_the_reason(here, capsys):
    touch("scans/a.png", "scans/b/notes.txt", "scans/.c.png", "scans/.DS_Store", "scans/.d/e.png")
    Path("scans/link").symlink_to("b", target_is_directory=True)
    os.mkfifo("scans/pipe")
    assert list(plan("scans")) == ["scans/a.png"]
    lines = capsys.readouterr().err.splitlines()
    skipped = dict(line.removeprefix("inkbench: skipped ").split(": ") for line in lines)
    assert set(skipped) == {
        f"scans/{name}" for name in ("b/notes.txt", ".c.png", ".d", "link", "pipe")
    }
    assert "image" in skipped["scans/b/notes.txt"] and "hidden" in skipped["scans/.c.png"]


@pytest.mark.parametrize("text", ["scans", "scans/**/*.png"])
def test_unreadable_subfolder_is_an_error(text, here, monkeypatch):
    touch("scans/a.png", "scans/locked/b.png")
    scandir = os.scandir

    def denied(path: str) -> object:  # root can read every folder
        if os.fspath(path).endswith("locked"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    targets, errors = find([text], Path("out"))
    assert Path("scans/a.png") in targets
    (message,) = map(str, errors)
    assert message.startswith("scans/locked: ") and "Permission denied" in message


@pytest.mark.parametrize("out", ["a.webp", "a.GIF", "b/a.jp2", "a.heic", "a.bmp", "a.svg"])
def test_output_of_a_format_that_cannot_be_written_is_an_error(out, here):
    touch("a.png")
    with pytest.raises(InkbenchError, match=r"\.jpg, \.pdf, \.png, \.tif") as raised:
        find(["a.png"], Path(out))
    assert str(raised.value).startswith(f"{out}: ")


def test_output_folder_may_have_any_name(here):
    touch("a.png", "old.webp/b.png")
    assert plan("a.png", out="old.webp") == {"a.png": "old.webp/a.png"}
    assert plan("a.png", out="scans.2024") == {"a.png": "scans.2024/a.png"}


@pytest.mark.parametrize("letter", ["x", "é", "書"])
def test_names_of_outputs_have_at_most_255_bytes(letter, here):
    stem = letter * (255 // len(letter.encode()))
    Image.new("L", (4, 3)).save("page.png")
    os.rename("page.png", stem)
    (target,) = plan(stem).values()
    for path in (Path(target), comparison(Path(target), 1), comparison(Path(target), 1000)):
        assert 250 < len(path.name.encode()) <= 255 and path.suffix == ".png"


def test_unreadable_file_of_a_folder_stops_no_other(here, monkeypatch):
    touch("scans/a.png", "scans/b", "scans/c.png")
    is_file = Path.is_file

    def denied(path: Path) -> bool:  # as in a folder that may be listed only
        if path.name == "b":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", denied)
    assert list(plan("scans")) == ["scans/a.png", "scans/b", "scans/c.png"]
