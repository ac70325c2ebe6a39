"""Where the wall time of a full run goes.

    python benchmarks/overhead.py                # after `dvc repro`; takes about a minute
    python benchmarks/overhead.py --no-costs     # only what the store tells

Reads the MLflow store: the longest row of stages that ran one after another. A training tells its
own seconds; what its stage took beyond them is start-up (TensorFlow), set-up and saving. The time
between two stages is DVC's (hashing, caching, dvc.lock) and Python's start. Then measures, as CPU
seconds that hardly depend on what else the machine does, what start-up, one rewriting of dvc.lock
and one stage's tracking cost. Tracking runs beside the next stage: no wall time of its own.
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
PAUSE = 30.0  # seconds between two stages that are not of one run
STAGES = Path(__file__).resolve().parents[1] / "stages"
WORK = ("training", "evaluation")

START_TENSORFLOW = "from inkbench.training import runtime; runtime.set_up('float32', 0)"
SUBREAPER = 36  # of Linux's prctl

ONE_NOTE = "from inkbench import tracking\nwith tracking.stage_run('plot', variant='x'): pass"


@dataclass(frozen=True)
class Ran:
    """One execution of a stage: times in seconds since 1970, those of `fit` alone where known."""

    kind: str
    start: float
    end: float
    fitting: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--no-costs", action="store_true", help="leave out the measurements")
    options = parser.parse_args()
    with one_line_errors():
        run = longest(executions())
        # The CPU time of an import, which is done by one thread, is its wall time when idle.
        _, start_up = seconds_of([sys.executable, "-c", START_TENSORFLOW])
        report(run, start_up)
        if not options.no_costs:
            costs(start_up)


def executions() -> list[Ran]:
    """Finished stages of the store that really ran, oldest first."""
    from inkbench.tracking.backfill import BACKFILLED
    from inkbench.tracking.linking import LINK
    from inkbench.tracking.store import PARENT, Store, public, uri

    runs = Store.open(create=False).search("attributes.status = 'FINISHED'")
    found = [
        Ran(
            run.data.tags["stage"],
            run.info.start_time / 1000,
            run.info.end_time / 1000,
            run.data.metrics.get("seconds", 0.0),
        )
        for run in runs
        if PARENT in run.data.tags and not {LINK, BACKFILLED} & run.data.tags.keys()
    ]
    if not any(ran.kind == "train" for ran in found):
        raise InkbenchError(f"{public(uri())}: no finished training; run `dvc repro`")
    return found


def longest(ran: list[Ran]) -> list[Ran]:
    """Stages in a row, without a pause, with the most trainings; the newest row if tied."""
    rows = [[ran[0]]]
    for one in ran[1:]:
        if one.start - rows[-1][-1].end > PAUSE:
            rows.append([])
        rows[-1].append(one)
    return max(reversed(rows), key=lambda row: sum(one.kind == "train" for one in row))


def shares(run: list[Ran], start_up: float) -> Counter[str]:
    """Wall seconds of a run by what they went into.

    Parameters
    ----------
    run
        Its stages, in order.
    start_up
        Seconds that a process takes until TensorFlow is ready.
    """
    spent: Counter[str] = Counter()
    for one in run:
        took = one.end - one.start
        if one.kind == "train":
            spent["training"] += one.fitting
            spent["trainings: start-up, set-up, saving"] += took - one.fitting
        elif one.kind in {"evaluate", "published", "submission"}:
            spent["evaluation"] += max(0, took - start_up)
            spent["evaluations: start-up"] += min(took, start_up)
        else:
            spent[{"plot": "plotting", "report": "report"}.get(one.kind, "data")] += took
    for before, after in itertools.pairwise(run):
        spent["between stages: DVC, start of Python"] += max(0, after.start - before.end)
    return spent


def report(run: list[Ran], start_up: float) -> None:
    """Print the shares and whether the bar is met."""
    spent = shares(run, start_up)
    total = sum(spent.values())
    print(f"{len(run)} stages, {total / 60:.1f} minutes")
    for part, seconds in spent.most_common():
        print(f"  {part:38}{seconds:8.0f} s{seconds / total:8.1%}")
    other = 1 - sum(spent[part] for part in WORK) / total
    print(f"not training or evaluation: {other:.1%}, bar {BAR:.0%}: {verdict(other <= BAR)}")


def costs(start_up: float) -> None:
    """Print the CPU seconds of what every stage pays."""
    python = [sys.executable]
    print("CPU seconds, each time:")
    print(f"  TensorFlow ready{start_up:29.1f}")
    print(f"  a stage's start without it{seconds_of([*python, STAGES / 'plot.py', '-h'])[1]:19.1f}")
    with tempfile.TemporaryDirectory() as folder:
        seconds_of(["git", "clone", "--quiet", ".", folder])
        note = [*python, "-c", ONE_NOTE]
        new, one, three = (seconds_of(note, folder, times)[1] for times in (1, 1, 3))
    further = (three - one) / 2
    print(f"  tracking, beside the next stage{further:14.1f}")
    print(f"  tracking, once a run{one - further:25.1f} (into a new store {new - further:.1f})")
    lock = Path("dvc.lock")
    if lock.exists():
        lines = lock.read_text(encoding="utf-8").count("\n")
        print(f"  dvc.lock of {lines:,} lines rewritten{rewriting(lock):13.1f}")


def verdict(met: bool) -> str:
    """What became of a bar."""
    return "met" if met else "MISSED"


def seconds_of(
    command: list[str | Path], folder: str | Path | None = None, times: int = 1, **more: str
) -> tuple[float, float]:
    """Wall seconds of a command so many times; CPU seconds also of all that it leaves behind."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))} | more
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)  # orphans become ours
    before, started = _of_children(), time.perf_counter()
    for _ in range(times):
        subprocess.run(command, cwd=folder, env=own, stdout=subprocess.DEVNULL, check=True)
    wall = time.perf_counter() - started
    with contextlib.suppress(ChildProcessError):  # that none is left
        while True:
            os.wait()
    return wall, _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rewriting(lock: Path) -> float:
    """CPU time of what DVC does after every stage: read dvc.lock with its layout and write it."""
    from ruamel.yaml import YAML

    text = lock.read_text(encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    parser = YAML()
    parser.dump(parser.load(text), io.StringIO())
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime - before


if __name__ == "__main__":
    main()
