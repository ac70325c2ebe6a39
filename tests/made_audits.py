"""Generated results of every published claim, in the documented formats."""

import json
from pathlib import Path

import numpy as np

from helpers import ROOT
from inkbench.records import write_csv
from made_images import DIGITS, LETTERS, glyphs

METRICS = {
    path.stem: json.loads(path.read_text())
    for path in sorted((ROOT / "metrics/published").glob("*.json"))
}


def write(root: Path, data_source: str) -> None:
    """Write ``metrics/published`` and ``evaluations/published``."""
    folder = root / "evaluations/published"
    for name, metrics in METRICS.items():
        path = root / f"metrics/published/{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(metrics | {"data_source": data_source}))
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(5)
    letters, digits = (glyphs(classes, 1, rng) for classes in (LETTERS, DIGITS))
    _letters(folder, letters, (letters / 255).astype(np.float16), rng)
    _digits(folder, digits, (digits / 255).astype(np.float16), rng)


def _letters(
    folder: Path, images: np.ndarray, outputs: np.ndarray, rng: np.random.Generator
) -> None:
    basic = folder / "notmnist-basic"
    np.savez(basic / "samples.npz", inputs=images, outputs_0=outputs / 9, outputs_2=outputs)
    rows = [[0, 0.69, 0.3, 0.5], [1, 0.27, 0.5, 0.9], [2, 0.168, 0.6, 0.95]]
    columns = ["epoch", "test_bce", "keras_accuracy", "test_binary_accuracy"]
    write_csv(basic / "curve.csv", columns, rows)

    np.savez(
        folder / "notmnist-multilayer/shown.npz",
        tiles=rng.integers(0, 256, images.shape, np.uint8),
        tiles_drawn=outputs,
        tiles_softmax=np.ones_like(outputs),
        letters=images,
        letters_drawn=outputs / 2,
        letters_corrected=outputs,
    )

    few = folder / "notmnist-80-images"
    chances = np.exp(-((np.arange(81) - 60) ** 2) / 30)
    rows = [[k, k / 80, chance] for k, chance in enumerate(chances / chances.sum())]
    write_csv(few / "draws.csv", ["right", "accuracy", "chance"], rows)
    rows = [[letter, rng.uniform(0.5, 0.8), rng.uniform(0.7, 0.9)] for letter in LETTERS]
    write_csv(few / "letters.csv", ["letter", "as_published", "corrected"], rows)


def _digits(
    folder: Path, images: np.ndarray, outputs: np.ndarray, rng: np.random.Generator
) -> None:
    logits = folder / "mnist-logits"
    counts, edges = np.histogram(rng.normal(0.2, 0.5, 1000), 60, (-1, 2))
    np.savez(
        logits / "samples.npz",
        counts=counts,
        counts_untrained=counts[::-1],
        edges=edges,
        targets=images,
        as_published=outputs - 0.2,
        corrected=outputs,
    )
    columns = [
        "images",
        "test_bce",
        "test_binary_accuracy",
        "corrected_bce",
        "corrected_binary_accuracy",
    ]
    rows = [[0, 1.5, 0.8, 0.7, 0.6], [20_000, 0.4, 0.9, 0.2, 0.93]]
    write_csv(logits / "curve.csv", columns, rows)

    pair = folder / "mnist-sparse-pair"
    np.savez(pair / "samples.npz", targets=images, base=outputs, sparse=outputs, on=outputs / 2)
    columns = ["images", "base", "sparse", "on", "difference", "difference_when_on"]
    rows = [[0, 1.5, 1.5, 1.5, 0.0, 0.0], [10_000, 0.5, 0.5, 0.6, 0.0, 0.02]]
    write_csv(pair / "curve.csv", columns, rows)
