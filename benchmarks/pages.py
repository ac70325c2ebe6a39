"""Measure `inkbench denoise --jobs N` against `--jobs 1`, and kill it twice.

    python benchmarks/pages.py [--model models/documents-scans/model.keras] [--jobs 2]
    python benchmarks/pages.py --pages 60 --size 2480x3508         # A4 at 300 dpi
    python benchmarks/pages.py --pages 2000 --kills                # the kills alone

Draws pages of text on stained paper, cut to `--size`. Runs one process, several, one, several (A B
A B); every time includes start-up. Then a run loses one of its processes, and later itself, by
SIGKILL, and `--resume` ends it. The results must have the same bytes, and no file that was done may
be written again.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from overhead import verdict

from denoise import DPI, SIZE, draw
from inkbench import layout
from inkbench.errors import InkbenchError, one_line_errors

BAR = 1.7  # times as fast with two processes on two cores
DRAWN = 8  # different pages; smaller sizes are cut from them
KILLS = (0.3, 0.6)  # share of pages that are done when a process, and the run, are killed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=layout.model("documents-scans"))
    parser.add_argument("--pages", type=int, default=60)
    help = f"pixels, at most {SIZE[0]}x{SIZE[1]} (default: 1240x1754)"
    parser.add_argument("--size", type=size, default="1240x1754", help=help)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kills", action="store_true", help="leave out the comparison")
    options = parser.parse_args()
    with one_line_errors(), tempfile.TemporaryDirectory() as name:
        if not options.model.is_file():
            raise InkbenchError(
                f"{options.model} not found; run `dvc repro`, or name another --model"
            )
        folder = Path(name)
        width, height = options.size
        make_pages(folder / "scans", options.pages, options.size)
        print(f"{options.pages} pages of {width}×{height}, {os.cpu_count()} cores")
        times: dict[int, list[float]] = {1: [], options.jobs: []}
        for jobs in [1] if options.kills else [1, options.jobs] * 2:
            out = folder / f"jobs-{jobs}"
            shutil.rmtree(out, ignore_errors=True)
            wall, cpu = run(folder / "scans", out, options.model, jobs)
            times[jobs].append(wall)
            rate = options.pages / wall
            print(f"--jobs {jobs}: {wall:.1f} s, {rate:.2f} pages/s, {cpu / wall:.2f} cores busy")
        if not options.kills:
            ratio = sum(times[1]) / sum(times[options.jobs])
            print(f"{ratio:.2f} times as fast, bar {BAR}: {verdict(ratio >= BAR)}")
            compare(folder / "jobs-1", folder / f"jobs-{options.jobs}")
        kill(folder / "scans", folder / "killed", options)
        compare(folder / "jobs-1", folder / "killed")


def size(text: str) -> tuple[int, int]:
    """Width and height of a page, which is cut from a drawn one."""
    width, height = map(int, text.split("x"))
    if not (0 < width <= SIZE[0] and 0 < height <= SIZE[1]):
        raise ValueError
    return width, height


def make_pages(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Draw pages, or cut them from drawn ones if they are small."""
    folder.mkdir()
    random = np.random.default_rng(0)
    drawn = [draw(seed) for seed in range(min(count, DRAWN))]
    for number in range(count):
        left, top = (int(random.integers(0, SIZE[axis] - size[axis] + 1)) for axis in (0, 1))
        page = drawn[number % DRAWN].crop((left, top, left + size[0], top + size[1]))
        page.save(folder / f"{number:05}.png", dpi=(DPI, DPI))


def command(scans: Path, out: Path, model: Path, jobs: int) -> list[str]:
    """The command line that cleans a folder."""
    arguments = [str(scans), "-o", str(out), "--model", str(model), "--jobs", str(jobs)]
    return [sys.executable, "-m", "inkbench.cli", "denoise", *arguments]


def run(scans: Path, out: Path, model: Path, jobs: int) -> tuple[float, float]:
    """Clean a folder; returns wall and CPU seconds."""
    busy, started = psutil.cpu_times(), time.perf_counter()
    call(command(scans, out, model, jobs))
    wall, after = time.perf_counter() - started, psutil.cpu_times()
    used = (after.user + after.nice + after.system) - (busy.user + busy.nice + busy.system)
    return wall, used  # Ray lowers the priority of its processes


def call(arguments: list[str]) -> None:
    """Run a command that must succeed; it prints its own errors."""
    code = subprocess.run(arguments, stdout=subprocess.DEVNULL).returncode
    if code:
        raise InkbenchError(f"inkbench denoise failed with exit code {code}")


def kill(scans: Path, out: Path, options: argparse.Namespace) -> None:
    """Kill a process, then the run; resume; print what was cleaned twice."""
    arguments = command(scans, out, options.model, options.jobs)
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(process, out, round(KILLS[0] * options.pages))
            family = psutil.Process(process.pid).children(True)
            actors = [member for member in family if "ray::_W" in member.name()]
            if not actors:
                raise InkbenchError("inkbench denoise runs in one process; there is none to kill")
            first = written(out)
            actors[0].kill()
            wait_for(process, out, round(KILLS[1] * options.pages))
            second = written(out)
            family = psutil.Process(process.pid).children(True)
        finally:
            process.kill()
    started = time.perf_counter()
    psutil.wait_procs(family, timeout=60)
    alive = sum(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family)
    print(f"killed: {alive} of {len(family)} processes alive after ", end="")
    print(f"{time.perf_counter() - started:.1f} s, {len(written(out))} files done")
    killed = written(out)
    call([*arguments, "--resume"])
    last = written(out)
    again = [sum(last[name] != state[name] for name in state) for state in (first, second, killed)]
    print(f"written again of those done before each kill: {again}: {verdict(not any(again))}")
    print(f"leftovers: {sum(name.startswith('.') for name in os.listdir(out))}")


def written(out: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of each result."""
    states = {path.name: path.stat() for path in out.glob("*.png") if path.name[0] != "."}
    return {name: (state.st_ino, state.st_mtime_ns) for name, state in states.items()}


def wait_for(process: subprocess.Popen, out: Path, count: int) -> None:
    """Wait until a process has written so many results."""
    while len(written(out)) < count:
        if process.poll() is not None:
            reason = f"inkbench denoise ended with exit code {process.returncode}"
            raise InkbenchError(f"{reason} before {count} pages were done")
        time.sleep(0.05)


def compare(expected: Path, folder: Path) -> None:
    """Print whether two folders hold the same bytes."""
    names = {path.name for path in (*expected.iterdir(), *folder.iterdir())}
    same = [
        (expected / name).is_file()
        and (folder / name).is_file()
        and (expected / name).read_bytes() == (folder / name).read_bytes()
        for name in names
    ]
    print(f"{folder.name}: {sum(same)} of {len(same)} files equal: {verdict(all(same))}")


if __name__ == "__main__":
    main()
