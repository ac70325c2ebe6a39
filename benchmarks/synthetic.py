"""Quality of the synthetic data: train on it only, test on the real data.

    INKBENCH_MIRROR=../shared/data python benchmarks/synthetic.py [letters] [digits] [pages]

Generates the data in a temporary folder, trains a small network on each dataset (one to two minutes
each on two idle cores) and evaluates it on the real images. `INKBENCH_MIRROR` is a folder with the
real archives under their official names. The restorer is also evaluated on held-out synthetic
pages, which shows how much of the error comes from the difference between synthetic and real pages.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inkbench import models
from inkbench.datasets.common.background import with_background
from inkbench.datasets.reading import archives, png
from inkbench.datasets.reading.idx import read_idx
from inkbench.datasets.synthetic import digits, fonts, generate, letters, paper
from inkbench.errors import InkbenchError, one_line_errors
from inkbench.params import Augment
from inkbench.restore import restore
from inkbench.training import batches, runtime

TEST_IMAGES = 5000
TEST_PAGES = 8  # of the synthetic
PATCH = 64  # pixels
Images = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Generate, train and evaluate what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"of {', '.join(SUBJECTS)}")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    if unknown := set(options.subjects) - SUBJECTS.keys():
        parser.error(f"{min(unknown)!r} is unknown; choose from {', '.join(SUBJECTS)}")
    with one_line_errors(), tempfile.TemporaryDirectory() as folder:
        for subject in options.subjects or SUBJECTS:
            dataset, measure = SUBJECTS[subject]
            started = time.perf_counter()
            generate.write(dataset, Path(folder))
            print(f"{subject}: generated in {time.perf_counter() - started:.1f} s", flush=True)
            started = time.perf_counter()
            for line in measure(Path(folder), _mirror() / dataset, options.epochs):
                print(f"{subject}: {line}")
            print(f"{subject}: measured in {time.perf_counter() - started:.0f} s", flush=True)


def measure_letters(made: Path, real: Path, epochs: int) -> list[str]:
    """Accuracy on real notMNIST of a small residual network trained on synthetic letters."""
    return _classify(_letters(made), _letters(real), epochs)


def measure_digits(made: Path, real: Path, epochs: int) -> list[str]:
    """Accuracy on MNIST's test images of the same network trained on synthetic digits."""
    return _classify(_digits(made, "train"), _digits(real, "test"), epochs)


def measure_pages(made: Path, real: Path, epochs: int) -> list[str]:
    """Pooled RMSE on real pages of a small U-Net trained on synthetic pages."""
    runtime.set_up("auto", seed=0)
    pairs = _pages(made)
    held_out = [name for name in pairs if int(name) % 3 == 0][-TEST_PAGES:]
    training = [pair for name, pair in pairs.items() if int(name) % 3 == 2]
    model = _trained_unet(training, epochs)
    lines = []
    for source, tested in (
        ("synthetic", [pairs[name] for name in held_out]),
        ("real", [pair for name, pair in _pages(real).items() if int(name) % 3 == 0]),
    ):
        untouched = _pooled_rmse([(clean, noisy / 255.0) for noisy, clean in tested])
        restored = [(clean, restore(model, noisy)) for noisy, clean in tested]
        lines.append(f"{source} pages: RMSE {untouched:.4f} → {_pooled_rmse(restored):.4f}")
        for k, noise in enumerate(paper.NOISES):
            lines.append(f"  {noise}: {_pooled_rmse(restored[k :: len(paper.NOISES)]):.4f}")
    return lines


SUBJECTS: dict[str, tuple[str, Callable[[Path, Path, int], list[str]]]] = {
    "letters": ("notmnist", measure_letters),
    "digits": ("mnist", measure_digits),
    "pages": ("documents", measure_pages),
}


def _classify(train: Images, test: Images, epochs: int) -> list[str]:
    runtime.set_up("auto", seed=0)
    import keras

    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(test[0]))[:TEST_IMAGES]
    model = models.build("resnet", (28, 28), 10, {"width": 16, "dropout": 0.3})
    steps = epochs * -(-len(train[0]) // 64)
    rate = keras.optimizers.schedules.CosineDecay(0.002, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    for _ in range(epochs):
        order = rng.permutation(len(train[0]))
        change = Augment(shift=1, rotate=5, zoom=0.1, shear=0.1)
        images = batches.warped(train[0][order], change, rng)
        model.fit(images, train[1][order], batch_size=64, verbose=0)
    right = model.predict(test[0][chosen], batch_size=500, verbose=0).argmax(1) == test[1][chosen]
    each = [f"{right[test[1][chosen] == label].mean():.2f}" for label in range(10)]
    trained = (
        f"{model.count_params()} parameters, {len(train[0])} synthetic images, {epochs} epochs"
    )
    return [
        f"{trained}: accuracy {right.mean():.4f} on {len(right)} real images",
        f"by class: {' '.join(each)}",
    ]


def _trained_unet(pages: list[Images], epochs: int):
    import keras

    from inkbench.training.optimisers import optimiser

    per_epoch, batch = 1536, 8
    model = models.build("unet", (None, None, 2), 0, {"width": 16})
    rate = keras.optimizers.schedules.CosineDecay(0.003, epochs * per_epoch // batch)
    model.compile(optimiser("muon", rate), "mse")
    pages = [(with_background(noisy), clean[..., None]) for noisy, clean in pages]
    for epoch in range(epochs):
        inputs, targets = batches._crops(pages, PATCH, per_epoch, [0, epoch])
        model.fit(inputs, targets / np.float32(255), batch_size=batch, verbose=0)
    return model


def _pooled_rmse(pairs: list[Images]) -> float:
    squares = [np.square(output - clean / 255.0) for clean, output in pairs]
    return float(np.sqrt(np.concatenate([square.ravel() for square in squares]).mean()))


def _mirror() -> Path:
    mirror = Path(os.environ.get("INKBENCH_MIRROR", ""))
    if not os.environ.get("INKBENCH_MIRROR") or not mirror.is_dir():
        raise InkbenchError("set INKBENCH_MIRROR to a folder with the real archives")
    return mirror


def _letters(folder: Path) -> Images:
    images, labels = [], []
    for name, content in archives.members(folder / letters.ARCHIVE):
        if content:  # two of the real files are empty
            images.append(png.grey(content))
            labels.append(fonts.LETTERS.index(name.split("/")[1]))
    return np.stack(images), np.array(labels, np.uint8)


def _digits(folder: Path, part: str) -> Images:
    images, labels = (read_idx(folder / name) for name in digits.FILES[part])
    return images, labels


def _pages(folder: Path) -> dict[str, Images]:
    """Noisy and clean page by number, in the order of the numbers."""
    noisy, clean = (
        {Path(name).stem: png.grey(content) for name, content in archives.members(folder / zipped)}
        for zipped in ("train.zip", "train_cleaned.zip")
    )
    return {name: (noisy[name], clean[name]) for name in sorted(noisy, key=int)}


if __name__ == "__main__":
    sys.exit(main())
