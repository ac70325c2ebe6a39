"""What tracking costs: a stage without a model, and the full run.

    python benchmarks/tracking.py            # after a full run; takes a few minutes

Runs one `plot` stage with DVC in a temporary copy of the repository with a store of its own. It
alternates between INKBENCH_TRACKING=off and on and measures the wall time of the stage, and the CPU
time of everything that the stage leaves behind, which is the uploader. The share of the full run is
an upper bound: it assumes that no CPU core is ever idle. Linux only.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from overhead import executions, longest, measure, verdict

from inkbench import layout
from inkbench.errors import InkbenchError, one_line_errors

ROUNDS = 2
ROW = 3  # stages one after another
STAGE_BAR = 2.0  # seconds of a stage without a model
RUN_BAR = 0.03  # of the full run

CODE = ("src", "stages", "dvc.yaml", "dvc.lock", "params.yaml", ".dvc/config", ".dvcignore")
DATA = ("data", "models", "evaluations", "metrics")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("variant", nargs="?", default="mnist-conv-ae")
    options = parser.parse_args()
    with one_line_errors():
        if not layout.training_card(options.variant).exists():
            raise InkbenchError(
                f"{layout.model_folder(options.variant)} not found; run `dvc repro`"
            )
        run = longest(executions())
        seconds = max(stage.end for stage in run) - run[0].start  # stages may run in parallel
        with tempfile.TemporaryDirectory() as folder:
            copy_repository(Path(folder))
            report(options.variant, Path(folder), stages=len(run), seconds=seconds)


def copy_repository(folder: Path) -> None:
    """A repository with the code, and links to what the stage reads."""
    (folder / ".dvc").mkdir()
    for name in CODE:
        copy = shutil.copytree if Path(name).is_dir() else shutil.copyfile
        copy(name, folder / name)
    for name in DATA:
        (folder / name).symlink_to(Path(name).resolve())
    (folder / ".gitignore").write_text("/mlflow.db*\n/mlartifacts\n/.tracking\n/plots\n.dvc/tmp\n")
    identity = ["-c", "user.name=b", "-c", "user.email=b@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "code"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def report(variant: str, folder: Path, *, stages: int, seconds: float) -> None:
    """Print what tracking costs one stage, and a run of so many stages and seconds."""
    stage = [sys.executable, "-m", "dvc", "repro", "-q", "--force", "--single-item"]
    stage.append(f"plot@{variant}")
    measure(stage, folder)  # creates the store's tables
    walls: dict[str, list[float]] = {"off": [], "on": []}
    single: dict[str, list[float]] = {"off": [], "on": []}
    further: dict[str, list[float]] = {"off": [], "on": []}
    for _ in range(ROUNDS):
        for tracking in walls:
            _, cpu_of_one = measure(stage, folder, INKBENCH_TRACKING=tracking)
            wall, cpu_of_row = measure(stage, folder, ROW, INKBENCH_TRACKING=tracking)
            walls[tracking].append(wall / ROW)
            single[tracking].append(cpu_of_one)
            further[tracking].append((cpu_of_row - cpu_of_one) / (ROW - 1))
    for tracking, values in walls.items():
        print(f"plot@{variant}, tracking {tracking:4}{''.join(f'{v:8.2f}' for v in values)} s")
    delay, per_stage = difference(walls), difference(further)
    start = difference(single) - per_stage
    print(f"a stage takes {delay:+.2f} s longer, bar {STAGE_BAR} s: {verdict(delay <= STAGE_BAR)}")
    print(f"CPU time: {per_stage:.1f} s a stage, and {start:.1f} s a run for the uploader's start")
    share = (start + per_stage * stages) / seconds / (os.cpu_count() or 1)
    print(f"full run of {stages} stages, {seconds / 60:.1f} minutes: at most {share:.1%}, ", end="")
    print(f"bar {RUN_BAR:.0%}: {verdict(share <= RUN_BAR)}")


def difference(values: dict[str, list[float]]) -> float:
    """Median with tracking on, minus median with tracking off."""
    return statistics.median(values["on"]) - statistics.median(values["off"])


if __name__ == "__main__":
    main()
