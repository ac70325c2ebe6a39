"""Generated results of every published claim, in the documented formats."""

import json
from pathlib import Path

import numpy as np

from made_images import DIGITS, LETTERS, glyphs
from made_results import write_csv

METRICS = {
    "notmnist-basic": {
        "dataset": "notmnist",
        "epochs": 2,
        "test_bce": 0.16771,
        "test_binary_accuracy": 0.95,
        "keras_accuracy": 0.6,
        "bce_untrained": 0.69,
        "bce_of_a_perfect_copy": 0.11,
        "copies_in_training": 0.03,
    },
    "notmnist-multilayer": {
        "dataset": "notmnist",
        "epochs": 2,
        "test_bce": 0.31,
        "bce_of_a_perfect_copy": 0.25,
        "letters_bce": 0.3,
        "mended_bce": 0.2,
        "letters_bce_of_a_perfect_copy": 0.11,
        "softmax_lowest_output": 1.0,
        "softmax_largest_weight_change": 0.0,
        "published_epochs": 10,
        "n_train": 5400,
    },
    "notmnist-80-images": {
        "dataset": "notmnist",
        "epochs": 20,
        "accuracy_of_80": 0.7625,
        "draws_low": 0.65,
        "draws_high": 0.8375,
        "validation_accuracy": 0.75,
        "validation_in_training": 0.8,
        "test_accuracy": 0.74,
        "mended_accuracy": 0.8,
        "n_validation": 3400,
    },
    "mnist-logits": {
        "dataset": "mnist",
        "epochs": 1,
        "test_bce": 0.4,
        "test_binary_accuracy": 0.9,
        "mended_bce": 0.2,
        "mended_binary_accuracy": 0.93,
        "outputs_without_gradient": 0.3,
        "outputs_without_gradient_untrained": 0.4,
        "published_epochs": 100,
        "published_n_train": 60_000,
        "n_train": 20_000,
    },
    "mnist-sparse-pair": {
        "dataset": "mnist",
        "epochs": 1,
        "largest_weight_difference": 0.0,
        "largest_weight_difference_when_on": 0.02,
        "base_bce": 0.5,
        "on_bce": 0.6,
        "weights_base": "88d346f8550801df",
        "weights_sparse": "88d346f8550801df",
        "n_train": 10_000,
    },
}


def write(root: Path, data_source: str) -> None:
    """Write ``metrics/published`` and ``evaluations/published``."""
    folder = root / "evaluations/published"
    shared = {"data_source": data_source, "n_test": 3745, "parameters": 435_536}
    for name, metrics in METRICS.items():
        path = root / f"metrics/published/{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(shared | metrics, sort_keys=True, indent=2))
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
        letters_mended=outputs,
    )

    few = folder / "notmnist-80-images"
    chances = np.exp(-((np.arange(81) - 60) ** 2) / 30)
    rows = [[k, k / 80, chance] for k, chance in enumerate(chances / chances.sum())]
    write_csv(few / "draws.csv", ["right", "accuracy", "chance"], rows)
    rows = [[letter, rng.uniform(0.5, 0.8), rng.uniform(0.7, 0.9)] for letter in LETTERS]
    write_csv(few / "letters.csv", ["letter", "as_published", "mended"], rows)


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
        mended=outputs,
    )
    columns = ["images", "test_bce", "test_binary_accuracy", "mended_bce", "mended_binary_accuracy"]
    rows = [[0, 1.5, 0.8, 0.7, 0.6], [20_000, 0.4, 0.9, 0.2, 0.93]]
    write_csv(logits / "curve.csv", columns, rows)

    pair = folder / "mnist-sparse-pair"
    np.savez(pair / "samples.npz", targets=images, base=outputs, sparse=outputs, on=outputs / 2)
    columns = ["images", "base", "sparse", "on", "difference", "difference_when_on"]
    rows = [[0, 1.5, 1.5, 1.5, 0.0, 0.0], [10_000, 0.5, 0.5, 0.6, 0.0, 0.02]]
    write_csv(pair / "curve.csv", columns, rows)
