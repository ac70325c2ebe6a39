"""Where the wall time of a full run goes.

    python benchmarks/overhead.py                # after `dvc repro`; takes about a minute
    python benchmarks/overhead.py --no-costs     # only the shares

Reads the longest series of stages from the MLflow store; they must have run one after another, as
`dvc repro` runs them. A training logs the seconds of its loop; the rest of its stage is start-up
(TensorFlow), set-up and saving. The time between two stages goes to DVC (hashing, caching,
dvc.lock) and to the start of Python. The script always measures the CPU seconds of a start-up,
which the shares of evaluations need; without --no-costs, also those of writing dvc.lock and of
tracking one stage. CPU seconds hardly depend on the load of the machine. Tracking runs beside the
next stage, so it takes no wall time of its own.
"""

import argparse
import contextlib
import ctypes
import io
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from inkbench.errors import InkbenchError, one_line_errors

BAR = 0.15  # of the run, for everything that is not training or evaluation
PAUSE = 30.0  # seconds between two stages of different runs
STAGES = Path(__file__).resolve().parents[1] / "stages"
WORK = ("training", "evaluation")

START_TENSORFLOW = "from inkbench.training import runtime; runtime.set_up('float32', 0)"
SUBREAPER = 36  # of Linux's prctl

EMPTY_STAGE = "from inkbench import tracking\nwith tracking.stage_run('plot', variant='x'): pass"


@dataclass(frozen=True)
class StageTimes:
    """One execution of a stage; times are seconds since 1970."""

    kind: str
    start: float
    end: float
    training: float  # seconds of the training loop alone; 0 for other stages


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--no-costs", action="store_true", help="measure only the start-up")
    options = parser.parse_args()
    with one_line_errors():
        run = longest(executions())
        # An import runs on one thread, so its CPU time is its wall time on an idle machine.
        _, start_up = measure([sys.executable, "-c", START_TENSORFLOW])
        report(run, start_up)
        if not options.no_costs:
            costs(start_up)


def executions() -> list[StageTimes]:
    """Finished stages of the store, without links and backfilled runs, oldest first."""
    from inkbench.tracking.store import BACKFILLED, LINK, PARENT, Store, public, uri

    runs = Store.open(create=False).search("attributes.status = 'FINISHED'")
    stages = [
        StageTimes(
            run.data.tags["stage"],
            run.info.start_time / 1000,
            run.info.end_time / 1000,
            run.data.metrics.get("seconds", 0.0),
        )
        for run in runs
        if PARENT in run.data.tags and not {LINK, BACKFILLED} & run.data.tags.keys()
    ]
    if not any(stage.kind == "train" for stage in stages):
        raise InkbenchError(f"{public(uri())}: no finished training; run `dvc repro`")
    return stages


def longest(stages: list[StageTimes]) -> list[StageTimes]:
    """The series of stages without a pause that has the most trainings; the newest if tied."""
    series = [[stages[0]]]
    for stage in stages[1:]:
        if stage.start - max(earlier.end for earlier in series[-1]) > PAUSE:
            series.append([])
        series[-1].append(stage)
    return max(reversed(series), key=lambda run: sum(stage.kind == "train" for stage in run))


def shares(run: list[StageTimes], start_up: float) -> Counter[str]:
    """Wall seconds of a run, by what took them.

    Parameters
    ----------
    run
        Its stages, in order.
    start_up
        Seconds that a process takes until TensorFlow is ready.

    Raises
    ------
    InkbenchError
        If stages ran at the same time.
    """
    spent: Counter[str] = Counter()
    for stage in run:
        seconds = stage.end - stage.start
        if stage.kind == "train":
            spent["training"] += stage.training
            spent["trainings: start-up, set-up, saving"] += seconds - stage.training
        elif stage.kind in {"evaluate", "published", "submission"}:
            spent["evaluation"] += max(0, seconds - start_up)
            spent["evaluations: start-up"] += min(seconds, start_up)
        else:
            spent[{"plot": "plotting", "report": "report"}.get(stage.kind, "data")] += seconds
    for before, after in itertools.pairwise(run):
        if after.start < before.end:
            raise InkbenchError("stages ran in parallel; measure after a serial `dvc repro`")
        spent["between stages: DVC, start of Python"] += after.start - before.end
    return spent


def report(run: list[StageTimes], start_up: float) -> None:
    """Print the shares and whether the bar is met."""
    spent = shares(run, start_up)
    total = sum(spent.values())
    print(f"{len(run)} stages, {total / 60:.1f} minutes")
    for part, seconds in spent.most_common():
        print(f"  {part:38}{seconds:8.0f} s{seconds / total:8.1%}")
    other = 1 - sum(spent[part] for part in WORK) / total
    print(f"not training or evaluation: {other:.1%}, bar {BAR:.0%}: {verdict(other <= BAR)}")


def costs(start_up: float) -> None:
    """Print the CPU seconds of what every stage needs."""
    python = [sys.executable]
    print("CPU seconds:")
    print(f"  TensorFlow ready{start_up:29.1f}")
    print(f"  a stage's start without it{measure([*python, STAGES / 'plot.py', '-h'])[1]:19.1f}")
    with tempfile.TemporaryDirectory() as folder:
        measure(["git", "clone", "--quiet", ".", folder])
        stage = [*python, "-c", EMPTY_STAGE]
        new, once, thrice = (measure(stage, folder, times)[1] for times in (1, 1, 3))
    further = (thrice - once) / 2
    print(f"  tracking, beside the next stage{further:14.1f}")
    print(f"  tracking, once a run{once - further:25.1f} (into a new store {new - further:.1f})")
    lock = Path("dvc.lock")
    if lock.exists():
        lines = lock.read_text(encoding="utf-8").count("\n")
        print(f"  dvc.lock of {lines:,} lines written{rewriting(lock):15.1f}")


def verdict(met: bool) -> str:
    """Whether a bar is met, as text."""
    return "met" if met else "MISSED"


def measure(
    command: list[str | Path], folder: str | Path | None = None, times: int = 1, **more: str
) -> tuple[float, float]:
    """Wall seconds of a command repeated so many times; CPU seconds also of its orphans."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)  # orphans become our children
    before, started = _of_children(), time.perf_counter()
    for _ in range(times):
        subprocess.run(command, cwd=folder, env=kept | more, stdout=subprocess.DEVNULL, check=True)
    wall = time.perf_counter() - started
    with contextlib.suppress(ChildProcessError):  # none is left
        while True:
            os.wait()
    return wall, _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rewriting(lock: Path) -> float:
    """CPU seconds of what DVC does after every stage: parse dvc.lock and write it."""
    from ruamel.yaml import YAML

    text = lock.read_text(encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    parser = YAML()
    parser.dump(parser.load(text), io.StringIO())
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime - before


if __name__ == "__main__":
    main()
