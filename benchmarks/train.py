"""Images per second in training: this pipeline, the published scripts, and PyTorch.

    python benchmarks/train.py                               # three networks, about five minutes
    python benchmarks/train.py mnist-conv-ae --rounds 9
    pip install --target /tmp/peer torch==2.13.0 && python benchmarks/train.py --peer /tmp/peer

Each implementation is a process that builds its network once and then trains one epoch per round.
Rounds are interleaved (A B C A B C …), so that noise on the machine affects all alike; the best
round of each counts. CPU time is the sum over all threads. It depends little on other load, so use
it on a shared machine.

All implementations use Adam; the pipeline is also timed with Muon, which most variants use. The
published scripts call `fit` on float arrays with the published batch size, one batch per execution.
PyTorch is optional and skipped if it is not installed. The images are random: their content does
not affect speed.
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
BAR = 1.5  # times the published implementation, for convolutional networks

Epoch = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(PUBLISHED_BATCH)
    parser.add_argument("variants", nargs="*", metavar="variant", help=f"of {', '.join(names)}")
    parser.add_argument("--images", type=int, default=4096, help="images per round (default: 4096)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument(
        "--peer", metavar="FOLDER", help="folder where PyTorch was installed with --target"
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
            implementations = [PIPELINE, MUON, PUBLISHED, *_torch_implementations(options.peer)]
            for name in options.variants or names:
                compare(name, implementations, options)


def compare(name: str, implementations: list[str], options: argparse.Namespace) -> None:
    """Time all implementations in interleaved rounds and print the result."""
    workers = {
        implementation: Worker(name, implementation, options) for implementation in implementations
    }
    sizes = {
        implementation: worker.say()["parameters"] for implementation, worker in workers.items()
    }
    if len(set(sizes.values())) > 1:
        raise InkbenchError(f"{name}: the networks differ: parameters {sizes}")
    best = {
        implementation: {"wall": math.inf, "cpu": math.inf} for implementation in implementations
    }
    for _ in range(options.rounds):
        for implementation, worker in workers.items():
            spent = worker.turn()
            best[implementation] = {
                key: min(spent[key], least) for key, least in best[implementation].items()
            }
    for worker in workers.values():
        worker.end()

    print(f"{name}: {sizes[PIPELINE]:,} parameters, best of {options.rounds} rounds")
    print(f"  {'':24}{'images/s':>9}{'µs CPU/image':>14}")
    for implementation, spent in best.items():
        speed, cpu = options.images / spent["wall"], 1e6 * spent["cpu"] / options.images
        print(f"  {implementation:24}{speed:9,.0f}{cpu:14,.0f}")
    faster = {
        implementation: {key: spent[key] / best[PIPELINE][key] for key in spent}
        for implementation, spent in best.items()
    }
    theirs = faster[PUBLISHED]
    bar = f", bar {BAR}: {verdict(theirs['wall'] >= BAR)}" if "conv" in name else ""
    print(
        f"  {theirs['wall']:.2f} times the published scripts ({theirs['cpu']:.2f} in CPU time){bar}"
    )
    rivals = [implementation for implementation in implementations if implementation in TORCH]
    if rivals:
        rival = min(rivals, key=lambda implementation: best[implementation]["wall"])
        theirs = faster[rival]
        print(
            f"  {theirs['wall']:.2f} times PyTorch's best, {TORCH[rival]} "
            f"({theirs['cpu']:.2f} in CPU time), bar 1: {verdict(theirs['wall'] >= 1)}"
        )
    sys.stdout.flush()


class Worker:
    """A process that trains an epoch on request."""

    def __init__(self, name: str, implementation: str, options: argparse.Namespace) -> None:
        self._title = f"{name}, {implementation}"
        command = [sys.executable, __file__, name, "--worker", implementation]
        command += ["--images", str(options.images)]
        command += ["--peer", options.peer] if options.peer else []
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self) -> dict[str, Any]:
        """The next JSON line that it prints."""
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
        """Stop the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def work(implementation: str, name: str, images: int, peer: str | None) -> None:
    """Run as a worker: build, warm up, then time one epoch per line of stdin."""
    rng = np.random.default_rng(0)
    shape = (images, 28, 28)
    images_array = np.where(rng.random(shape) < 0.3, rng.integers(1, 256, shape), 0).astype(
        np.uint8
    )
    if implementation in (PIPELINE, MUON):
        parameters, epoch = pipeline(
            name, images_array, "adam" if implementation == PIPELINE else "muon"
        )
    elif implementation == PUBLISHED:
        parameters, epoch = published(name, images_array)
    else:
        parameters, epoch = torch_epoch(implementation, name, images_array, peer)
    epoch()
    print(json.dumps({"parameters": parameters}), flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        epoch()
        spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps(spent), flush=True)


def pipeline(name: str, images: np.ndarray, optimiser: str) -> tuple[int, Epoch]:
    """An epoch of `inkbench.training.loop`, with all other settings from params.yaml."""
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
    """An epoch of the same network with Keras' defaults, on float arrays."""
    from inkbench.training import runtime

    runtime.start_tensorflow()
    model = peers.in_keras(name)
    model.compile("adam", "binary_crossentropy")
    floats = images[..., None].astype(np.float32) / 255
    batch = PUBLISHED_BATCH[name]
    return model.count_params(), lambda: model.fit(floats, floats, batch_size=batch, verbose=0)


def _torch_implementations(peer: str | None) -> list[str]:
    """Names of the PyTorch implementations; none, with a note, if it is not installed."""
    probe = [sys.executable, "-c", "import torch; print(torch.__version__)"]
    found = subprocess.run(probe, env=_with(peer), capture_output=True, text=True, check=False)
    if found.returncode:
        print("PyTorch is not installed: skipped (see --help)")
        return []
    print(f"PyTorch {found.stdout.strip()}")
    return list(TORCH)


def _with(peer: str | None) -> dict[str, str]:
    return os.environ | ({"PYTHONPATH": peer} if peer else {})


def torch_epoch(
    implementation: str, name: str, images: np.ndarray, peer: str | None
) -> tuple[int, Epoch]:
    """An epoch of the same network in eager PyTorch, on all cores."""
    if peer:
        sys.path.append(peer)
    import torch

    variant = params.load().variant(name)
    torch.manual_seed(variant.seed)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    network = peers.in_torch(name)
    inputs = torch.from_numpy(images)
    network(inputs[:2, None] / 255)  # initialises the lazy layers
    layout = torch.channels_last if implementation == "torch-last" else torch.contiguous_format
    network = network.to(memory_format=layout)
    optimiser = torch.optim.Adam(network.parameters(), variant.learning_rate)
    measure = torch.nn.BCEWithLogitsLoss()

    def epoch() -> None:
        for chosen in torch.randperm(len(inputs)).split(variant.batch_size):
            shown = (inputs[chosen, None] / 255).contiguous(memory_format=layout)
            targets = (shown >= 0.5).float() if variant.binarise else shown
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=implementation == "torch-bf16"):
                outputs = network(targets if variant.binarise else shown)
            measure(outputs.float().reshape(targets.shape), targets).backward()
            optimiser.step()

    return sum(weights.numel() for weights in network.parameters()), epoch


if __name__ == "__main__":
    main()
