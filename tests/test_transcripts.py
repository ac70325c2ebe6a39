"""The README's sessions are what their commands print."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from inkbench.errors import InkbenchError

PAGE = """\
Try it:

```console
$ echo now  # in this folder
then
$ pwd
$ cat made; echo >&2 not shown
```

```sh
$ echo not a session
```
"""


@pytest.fixture
def transcripts(root: Path) -> ModuleType:
    """The script ``docs/transcripts.py``."""
    spec = importlib.util.spec_from_file_location("transcripts", root / "docs/transcripts.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_session_shows_what_its_commands_print_now(
    transcripts: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "made").write_text("made earlier\n\nby hand  \n")
    new = "$ echo now  # in this folder\nnow\n$ pwd\n…\n"
    new += "$ cat made; echo >&2 not shown\nmade earlier\nby hand\n"
    old = PAGE[PAGE.index("$ echo now") : PAGE.index("```\n\n```sh")]
    assert transcripts.rewritten(PAGE, tmp_path) == PAGE.replace(old, new)


def test_a_command_that_fails_leaves_no_transcript(transcripts: ModuleType, tmp_path: Path) -> None:
    page = PAGE.replace("cat made", "cat missing")
    with pytest.raises(InkbenchError, match=r"`cat missing.*` failed: .*missing"):
        transcripts.rewritten(page.replace("; echo >&2 not shown", ""), tmp_path)
