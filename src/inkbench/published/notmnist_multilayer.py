"""“Multilayer autoencoder: 27.51 % accuracy” (notMNIST_autoencoder, Model 2).

Again the printed figure is a loss. The script opens ``notMNIST_small.tar.gz`` with a reader for
IDX files, so its images are bytes of a tar archive; its test images are the first of those it was
trained on. A later version of the script has a softmax over one channel for a head.
"""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from inkbench import models
from inkbench.evaluation import fidelity
from inkbench.evaluation.results import Metric, Results, Table
from inkbench.params import Published
from inkbench.published import letters

if TYPE_CHECKING:
    import keras

PRINTED = 0.2751
PUBLISHED_EPOCHS = 10  # of `fit`; the 50 that the script also names are not used
_TILES = 14_979
_TESTED = 1 / 4  # of the same tiles, from the first on: 3,745
_LETTERS_TESTED = 1000
_SHOWN = 10


def audit(settings: Published) -> Results:
    """Train the table's network on bytes, and the same network as long on letters.

    Both with the first script's sigmoid, RMSprop and binary cross-entropy, and
    ``validation_split=0.1``; then the later script's softmax head on some of the bytes.

    Returns
    -------
    Results
        ``test_bce`` is the published quantity, after ``epochs`` of ``published_epochs``;
        ``letters_bce`` what the network that saw bytes makes of letters, ``mended_bce`` what the
        one that saw letters makes of them; each ``…_of_a_perfect_copy`` is the least there is.
        ``softmax_…`` is of the later script's head.
        ``curve.csv`` has ``test_bce`` by epoch, ``shown.npz`` what was shown and drawn.
    """
    tiles = letters.tiles(min(settings.train_limit or _TILES, _TILES))
    tested = tiles[: max(_SHOWN, int(len(tiles) * _TESTED))]
    data = letters.read(None)
    order = np.random.default_rng(settings.seed).permutation(len(data.labels))
    few = min(_LETTERS_TESTED, len(order) // 5)
    held_out, seen = np.sort(order[:few]), order[few:][: len(tiles)]

    on_bytes, curve = _trained(tiles, tested, settings, "on bytes")
    on_letters, _ = _trained(data.images[seen], data.images[held_out], settings, "on letters")
    ink = fidelity.ink(tested, binarise=False)
    letters_ink = fidelity.ink(data.images[held_out], binarise=False)
    places = np.linspace(0, len(tested) - 1, _SHOWN).astype(int)
    softmax, said = _softmax_head(settings, tested, tested[places])
    at = np.unique(data.labels[held_out], return_index=True)[1]  # the first of every class
    drawn = on_bytes.predict(data.images[held_out], 256, verbose=0)
    mended = on_letters.predict(data.images[held_out], 256, verbose=0)
    metrics = {
        "test_bce": curve[-1][1],
        "bce_of_a_perfect_copy": fidelity.bce(ink, ink),
        "letters_bce": fidelity.bce(letters_ink, drawn),
        "mended_bce": fidelity.bce(letters_ink, mended),
        "letters_bce_of_a_perfect_copy": fidelity.bce(letters_ink, letters_ink),
        "published": PRINTED,
        "published_epochs": PUBLISHED_EPOCHS,
        "n_train": int(len(tiles) * 0.9),
        "n_test": len(tested),
        "n_letters": len(held_out),
        "parameters": on_bytes.count_params(),
        **said,
    }
    shown = {
        "tiles": tested[places],
        "tiles_drawn": on_bytes.predict(tested[places], 256, verbose=0).astype(np.float16),
        "tiles_softmax": softmax.astype(np.float16),
        "letters": data.images[held_out[at]],
        "letters_drawn": drawn[at].astype(np.float16),
        "letters_mended": mended[at].astype(np.float16),
    }
    tables = {"curve.csv": Table(("epoch", "test_bce"), curve)}
    return Results(metrics, {"shown.npz": shown}, tables)


def _trained(
    images: np.ndarray, tested: np.ndarray, settings: Published, name: str
) -> tuple["keras.Model", list[list[float]]]:
    """The table's network after ``epochs`` on images, and its loss by epoch."""
    import keras
    from tqdm import tqdm

    keras.utils.set_random_seed(settings.seed)
    model = models.build(settings.family, images.shape[1:], 10, settings.model)
    optimizer = keras.optimizers.RMSprop(settings.learning_rate)
    fitted = images[: int(len(images) * 0.9)]
    steps = min(8, -(-len(fitted) // settings.batch_size))
    model.compile(optimizer, "binary_crossentropy", steps_per_execution=steps, jit_compile=False)
    targets = fidelity.ink(tested, binarise=False)
    curve = []
    for epoch in tqdm(range(settings.epochs), name, unit="epoch", disable=None):
        model.fit(fitted, fitted / np.float32(255), settings.batch_size, verbose=0)
        if name == "on bytes" or epoch + 1 == settings.epochs:
            outputs = model.predict(tested, 256, verbose=0)
            curve.append([epoch + 1, fidelity.bce(targets, outputs)])
    return model, curve


def _softmax_head(
    settings: Published, tiles: np.ndarray, shown: np.ndarray
) -> tuple[np.ndarray, dict[str, Metric]]:
    """Train the later script's head, adam on sparse categorical cross-entropy, for a few batches.

    Returns what it draws of the tiles ``shown``, and what is to be said of it.

    Its labels are the bytes' intensities cut down to integers: 0, and 1 where a byte is 255. For
    the latter there is no class among one: a CPU refuses them and a GPU returns NaN, so that here
    they are taken for 0 and counted.
    """
    import keras

    model = models.build(settings.family, tiles.shape[1:], 10, settings.model)
    model = keras.Model(model.input, model.layers[-2].output)  # [n, h, w, 1]
    model.layers[-1].activation = keras.activations.softmax
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    before = [weights.copy() for weights in model.get_weights()]
    some = tiles[:500]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are using a softmax over axis")
        model.fit(some, np.zeros((*some.shape, 1), np.uint8), settings.batch_size, verbose=0)
        outputs = model.predict(np.concatenate([shown, some]), 256, verbose=0)[..., 0]
    pairs = zip(before, model.get_weights(), strict=True)
    return outputs[: len(shown)], {
        "softmax_lowest_output": float(outputs.min()),
        "softmax_largest_weight_change": float(max(np.abs(a - b).max() for a, b in pairs)),
        "softmax_labels_without_a_class": float((tiles == 255).mean()),
    }
