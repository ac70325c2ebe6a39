"""The script that reruns console sessions of the documentation."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

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
def transcripts(root: Path) -> ModuleType:
    """The script ``docs/transcripts.py``."""
    spec = importlib.util.spec_from_file_location("transcripts", root / "docs/transcripts.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rewritten_updates_console_blocks_only(transcripts, tmp_path):
    (tmp_path / "file").write_text("first line\n\nsecond line  \n")
    session = "$ echo new  # in this folder\nnew\n$ pwd\n…\n"
    session += "$ cat file; echo >&2 not shown\nfirst line\nsecond line\n"
    old = PAGE[PAGE.index("$ echo new") : PAGE.index("```\n\n```sh")]
    assert transcripts.rewritten(PAGE, tmp_path) == PAGE.replace(old, session)


def test_rewritten_names_a_failed_command(transcripts, tmp_path):
    with pytest.raises(InkbenchError, match=r"cat missing.*No such file"):
        transcripts.rewritten("```console\n$ cat missing\n```\n", tmp_path)
