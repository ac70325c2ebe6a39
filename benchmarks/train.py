"""Images a second in training: this pipeline, the published scripts' way, and PyTorch.

    python benchmarks/train.py                               # three networks, about five minutes
    python benchmarks/train.py mnist-conv-ae --rounds 9
    pip install --target /tmp/peer torch==2.13.0 && python benchmarks/train.py --peer /tmp/peer

Every way is a process of its own that builds its network once and then trains an epoch whenever
its turn comes; the turns go round (A B C A B C …), so that a noisy machine hits all alike; what
counts is the best turn of each. CPU time an image is that of all threads together: it depends
little on what else the machine does, so compare that where others use it too.

All ways take Adam's steps; what Muon's cost, which most variants take, is a way of its own. The
published way is `fit` on float arrays with the published batch size, one batch an execution.
PyTorch is an optional peer, never a dependency: its ways are left out where it is not installed.
The images are made up, as speed does not depend on what they show.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import peers
from overhead import verdict

from inkbench import params
from inkbench.errors import InkbenchError, one_line_errors

PUBLISHED_BATCH = {"notmnist-dense-ae": 100, "notmnist-conv-ae": 128, "mnist-conv-ae": 100}
PIPELINE, MUON, PUBLISHED = "pipeline", "pipeline, Muon", "published"
TORCH = {"torch": "float32", "torch-last": "channels last", "torch-bf16": "bfloat16"}
BAR = 1.5  # times the published way, for convolutional networks

Epoch = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(PUBLISHED_BATCH)
    parser.add_argument("variants", nargs="*", metavar="variant", help=f"of {', '.join(names)}")
    parser.add_argument("--images", type=int, default=4096, help="in a turn (default: 4096)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way (default: 5)")
    parser.add_argument(
        "--peer", metavar="FOLDER", help="where PyTorch was installed with --target"
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with one_line_errors():
        for name in options.variants:
            if name not in PUBLISHED_BATCH:
                raise InkbenchError(f"{name!r} is not benchmarked; choose from {', '.join(names)}")
        if options.worker:
            work(options.worker, options.variants[0], options.images, options.peer)
        else:
            ways = [PIPELINE, MUON, PUBLISHED, *_torch_ways(options.peer)]
            for name in options.variants or names:
                compare(name, ways, options)


def compare(name: str, ways: list[str], options: argparse.Namespace) -> None:
    """Let all ways take their turns, and print what came of it."""
    workers = {way: Worker(name, way, options) for way in ways}
    sizes = {way: worker.say()["parameters"] for way, worker in workers.items()}
    if len(set(sizes.values())) > 1:
        raise InkbenchError(f"{name}: not the same network: parameters {sizes}")
    best = {way: {"wall": math.inf, "cpu": math.inf} for way in ways}
    for _ in range(options.rounds):
        for way, worker in workers.items():
            spent = worker.turn()
            best[way] = {key: min(spent[key], least) for key, least in best[way].items()}
    for worker in workers.values():
        worker.end()

    print(f"{name}: {sizes[PIPELINE]:,} parameters, best of {options.rounds} turns")
    print(f"  {'':24}{'images/s':>9}{'µs CPU/image':>14}")
    for way, spent in best.items():
        speed, cpu = options.images / spent["wall"], 1e6 * spent["cpu"] / options.images
        print(f"  {way:24}{speed:9,.0f}{cpu:14,.0f}")
    faster = {
        way: {key: spent[key] / best[PIPELINE][key] for key in spent} for way, spent in best.items()
    }
    theirs = faster[PUBLISHED]
    bar = f", bar {BAR}: {verdict(theirs['wall'] >= BAR)}" if "conv" in name else ""
    print(f"  {theirs['wall']:.2f} times the published way ({theirs['cpu']:.2f} in CPU time){bar}")
    rivals = [way for way in ways if way in TORCH]
    if rivals:
        rival = min(rivals, key=lambda way: best[way]["wall"])
        theirs = faster[rival]
        print(
            f"  {theirs['wall']:.2f} times PyTorch's best, {TORCH[rival]} "
            f"({theirs['cpu']:.2f} in CPU time), bar 1: {verdict(theirs['wall'] >= 1)}"
        )
    sys.stdout.flush()


class Worker:
    """A process that trains an epoch when told."""

    def __init__(self, name: str, way: str, options: argparse.Namespace) -> None:
        self._title = f"{name}, {way}"
        command = [sys.executable, __file__, name, "--worker", way]
        command += ["--images", str(options.images)]
        command += ["--peer", options.peer] if options.peer else []
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self) -> dict[str, Any]:
        """The next line that it prints."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise InkbenchError(f"{self._title}: ended early, exit code {self._process.wait()}")
        return json.loads(line)

    def turn(self) -> dict[str, float]:
        """Seconds of an epoch: ``wall`` and ``cpu``."""
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self.say()

    def end(self) -> None:
        """Let it go."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def work(way: str, name: str, images: int, peer: str | None) -> None:
    """Be a worker: build, warm up, then time an epoch for every line of stdin."""
    rng = np.random.default_rng(0)
    shape = (images, 28, 28)
    made = np.where(rng.random(shape) < 0.3, rng.integers(1, 256, shape), 0).astype(np.uint8)
    if way in (PIPELINE, MUON):
        parameters, epoch = pipeline(name, made, "adam" if way == PIPELINE else "muon")
    elif way == PUBLISHED:
        parameters, epoch = published(name, made)
    else:
        parameters, epoch = torch_way(way, name, made, peer)
    epoch()
    print(json.dumps({"parameters": parameters}), flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        epoch()
        spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps(spent), flush=True)


def pipeline(name: str, images: np.ndarray, optimiser: str) -> tuple[int, Epoch]:
    """An epoch as `loop` trains it, with the other settings of params.yaml."""
    from inkbench import models
    from inkbench.training import batches, loop, runtime

    variant = params.load().variant(name).model_copy(update={"optimiser": optimiser})
    runtime.set_up(variant.precision, variant.seed)
    model = models.build(variant.family, (28, 28), 10, variant.model_options)
    objective = loop.Objective("trained", model, "image", variant.loss, variant.epochs)
    trained = loop._compile(variant, objective, len(images), "cpu")
    rng = np.random.default_rng(variant.seed)

    def arrays() -> batches.Arrays:
        shown = images[rng.permutation(len(images))]
        return shown, shown

    return model.count_params(), lambda: trained.fit(
        batches.batched(arrays(), "image", variant), shuffle=False, verbose=0
    )


def published(name: str, images: np.ndarray) -> tuple[int, Epoch]:
    """An epoch of the same network on floats in memory, by Keras' defaults."""
    from inkbench.training import runtime

    runtime.start_tensorflow()
    model = peers.in_keras(name)
    model.compile("adam", "binary_crossentropy")
    floats = images[..., None].astype(np.float32) / 255
    batch = PUBLISHED_BATCH[name]
    return model.count_params(), lambda: model.fit(floats, floats, batch_size=batch, verbose=0)


def _torch_ways(peer: str | None) -> list[str]:
    """Names of PyTorch's ways; none, and a note, where it is not installed."""
    probe = [sys.executable, "-c", "import torch; print(torch.__version__)"]
    found = subprocess.run(probe, env=_with(peer), capture_output=True, text=True, check=False)
    if found.returncode:
        print("PyTorch is not installed: its ways are left out (see --help)")
        return []
    print(f"PyTorch {found.stdout.strip()}")
    return list(TORCH)


def _with(peer: str | None) -> dict[str, str]:
    return os.environ | ({"PYTHONPATH": peer} if peer else {})


def torch_way(way: str, name: str, images: np.ndarray, peer: str | None) -> tuple[int, Epoch]:
    """An epoch of the same network in PyTorch, eager, with this machine's threads."""
    if peer:
        sys.path.append(peer)
    import torch

    variant = params.load().variant(name)
    torch.manual_seed(variant.seed)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    network = peers.in_torch(name)
    inputs = torch.from_numpy(images)
    network(inputs[:2, None] / 255)  # tells lazy layers their sizes
    layout = torch.channels_last if way == "torch-last" else torch.contiguous_format
    network = network.to(memory_format=layout)
    optimiser = torch.optim.Adam(network.parameters(), variant.learning_rate)
    measure = torch.nn.BCEWithLogitsLoss()

    def epoch() -> None:
        for chosen in torch.randperm(len(inputs)).split(variant.batch_size):
            shown = (inputs[chosen, None] / 255).contiguous(memory_format=layout)
            targets = (shown >= 0.5).float() if variant.binarise else shown
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=way == "torch-bf16"):
                outputs = network(targets if variant.binarise else shown)
            measure(outputs.float().reshape(targets.shape), targets).backward()
            optimiser.step()

    return sum(weights.numel() for weights in network.parameters()), epoch


if __name__ == "__main__":
    main()
