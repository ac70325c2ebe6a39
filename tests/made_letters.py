"""A small synthetic dataset that a network learns quickly."""

from pathlib import Path

import numpy as np

from inkbench import layout
from inkbench.datasets.common import store


def save(root: Path, **counts: int) -> None:
    """Write a processed notMNIST: noise with a bright stripe for each class."""
    rng = np.random.default_rng(0)
    folder = root / layout.processed("notmnist")
    folder.mkdir(parents=True)
    for part, count in counts.items():
        labels = np.arange(count, dtype=np.uint8) % 10
        images = rng.integers(0, 120, (count, 28, 28), np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 6] += 120
        store.save_images(folder, part, store.Images(images, labels, np.arange(count)))
    store.save_card(folder, {"data_source": "synthetic", "classes": list("ABCDEFGHIJ")})
