"""Train and evaluate a variant twice and compare every byte.

    python benchmarks/verify_repro.py notmnist-dense-ae      # or: make verify-repro VARIANT=…

Both runs use a temporary folder, and the settings and processed data of this clone, which is not
changed. Prints one line. If a file differs, it is named and the exit code is 1.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from inkbench import layout, params
from inkbench.errors import InkbenchError, one_line_errors

STAGES = Path(__file__).resolve().parents[1] / "stages"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("variant", help="a variant of params.yaml")
    variant = parser.parse_args().variant
    with one_line_errors():
        dataset = params.load().variant(variant).dataset
        if not layout.processed(dataset).is_dir():
            raise InkbenchError(
                f"{layout.processed(dataset)} not found; run `dvc repro preprocess@{dataset}`"
            )
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            for folder in (Path(first), Path(second)):
                make(variant, folder)
            sys.exit(verdict(variant, outputs(Path(first)), outputs(Path(second))))


def make(variant: str, folder: Path) -> None:
    """Run both stages in a folder that shares this clone's data; exit with a failure's code."""
    shutil.copy(layout.PARAMS, folder)
    (folder / "data").mkdir()
    (folder / layout.processed("")).symlink_to(layout.processed("").resolve())
    environment = os.environ | {"INKBENCH_TRACKING": "off"}
    for stage in ("train", "evaluate"):
        command = [sys.executable, str(STAGES / f"{stage}.py"), variant]
        done = subprocess.run(command, cwd=folder, env=environment, check=False)
        if done.returncode:
            sys.exit(done.returncode)


def outputs(folder: Path) -> dict[str, bytes]:
    """Content of every output file of the stages, by path."""
    folders = (layout.model_folder(""), layout.evaluation(""), layout.METRICS)
    files = sorted(file for top in folders for file in (folder / top).rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def verdict(variant: str, first: dict[str, bytes], second: dict[str, bytes]) -> int:
    """Print whether both runs are equal; return the exit code."""
    for path in sorted(first.keys() | second.keys()):
        if first.get(path) != second.get(path):
            print(f"{variant}: not repeatable: {path} differs between two runs", file=sys.stderr)
            return 1
    size = sum(map(len, first.values())) / 1e6
    print(
        f"{variant}: repeatable: two runs gave the same bytes, {len(first)} files of {size:.1f} MB"
    )
    return 0


if __name__ == "__main__":
    main()
