"""How much faster `inkbench repro` is than `dvc repro`, and whether it gives the same bytes.

    python benchmarks/cluster.py notmnist-cnn mnist-vae         # after `dvc repro`
    python benchmarks/cluster.py notmnist-cnn … --jobs 2 3      # several chains at a time
    python benchmarks/cluster.py --toy                          # chains that sleep, on four nodes

Serial and parallel runs alternate, twice each, and every run begins with the data, in a copy of the
tree with a cache of its own. "Cores busy" is the mean of the whole machine while a training runs,
so the machine should do nothing else.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import yaml

from inkbench import layout, params, state
from inkbench.cluster import worker
from inkbench.errors import InkbenchError, one_line_errors

BAR, BUSY_BAR, TOY_BAR, OVERHEAD_BAR = 1.3, 1.9, 3.3, 6.0
ROUNDS, NODES, CHAINS, SECONDS = 2, 4, 8, 30
OUTPUTS = ("models", "evaluations", "metrics", "plots")

TOY = """\
stages:
  train:
    foreach: ${train}
    do:
      cmd: sleep SECONDS; mkdir -p models; echo ${key} > models/${key}
      params: ["train.${key}"]
      deps: [code]
      outs: ["models/${key}"]
  evaluate:
    foreach: ${train}
    do:
      cmd: mkdir -p metrics; cp models/${key} metrics/${key}
      deps: ["models/${key}"]
      outs: ["metrics/${key}"]
  plot:
    foreach: ${train}
    do:
      cmd: mkdir -p plots; cp metrics/${key} plots/${key}
      deps: ["metrics/${key}"]
      outs: ["plots/${key}"]
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("variants", nargs="*", help="of params.yaml")
    parser.add_argument("--jobs", type=int, nargs="+", default=[0], help="default: by the machine")
    parser.add_argument("--toy", action="store_true", help="measure on chains that sleep")
    options = parser.parse_args()
    with one_line_errors(), tempfile.TemporaryDirectory() as name:
        if options.toy:
            toy(Path(name))
        elif options.variants:
            real(Path(name), options.variants, options.jobs)
        else:
            parser.error("name variants, or use --toy")


def real(folder: Path, variants: list[str], jobs: list[int]) -> None:
    """Compare serial and parallel runs of some variants."""
    settings = params.load()
    datasets = {settings.variant(name).dataset for name in variants}
    for name in datasets:
        if not layout.processed(name).is_dir():
            raise InkbenchError(f"{layout.processed(name)} not found; run `dvc repro`")
    targets = [f"plot@{name}" for name in variants]
    serial = [sys.executable, "-m", "dvc", "repro", *targets]
    commands = {"dvc repro": serial}
    for count in jobs:
        inkbench = [sys.executable, "-m", "inkbench.cli", "repro", *targets]
        commands[f"inkbench repro --jobs {count}" if count else "inkbench repro"] = [
            *inkbench,
            *(["--jobs", str(count)] if count else []),
        ]
    walls: dict[str, list[float]] = {name: [] for name in commands}
    busy: dict[str, list[float]] = {name: [] for name in commands}
    bytes_of: dict[str, list[dict[str, object]]] = {}
    for number in range(ROUNDS):
        for name, command in commands.items():
            tree = folder / f"{number}-{len(walls[name])}-{name.replace(' ', '')}"
            prepare(tree, datasets)
            cores: list[float] = []
            with sampling(cores):
                walls[name].append(measure(command, tree))
            busy[name] += cores
            bytes_of.setdefault(name, []).append(contents(tree))
            print(f"{name:<28} {walls[name][-1]:7.1f} s", flush=True)
            shutil.rmtree(tree)
    base = statistics.mean(walls["dvc repro"])
    for name in commands:
        wall, cores_busy = statistics.mean(walls[name]), statistics.mean(busy[name] or [0])
        same = all(found == bytes_of["dvc repro"][0] for found in bytes_of[name])
        print(
            f"{name:<28} {wall:7.1f} s  {base / wall:.2f}x  {cores_busy:.2f} cores busy  "
            f"{'same bytes' if same else 'OTHER BYTES'}"
        )
    parallel = list(commands)[1:]
    verdict("speed-up", max(base / statistics.mean(walls[name]) for name in parallel), BAR)
    verdict("cores busy", max(statistics.mean(busy[name] or [0]) for name in parallel), BUSY_BAR)


def prepare(tree: Path, datasets: set[str]) -> None:
    """A copy of the tree in git, with data and a cache of its own, and nothing trained."""
    tree.mkdir()
    worker.unpack(state.snapshot(Path.cwd()), tree)
    for name in datasets:
        for data in (layout.raw(name), layout.processed(name)):
            shutil.copytree(data, tree / data)
    (tree / "dvc.lock").unlink(missing_ok=True)
    commit(tree)
    stages = [f"{kind}@{name}" for kind in ("download", "preprocess") for name in sorted(datasets)]
    measure([sys.executable, "-m", "dvc", "commit", "--quiet", "--force", *stages], tree)


def commit(tree: Path) -> None:
    """Make a folder a git repository with one commit."""
    identity = ["-c", "user.name=b", "-c", "user.email=b@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "tree"]):
        subprocess.run(["git", *command], cwd=tree, check=True)


def measure(command: list[str], tree: Path, **environment: str) -> float:
    """Wall seconds of a command that must succeed."""
    own = {"INKBENCH_TRACKING": "off", "PYTHONPATH": str(tree / "src"), "DVC_NO_ANALYTICS": "1"}
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=tree, env=os.environ | own | environment, capture_output=True, text=True
    )
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
        raise InkbenchError(f"{' '.join(command)} failed")
    return time.perf_counter() - started


@contextlib.contextmanager
def sampling(cores: list[float]) -> Iterator[None]:
    """Note how many cores are busy, in every second in which a training runs."""
    ended = threading.Event()

    def sample() -> None:
        while not ended.is_set():
            percent = psutil.cpu_percent(interval=1)
            names = (" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"]))
            if any("stages/train.py" in name for name in names):
                cores.append(percent / 100 * (psutil.cpu_count() or 1))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def contents(tree: Path) -> dict[str, object]:
    """Bytes of all outputs, and dvc.lock without its order, which DVC varies if it gets targets."""
    files = [file for name in OUTPUTS for file in tree.glob(f"{name}/**/*") if file.is_file()]
    lock = yaml.safe_load((tree / "dvc.lock").read_text())
    return {"dvc.lock": lock, **{str(f.relative_to(tree)): f.read_bytes() for f in files}}


def toy(folder: Path) -> None:
    """Compare sleeping chains on one node and on several, which share a folder as DVC remote."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.urandom(32).hex()}
    walls = {}
    with contextlib.ExitStack() as opened:
        sessions = opened.enter_context(tempfile.TemporaryDirectory(prefix="ray-"))
        for number in range(NODES):
            port = f"--port={address.rpartition(':')[2]}"
            join = [f"--address={address}"]
            head = ["--head", port, f"--temp-dir={sessions}", "--include-dashboard=false"]
            start_node(opened, folder / f"node-{number}", join if number else head, token)
        for jobs in (1, NODES):
            tree = folder / f"tree-{jobs}"
            (tree / ".dvc").mkdir(parents=True)
            (tree / ".dvc/config").write_text(
                f"[core]\n    remote = r\n['remote \"r\"']\n    url = {folder}/remote-{jobs}\n"
            )
            (tree / ".gitignore").write_text("/models\n/metrics\n/plots\n.tracking\n")
            (tree / "code").write_text(f"{jobs}\n")  # the nodes know nothing of it
            (tree / "dvc.yaml").write_text(TOY.replace("SECONDS", str(SECONDS)))
            blocks = "".join(f"  chain-{n}: {{seed: {n}}}\n" for n in range(CHAINS))
            (tree / "params.yaml").write_text(f"train:\n{blocks}")
            commit(tree)
            command = [sys.executable, "-m", "inkbench.cli", "repro", "--address", address]
            walls[jobs] = measure([*command, "--jobs", str(jobs)], tree, **token, PYTHONPATH="")
            print(f"{jobs} nodes: {walls[jobs]:6.1f} s", flush=True)
    print(f"{CHAINS} chains of {SECONDS} s, {psutil.cpu_count()} cores for all nodes")
    verdict(f"speed-up on {NODES} nodes", walls[1] / walls[NODES], TOY_BAR)
    overhead = walls[1] / CHAINS - SECONDS
    print(f"overhead a chain: {overhead:.1f} s (at most {OVERHEAD_BAR:.0f})")


def start_node(
    opened: contextlib.ExitStack, folder: Path, options: list[str], token: dict[str, str]
) -> None:
    """Start a raylet with a folder of its own, until the end of the benchmark."""
    folder.mkdir()
    log, ray = folder / "log", Path(sys.executable).with_name("ray")
    own = {"INKBENCH_SCRATCH": str(folder / "scratch")}
    memory = ["--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats"]
    process = subprocess.Popen(
        [str(ray), "start", "--block", *memory, *options],
        env=os.environ | token | own,
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )

    def stop() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):  # it did not start
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    opened.callback(stop)
    while "runtime started" not in log.read_text():
        if process.poll() is not None:
            raise InkbenchError(f"Ray does not start: {log.read_text()[-500:]}")
        time.sleep(0.2)


def verdict(name: str, value: float, bar: float) -> None:
    """Print a measurement beside its target."""
    print(f"{name}: {value:.2f} (target {bar}: {'reached' if value >= bar else 'missed'})")


if __name__ == "__main__":
    main()
