"""Models without a network and small generated datasets, to test the evaluation."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from inkbench import layout
from inkbench.datasets.common import store
from inkbench.datasets.common.background import without_background
from inkbench.datasets.common.store import Images, Page
from inkbench.evaluation import reconstruction

CLASSES = list("ABCDEFGHIJ")
BASE = {
    "epochs": 1,
    "batch_size": 8,
    "learning_rate": 0.001,
    "schedule": "constant",
    "optimiser": "adam",
    "seed": 1,
    "precision": "float32",
}
RECONSTRUCTION = BASE | {
    "dataset": "notmnist",
    "task": "reconstruction",
    "family": "dense_autoencoder",
    "model": {"hidden": [8], "code": 4},
    "loss": "bce",
}
CLASSIFICATION = BASE | {
    "dataset": "notmnist",
    "task": "classification",
    "family": "cnn",
    "loss": "cross_entropy",
}
RESTORATION = BASE | {
    "dataset": "documents",
    "task": "restoration",
    "family": "unet",
    "model": {"width": 4},
    "loss": "mse",
    "patches": {"size": 32, "per_page": 8},
}


def skip_probes(patch: pytest.MonkeyPatch) -> None:
    """Replace probes and t-SNE, which take seconds, where a test is about something else."""
    patch.setattr(reconstruction.probe, "accuracies", lambda *_: (1.0, 1.0))
    patch.setattr(reconstruction.projection, "tsne2", lambda codes: codes[:, :2])


@dataclass
class FakeModel:
    """Returns a paler copy of its input; the code of an image is its 7 × 7 block means."""

    path: Path = Path("models/fake/model.keras")
    is_variational: bool = False
    error: float = 0  # makes outputs worse
    fixed_outputs: np.ndarray | None = None  # returned for any input
    inputs: list[np.ndarray] = field(default_factory=list)

    def outputs(self, images: np.ndarray) -> np.ndarray:
        self.inputs.append(images)
        if self.fixed_outputs is not None:
            return self.fixed_outputs
        return 0.1 + (0.8 - self.error) * images / np.float32(255)

    def codes(self, images: np.ndarray) -> np.ndarray:
        blocks = images.reshape(len(images), 4, 7, 4, 7).mean((2, 4)) / 255
        return blocks.reshape(len(images), -1).astype(np.float32)

    def posterior(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = self.codes(images)[:, :3]
        return mean, np.full_like(mean, -1)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        brightness = 1 / (1 + np.exp(-codes[:, :1, None]))
        return np.broadcast_to(brightness, (len(codes), 28, 28)).astype(np.float32)

    def kernels(self) -> dict[str, np.ndarray]:
        convolution = np.random.default_rng(0).normal(size=(3, 3, 1, 32)).astype(np.float32)
        return {"conv2d": convolution, "code": np.zeros((784, 4), np.float32)}

    def restore(self, page: np.ndarray) -> np.ndarray:
        return without_background(page) * np.float32(1 - self.error)


def letters(per_class: int, seed: int = 0) -> Images:
    """Noise images of ten classes; each class has a bright block in a position of its own."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(10, dtype=np.uint8), per_class)
    images = rng.integers(0, 60, (len(labels), 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 4)
        image[7 * row : 7 * row + 7, 7 * column : 7 * column + 7] = 220
    return Images(images, labels, np.arange(len(labels)))


def probabilities(labels: np.ndarray, wrong: int = 0) -> np.ndarray:
    """Class probabilities that predict ``labels``, except for the first ``wrong`` images."""
    predicted = labels.astype(int)
    predicted[:wrong] = (predicted[:wrong] + 1) % 10
    return np.where(np.eye(10)[predicted] == 1, 0.91, 0.01).astype(np.float32)


def page(name: str, noise: str) -> Page:
    """A page of 40 × 60 pixels with a line of ink on darkened paper."""
    clean = np.full((40, 60), 255, np.uint8)
    clean[20:22, 5:50] = 0
    return Page(name, (clean * 0.7).astype(np.uint8), clean, noise, int(name))


def save_letters(test: Images | None = None, data_source: str = "synthetic") -> None:
    """Write a processed ``notmnist`` under the working directory."""
    folder = layout.processed("notmnist")
    folder.mkdir(parents=True, exist_ok=True)
    for part, images in (("train", letters(6, 1)), ("valid", letters(2, 2))):
        store.save_images(folder, part, images)
    store.save_images(folder, "test", letters(4, 3) if test is None else test)
    store.save_card(folder, {"data_source": data_source, "classes": CLASSES})


def save_pages(*test: Page, splits: dict | None = None) -> None:
    """Write a processed ``documents`` under the working directory."""
    folder = layout.processed("documents")
    folder.mkdir(parents=True, exist_ok=True)
    for part, pages in (("train", (page("2", "fold"),)), ("valid", ()), ("test", test)):
        store.save_pages(folder, part, pages)
    card = {"data_source": "synthetic", "classes": [], "splits": splits or {}}
    store.save_card(folder, card)


def save_training_card(name: str, block: dict) -> None:
    """Write ``models/<name>/`` under the working directory, with an empty model."""
    folder = layout.model_folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    card = {"variant": block, "data_source": "synthetic", "parameters": 123}
    layout.training_card(name).write_text(json.dumps(card))
    layout.model(name).touch()
