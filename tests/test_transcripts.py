"""The scripts that write console sessions and pictures of the documentation."""

import base64
import io
import shlex
import shutil
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from PIL import Image

from helpers import script
from inkbench.errors import InkbenchError

PAGE = """\
Try it:

```console
$ echo new  # in this folder
old
$ pwd
$ cat file; echo >&2 not shown
```

```sh
$ echo not a session
```
"""


@pytest.fixture
def transcripts() -> ModuleType:
    """The script ``docs/transcripts.py``."""
    return script("docs/transcripts.py")


def test_rewritten_updates_console_blocks_only(transcripts, tmp_path):
    (tmp_path / "file").write_text("first line\n\nsecond line  \n")
    session = "$ echo new  # in this folder\nnew\n$ pwd\n…\n"
    session += "$ cat file; echo >&2 not shown\nfirst line\nsecond line\n"
    old = PAGE[PAGE.index("$ echo new") : PAGE.index("```\n\n```sh")]
    assert transcripts.rewritten(PAGE, tmp_path) == PAGE.replace(old, session)


def test_rewritten_names_a_failed_command(transcripts, tmp_path):
    with pytest.raises(InkbenchError, match=r"cat missing.*No such file"):
        transcripts.rewritten("```console\n$ cat missing\n```\n", tmp_path)


def test_main_clones_into_a_folder_with_spaces(transcripts, tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/tracking.md").write_text("no session\n")
    (tmp_path / "of two words").mkdir()
    ran: list[list[str]] = []
    monkeypatch.setattr(transcripts, "ROOT", tmp_path)
    monkeypatch.setattr(transcripts, "run", lambda text, _: ran.append(shlex.split(text)))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "of two words"))
    monkeypatch.setattr("sys.argv", ["transcripts.py"])
    transcripts.main()
    assert ran[0][:-1] == ["git", "clone", "--quiet", str(tmp_path)]
    assert Path(ran[0][-1]).is_relative_to(tmp_path / "of two words")


def test_scans_writes_its_picture_beside_the_script(root, tmp_path, monkeypatch):
    for name in ("docs", "elsewhere"):
        (tmp_path / name).mkdir()
    module = script(Path(shutil.copy(root / "docs/scans.py", tmp_path / "docs")))
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(module.chosen, "model", lambda *_: (None, "no model"))
    monkeypatch.setattr(module, "clean", lambda _, pixels: SimpleNamespace(pixels=pixels))
    monkeypatch.setattr("sys.argv", ["scans.py"])
    module.main()
    with Image.open(tmp_path / "docs/scans.png") as picture:
        assert picture.width == 1380


def test_screenshot_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    module = script("docs/screenshots.py")
    monkeypatch.setattr(module, "DOCS", tmp_path)
    (tmp_path / "runs.png").write_bytes(b"old")
    taken = io.BytesIO()
    Image.new("RGB", (8, 8)).save(taken, "PNG")
    answer = {"data": base64.b64encode(taken.getvalue())}

    def full(_: Image.Image, path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(InkbenchError, match=r"runs\.png"):
        module.Browser.save(lambda *_, **__: answer, "runs")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
