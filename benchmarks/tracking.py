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
import time
from pathlib import Path

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
        from overhead import executions, longest, shares

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
    _cost(stage, 1, folder, as_dvc)  # makes the store's tables
    walls: dict[str, list[float]] = {"off": [], "on": []}
    first: dict[str, list[float]] = {"off": [], "on": []}
    further: dict[str, list[float]] = {"off": [], "on": []}
    for _ in range(ROUNDS):
        for tracking in walls:
            _, one = _cost(stage, 1, folder, as_dvc | {"INKBENCH_TRACKING": tracking})
            wall, all_ = _cost(stage, ROW, folder, as_dvc | {"INKBENCH_TRACKING": tracking})
            walls[tracking].append(wall / ROW)
            first[tracking].append(one)
            further[tracking].append((all_ - one) / (ROW - 1))
    for tracking, wall in walls.items():
        figures = "  ".join(f"{value:.2f}" for value in wall)
        print(f"plot@{variant}, tracking {tracking:4} {figures} s")
    held_up, beside = _more(walls), _more(further)
    start = _more(first) - beside
    print(
        f"the stage takes {held_up:+.2f} s, bar {STAGE_BAR:.0f} s: {_verdict(held_up, STAGE_BAR)}"
    )
    print(f"beside it and the next stage {beside:.1f} CPU s, once a run {start:.1f} CPU s to start")
    share = max(0.0, held_up) * stages / seconds
    worst = (start + beside * stages) / seconds / (os.cpu_count() or 1)
    print(f"full run of {stages} stages, {seconds / 60:.1f} minutes: {share:.1%} held up")
    print(f"  with nothing idle at most {worst:.1%}, bar {RUN_BAR:.0%}: {_verdict(worst, RUN_BAR)}")


def _more(figures: dict[str, list[float]]) -> float:
    return statistics.median(figures["on"]) - statistics.median(figures["off"])


def _verdict(value: float, bar: float) -> str:
    return "met" if value <= bar else "MISSED"


def _cost(
    command: list[str], times: int, folder: Path, more: dict[str, str]
) -> tuple[float, float]:
    """Wall seconds of a command so many times; CPU seconds also of all that it leaves behind."""
    from overhead import CpuSeconds

    own = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    with CpuSeconds() as cpu:
        started = time.perf_counter()
        for _ in range(times):
            subprocess.run(
                command, cwd=folder, env=own | more, stdout=subprocess.DEVNULL, check=True
            )
        wall = time.perf_counter() - started
    return wall, cpu.seconds


if __name__ == "__main__":
    main()
