"""What tracking costs: a stage that needs no model, and the full run.

    python benchmarks/tracking.py            # after `dvc repro`; takes five minutes

Draws the figures of one variant as DVC has it done, in a temporary repository with a store of its
own, by turns with INKBENCH_TRACKING=off and on, and takes the wall time of the stage. What the
stage notes is brought beside the next one, by a process that a run starts once; that is counted as
CPU time, and as if every such second held up a machine that has nothing idle. Linux only.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from overhead import executions, longest, seconds_of, shares, verdict

from inkbench import layout
from inkbench.errors import InkbenchError, one_line_errors

ROUNDS = 2
ROW = 4  # stages one after another
STAGE_BAR = 2.0  # seconds of a stage that needs no model
RUN_BAR = 0.03  # of the full run

CODE = ("src", "stages", "dvc.yaml", "params.yaml", ".gitignore", ".dvcignore")
READ = ("data", "models", "evaluations", "metrics")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("variant", nargs="?", default="mnist-conv-ae")
    options = parser.parse_args()
    with one_line_errors():
        if not layout.training_card(options.variant).exists():
            raise InkbenchError(f"models/{options.variant} is not there; run `dvc repro`")
        run = longest(executions())
        seconds = sum(shares(run, start_up=0).values())
        with tempfile.TemporaryDirectory() as folder:
            _copy(Path(folder))
            report(options.variant, Path(folder), stages=len(run), seconds=seconds)


def _copy(folder: Path) -> None:
    """A repository with the pipeline's code, and what the stage reads as links."""
    for name in CODE:
        copy = shutil.copytree if Path(name).is_dir() else shutil.copyfile
        copy(name, folder / name)
    for name in READ:
        (folder / name).symlink_to(Path(name).resolve())
    identity = ["-c", "user.name=b", "-c", "user.email=b@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "code"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def report(variant: str, folder: Path, *, stages: int, seconds: float) -> None:
    """Print what tracking costs one stage and a run of so many stages and seconds."""
    stage = [sys.executable, "stages/plot.py", variant]
    as_dvc = {"DVC_STAGE": f"plot@{variant}", "DVC_ROOT": str(folder)}
    seconds_of(stage, folder, **as_dvc)  # makes the store's tables
    walls: dict[str, list[float]] = {"off": [], "on": []}
    first: dict[str, list[float]] = {"off": [], "on": []}
    further: dict[str, list[float]] = {"off": [], "on": []}
    for _ in range(ROUNDS):
        for tracking in walls:
            setting = as_dvc | {"INKBENCH_TRACKING": tracking}
            _, one = seconds_of(stage, folder, **setting)
            wall, all_ = seconds_of(stage, folder, ROW, **setting)
            walls[tracking].append(wall / ROW)
            first[tracking].append(one)
            further[tracking].append((all_ - one) / (ROW - 1))
    for tracking, wall in walls.items():
        figures = "  ".join(f"{value:.2f}" for value in wall)
        print(f"plot@{variant}, tracking {tracking:4} {figures} s")
    held_up, beside = _more(walls), _more(further)
    start = _more(first) - beside
    met = verdict(held_up <= STAGE_BAR)
    print(f"the stage takes {held_up:+.2f} s, bar {STAGE_BAR:.0f} s: {met}")
    print(f"beside it and the next stage {beside:.1f} CPU s, once a run {start:.1f} CPU s to start")
    share = max(0.0, held_up) * stages / seconds
    worst = (start + beside * stages) / seconds / (os.cpu_count() or 1)
    print(f"full run of {stages} stages, {seconds / 60:.1f} minutes: {share:.1%} held up")
    met = verdict(worst <= RUN_BAR)
    print(f"  with nothing idle at most {worst:.1%}, bar {RUN_BAR:.0%}: {met}")


def _more(figures: dict[str, list[float]]) -> float:
    return statistics.median(figures["on"]) - statistics.median(figures["off"])


if __name__ == "__main__":
    main()
