"""“CNN: 73.75 % accuracy” (notMNIST_autoencoder, Model 3; earlier 76.25 % and 62.5 %).

Accuracy it is, but on ``72 // 16 + 1`` batches of 16, which is 80 images, drawn from a folder that
was itself drawn from all files, training files among them. The training images are mirrored
left-right by chance, which no letter but A, H and I survives.
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

PRINTED = 0.7375
TESTED = 80  # images
_PER_EPOCH = 2000  # images, shown in an epoch
_VALIDATION = 350  # files a letter
_AUGMENT = Augment(zoom=0.2, shear=0.2)


class Folders(NamedTuple):
    """Rows of the script's three folders, and the test images that are no copies."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    unseen: np.ndarray


def audit(settings: Published) -> Results:
    """Train Model 3 as published, and once without mirroring and with a softmax head.

    Returns
    -------
    Results
        ``accuracy_of_80`` is the published quantity; ``draws_low`` and ``draws_high`` hold 95 %
        of the figures that 80 images of ``validation_accuracy`` give; ``test_accuracy`` and
        ``mended_accuracy`` are of all images never trained on. ``draws.csv`` has the chance of
        each number of images right, ``letters.csv`` the accuracy of each letter.
    """
    data = letters.read(settings.train_limit)
    rng = np.random.default_rng(settings.seed)
    folders = split(data, rng)
    sigmoid = _trained(data, folders.train, settings, as_published=True)
    mended = _trained(data, folders.train, settings, as_published=False)

    right = _right(sigmoid, data, folders.validation)
    low, high, chances = spread(int(right.sum()), len(right))
    rows = folders.unseen
    as_published, as_mended = (_right(model, data, rows) for model in (sigmoid, mended))
    metrics = {
        "accuracy_of_80": float(rng.permutation(right)[:TESTED].mean()),
        "draws_low": low,
        "draws_high": high,
        "validation_accuracy": float(right.mean()),
        "validation_in_training": float(np.isin(folders.validation, folders.train).mean()),
        "test_accuracy": float(as_published.mean()),
        "mended_accuracy": float(as_mended.mean()),
        "published": PRINTED,
        "n_train": len(folders.train),
        "n_validation": len(folders.validation),
        "n_test": len(rows),
        "parameters": sigmoid.count_params(),
    }
    draws = [[k, k / TESTED, float(chance)] for k, chance in enumerate(chances)]
    by_letter = [
        [name, float(as_published[mine].mean()), float(as_mended[mine].mean())]
        for label, name in enumerate(notmnist.SPEC.classes)
        if (mine := data.labels[rows] == label).any()
    ]
    tables = {
        "draws.csv": Table(("right", "accuracy", "chance"), draws),
        "letters.csv": Table(("letter", "as_published", "mended"), by_letter),
    }
    return Results(metrics, {}, tables)


def split(data: Letters, rng: np.random.Generator) -> Folders:
    """Fill the folders as the script does, letter by letter.

    A fifth is drawn for testing *with* replacement, the rest is for training; for validation 350
    are drawn from all files again, with replacement.
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


def spread(right: int, count: int) -> tuple[float, float, np.ndarray]:
    """What accuracy on 80 images can come out where ``right`` of ``count`` are right.

    Returns
    -------
    low, high
        Hold 95 % of the draws (hypergeometric: 80 of ``count`` without replacement).
    chances
        float ``[81]``: of 0 to 80 right.
    """
    from scipy.stats import hypergeom

    drawn = hypergeom(count, right, min(TESTED, count))
    low, high = drawn.ppf([0.025, 0.975]) / min(TESTED, count)
    return float(low), float(high), drawn.pmf(np.arange(TESTED + 1))


def _trained(
    data: Letters, train: np.ndarray, settings: Published, as_published: bool
) -> "keras.Model":
    """``epochs`` of 2,000 images from one long shuffled sequence, adam, batches as set."""
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
    name = "as published" if as_published else "mended"
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


def _right(model: "keras.Model", data: Letters, rows: np.ndarray) -> np.ndarray:
    scores = model.predict(data.images[rows], 256, verbose=0)
    return scores.argmax(axis=1) == data.labels[rows]
