"""“CNN: 73.75 % accuracy” (notMNIST_autoencoder, Model 3; earlier 76.25 % and 62.5 %).

This figure is an accuracy, but of only ``72 // 16 + 1`` batches of 16, which is 80 images. They
come from a folder that was sampled from all files, training files included. Training mirrors half
of the images left-right, which changes every letter but A, H and I.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from inkbench import models
from inkbench.datasets import notmnist
from inkbench.evaluation.results import Results, Table
from inkbench.params import Augment, Published
from inkbench.published import letters
from inkbench.published.letters import Letters
from inkbench.training.batches import warped

if TYPE_CHECKING:
    import keras

PUBLISHED = 0.7375
TESTED = 80  # images
_PER_EPOCH = 2000  # images
_VALIDATION = 350  # files per letter
_AUGMENT = Augment(zoom=0.2, shear=0.2)


class Folders(NamedTuple):
    """Rows of the script's three folders, and of the test images without a training duplicate."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    unseen: np.ndarray


def reproduce(settings: Published) -> Results:
    """Train Model 3 as published, and once without mirroring and with a softmax head.

    ``accuracy_of_80`` is the published quantity. Given ``validation_accuracy``, 95 % of the samples
    of 80 images score between ``draws_low`` and ``draws_high``. ``test_accuracy`` and
    ``corrected_accuracy`` use the test images without a copy in training. ``draws.csv`` has the
    probability of each number of correct images; ``letters.csv`` the accuracy of each letter.
    """
    data = letters.read(settings.train_limit)
    rng = np.random.default_rng(settings.seed)
    folders = split(data, rng)
    published_model = _trained(data, folders.train, settings, as_published=True)
    corrected_model = _trained(data, folders.train, settings, as_published=False)

    correct = _correct(published_model, data, folders.validation)
    low, high, probabilities = spread(int(correct.sum()), len(correct))
    rows = folders.unseen
    as_published, corrected = (_correct(m, data, rows) for m in (published_model, corrected_model))
    metrics = {
        "accuracy_of_80": float(rng.permutation(correct)[:TESTED].mean()),
        "draws_low": low,
        "draws_high": high,
        "validation_accuracy": float(correct.mean()),
        "validation_in_training": float(np.isin(folders.validation, folders.train).mean()),
        "test_accuracy": float(as_published.mean()),
        "corrected_accuracy": float(corrected.mean()),
        "published": PUBLISHED,
        "n_train": len(folders.train),
        "n_validation": len(folders.validation),
        "n_test": len(rows),
        "parameters": published_model.count_params(),
    }
    draws = [[k, k / TESTED, float(p)] for k, p in enumerate(probabilities)]
    by_letter = [
        [name, float(as_published[members].mean()), float(corrected[members].mean())]
        for label, name in enumerate(notmnist.SPEC.classes)
        if (members := data.labels[rows] == label).any()
    ]
    tables = {
        "draws.csv": Table(("right", "accuracy", "chance"), draws),
        "letters.csv": Table(("letter", "as_published", "corrected"), by_letter),
    }
    return Results(metrics, {}, tables)


def split(data: Letters, rng: np.random.Generator) -> Folders:
    """Sample the folders as the script does, letter by letter.

    A fifth of the files is drawn for testing, *with* replacement; the rest is for training. For
    validation, 350 are drawn from all files, again with replacement.
    """
    parts: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    for label in np.unique(data.labels):
        files = np.flatnonzero(data.labels == label)
        test = np.unique(rng.choice(files, max(1, len(files) // 5)))
        parts["test"].append(test)
        parts["train"].append(np.setdiff1d(files, test))
        parts["validation"].append(np.unique(rng.choice(files, min(_VALIDATION, len(files)))))
    train, validation, test = (np.concatenate(rows) for rows in parts.values())
    return Folders(train, validation, test, test[~np.isin(data.keys[test], data.keys[train])])


def spread(correct: int, count: int) -> tuple[float, float, np.ndarray]:
    """Distribution of the accuracy of 80 images drawn from ``count``, ``correct`` of them correct.

    Returns both ends of the interval that holds 95 % of the draws (hypergeometric: without
    replacement), and the probabilities of 0 to 80 correct images.
    """
    from scipy.stats import hypergeom

    drawn = hypergeom(count, correct, min(TESTED, count))
    low, high = drawn.ppf([0.025, 0.975]) / min(TESTED, count)
    return float(low), float(high), drawn.pmf(np.arange(TESTED + 1))


def _trained(
    data: Letters, train: np.ndarray, settings: Published, as_published: bool
) -> "keras.Model":
    """Train with adam for ``epochs`` of 2,000 images from one shuffled sequence."""
    import keras
    from keras import layers
    from tqdm import tqdm

    keras.utils.set_random_seed(settings.seed)
    model = models.build(settings.family, data.images.shape[1:], 10, settings.model)
    if as_published:
        scores = layers.Dense(10, activation="sigmoid")(model.layers[-2].output)
        model = keras.Model(model.input, scores)
    per_epoch = min(_PER_EPOCH, len(train))
    model.compile(
        keras.optimizers.Adam(settings.learning_rate),
        "sparse_categorical_crossentropy",
        steps_per_execution=min(25, -(-per_epoch // settings.batch_size)),
        jit_compile=False,
    )
    rng = np.random.default_rng(settings.seed)
    name = "as published" if as_published else "corrected"
    order = np.concatenate(
        [rng.permutation(train) for _ in range(-(-settings.epochs * per_epoch // len(train)))]
    )
    for epoch in tqdm(range(settings.epochs), name, unit="epoch", disable=None):
        rows = order[epoch * per_epoch : (epoch + 1) * per_epoch]
        images = warped(data.images[rows], _AUGMENT, rng)
        if as_published:
            mirrored = rng.random(len(images)) < 0.5
            images[mirrored] = images[mirrored, :, ::-1]
        model.fit(images, data.labels[rows], settings.batch_size, shuffle=False, verbose=0)
    return model


def _correct(model: "keras.Model", data: Letters, rows: np.ndarray) -> np.ndarray:
    scores = model.predict(data.images[rows], 256, verbose=0)
    return scores.argmax(axis=1) == data.labels[rows]
