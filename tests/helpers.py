"""What tests of several folders share."""

import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from inkbench import cli
from inkbench.tracking.journal import locked

ROOT = Path(__file__).parents[1]


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of all files in a folder, by name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first worker of a test run makes for all of them; do not change it."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = base / name, base / f"{name}.done"
    with locked(base / f"{name}.lock", wait=True):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def wait_for(
    condition: Callable[[], Any],
    seconds: float = 600,
    process: "subprocess.Popen[bytes] | None" = None,
    log: Path | None = None,
) -> Any:
    """What a condition gives once it holds; fails if it takes too long, or if a process ends."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()):
        is_over = time.monotonic() > deadline or (process and process.poll() is not None)
        assert not is_over, log.read_text()[-2000:] if log else f"not within {seconds} s"
        time.sleep(0.2)
    return holds


def script(path: str | Path) -> ModuleType:
    """A script, by its path in the repository, as a module that may import those beside it."""
    file = ROOT / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(file.parent)
        spec.loader.exec_module(module)
    return module


def loaded(code: str, folder: Path | None = None) -> set[str]:
    """Modules that code leaves imported in a Python of its own."""
    code = textwrap.indent(code, "    ")
    code = f"import sys\ntry:\n{code}\nfinally:\n    print('loaded:', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"INKBENCH_TRACKING": "off"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


def inkbench(*arguments: str) -> int:
    """Exit code of the command, run here."""
    return _code(lambda: cli.main([*arguments]))


def stage(name: str, *arguments: str) -> int:
    """Exit code of a script of ``stages/``, run here and untracked."""
    script = str(ROOT / "stages" / f"{name}.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [script, *arguments])
        patch.setenv("INKBENCH_TRACKING", "off")
        return _code(lambda: runpy.run_path(script, run_name="__main__"))


def _code(run: Callable[[], object]) -> int:
    try:
        run()
    except SystemExit as end:
        return int(end.code or 0)
    return 0
