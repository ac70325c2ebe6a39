"""Rerun the console sessions of docs/tracking.md and update their output.

    python docs/transcripts.py      # after `dvc repro` and a commit; takes a minute or two

The script runs every line that starts with `$ ` in a `console` block, in order, in a temporary
clone of the last commit that shares this repository's DVC cache.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from inkbench import disk
from inkbench.errors import InkbenchError, one_line_errors

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)


def main() -> None:
    """Rewrite the sessions."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    with one_line_errors(), tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "inkbench"
        root, cache, copy = (shlex.quote(str(p)) for p in (ROOT, ROOT / ".dvc/cache", clone))
        run(f"git clone --quiet {root} {copy}", ROOT)
        run(f"dvc cache dir --local {cache} && dvc checkout --quiet", clone)
        page = ROOT / "docs/tracking.md"
        disk.write_text(page, rewritten(page.read_text("utf-8"), clone))


def rewritten(text: str, folder: Path) -> str:
    """Text of a page with the output of its sessions updated, run in ``folder``."""
    return BLOCK.sub(lambda block: session(block.group(), folder), text)


def session(block: str, folder: Path) -> str:
    """The commands of a session, each followed by its output."""
    commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"$ {command}\n{run(command, folder)}" for command in commands)


def run(command: str, folder: Path) -> str:
    """Run a command in a repository; return its output with ``…`` for the path of the folder."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "INKBENCH_TRACKING": "off",
        "DVC_NO_ANALYTICS": "1",
    }
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise InkbenchError(f"`{command}` failed: {' '.join(done.stderr.split())[-300:]}")
    lines = [line.rstrip() for line in done.stdout.replace(str(folder), "…").splitlines()]
    return "".join(f"{line}\n" for line in lines if line)


if __name__ == "__main__":
    main()
