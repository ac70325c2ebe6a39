"""What tracking costs: a stage that needs no model, and the full run.

    python benchmarks/tracking.py            # after `dvc repro`; takes about a minute

Draws the figures of one variant as DVC has it done, in a temporary repository with a store of its
own, by turns with INKBENCH_TRACKING=off and on, and takes the wall time of the stage. What the
stage hands to its courier is brought beside the next one; that is counted as CPU time, and as if
every such second held up a machine that has nothing idle. MLflow's start is most of it.
"""

import argparse
import os
import resource
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
STAGE_BAR = 2.0  # seconds of a stage that needs no model
RUN_BAR = 0.03  # of the full run

CODE = ("src", "stages", "dvc.yaml", "params.yaml", ".gitignore", ".dvcignore")
READ = ("data", "models", "evaluations", "metrics")

# The same stage, staying until its courier is done, whose CPU time then counts as a child's.
AND_COURIER = """
import runpy, sys
from inkbench.tracking import runs
runs._FAREWELL_BY_HAND = 600.0
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


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
    stage = ["stages/plot.py", variant]
    as_dvc = {"DVC_STAGE": f"plot@{variant}", "DVC_ROOT": str(folder)}
    _cost([sys.executable, "-c", AND_COURIER, *stage], folder, {})  # makes the store's tables
    walls: dict[str, list[float]] = {"off": [], "on": []}
    cpus: dict[str, list[float]] = {"off": [], "on": []}
    for _ in range(ROUNDS):
        for tracking in walls:
            switch = {"INKBENCH_TRACKING": tracking}
            wall, cpu = _cost([sys.executable, *stage], folder, as_dvc | switch)
            if tracking == "on":
                _wait_for_couriers(folder)
                _, cpu = _cost([sys.executable, "-c", AND_COURIER, *stage], folder, switch)
            walls[tracking].append(wall)
            cpus[tracking].append(cpu)
    for tracking, wall in walls.items():
        figures = "  ".join(f"{value:.2f}" for value in wall)
        print(f"plot@{variant}, tracking {tracking:4} {figures} s")
    held_up = statistics.median(walls["on"]) - statistics.median(walls["off"])
    beside = statistics.median(cpus["on"]) - statistics.median(cpus["off"])
    print(
        f"the stage takes {held_up:+.2f} s, bar {STAGE_BAR:.0f} s: {_verdict(held_up, STAGE_BAR)}"
    )
    print(f"its courier takes {beside:.1f} CPU seconds beside it and the next stage")
    share = max(0.0, held_up) * stages / seconds
    worst = beside * stages / seconds / (os.cpu_count() or 1)
    print(f"full run of {stages} stages, {seconds / 60:.1f} minutes: {share:.1%} held up")
    print(f"  with nothing idle at most {worst:.1%}, bar {RUN_BAR:.0%}: {_verdict(worst, RUN_BAR)}")


def _verdict(value: float, bar: float) -> str:
    return "met" if value <= bar else "MISSED"


def _cost(command: list[str], folder: Path, more: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command and of all that it waits for."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, env=own | more, stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _wait_for_couriers(folder: Path) -> None:
    while list(folder.glob(".tracking/*/events.jsonl")):
        time.sleep(0.1)


if __name__ == "__main__":
    main()
