"""“Multilayer autoencoder: 27.51 % accuracy” (notMNIST_autoencoder, Model 2).

The published figure is a loss again. The script opens ``notMNIST_small.tar.gz`` with a reader for
IDX files, so it trains on the bytes of a tar archive, and it tests on the first of its training
images. A later version of the script ends in a softmax over a single channel.
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

PUBLISHED = 0.2751
_TILES = 14_979
_SHOWN = 10


def reproduce(settings: Published) -> Results:
    """Train the published table's network on bytes and, for as many images, on letters.

    Both use the first script's sigmoid, RMSprop, binary cross-entropy and
    ``validation_split=0.1``. The later script's softmax layer is then trained on some of the bytes.

    ``test_bce`` is the published quantity, after ``epochs`` of ``published_epochs``.
    ``letters_bce`` is the loss on letters of the network trained on bytes, ``corrected_bce``
    that of the one trained on letters; each ``…_of_a_perfect_reconstruction`` is the
    lowest possible loss. ``softmax_…`` describe the later script's network. ``curve.csv`` has
    ``test_bce`` by epoch; ``shown.npz`` inputs and outputs.
    """
    tiles = letters.tiles(min(settings.train_limit or _TILES, _TILES))
    tested = tiles[: max(_SHOWN, len(tiles) // 4)]  # a quarter of the same tiles
    data = letters.read(None)
    order = np.random.default_rng(settings.seed).permutation(len(data.labels))
    n_letters = min(1000, len(order) // 5)
    held_out, fitted = np.sort(order[:n_letters]), order[n_letters:][: len(tiles)]
    held_out = held_out[~np.isin(data.keys[held_out], data.keys[fitted])]  # no copies
    test_letters = data.images[held_out]

    on_bytes, curve = _trained(tiles, tested, settings, "on bytes")
    on_letters, _ = _trained(data.images[fitted], test_letters, settings, "on letters")
    tile_targets, letter_targets = fidelity.to_float(tested), fidelity.to_float(test_letters)
    shown_tiles = tested[np.linspace(0, len(tested) - 1, _SHOWN).astype(int)]
    softmax, softmax_metrics = _softmax_output(settings, tested, shown_tiles)
    shown_letters = np.unique(data.labels[held_out], return_index=True)[1]  # one of each class
    outputs = on_bytes.predict(test_letters, 256, verbose=0)
    corrected = on_letters.predict(test_letters, 256, verbose=0)
    metrics = {
        "test_bce": curve[-1][1],
        "bce_of_a_perfect_reconstruction": fidelity.bce(tile_targets, tile_targets),
        "letters_bce": fidelity.bce(letter_targets, outputs),
        "corrected_bce": fidelity.bce(letter_targets, corrected),
        "letters_bce_of_a_perfect_reconstruction": fidelity.bce(letter_targets, letter_targets),
        "published": PUBLISHED,
        "published_epochs": 10,  # passed to `fit`; the script also names 50, but unused
        "n_train": int(len(tiles) * 0.9),
        "n_test": len(tested),
        "n_letters": len(held_out),
        "parameters": on_bytes.count_params(),
        **softmax_metrics,
    }
    shown = {
        "tiles": shown_tiles,
        "tiles_drawn": on_bytes.predict(shown_tiles, 256, verbose=0).astype(np.float16),
        "tiles_softmax": softmax.astype(np.float16),
        "letters": test_letters[shown_letters],
        "letters_drawn": outputs[shown_letters].astype(np.float16),
        "letters_corrected": corrected[shown_letters].astype(np.float16),
    }
    tables = {"curve.csv": Table(("epoch", "test_bce"), curve)}
    return Results(metrics, {"shown.npz": shown}, tables)


def _trained(
    images: np.ndarray, tested: np.ndarray, settings: Published, name: str
) -> tuple["keras.Model", list[list[float]]]:
    """The table's network trained for ``epochs`` on images, and its test loss by epoch."""
    import keras
    from tqdm import tqdm

    keras.utils.set_random_seed(settings.seed)
    model = models.build(settings.family, images.shape[1:], 10, settings.model)
    optimizer = keras.optimizers.RMSprop(settings.learning_rate)
    fitted = images[: int(len(images) * 0.9)]
    steps = min(8, -(-len(fitted) // settings.batch_size))
    model.compile(optimizer, "binary_crossentropy", steps_per_execution=steps, jit_compile=False)
    targets = fidelity.to_float(tested)
    curve = []
    for epoch in tqdm(range(settings.epochs), name, unit="epoch", disable=None):
        model.fit(fitted, fitted / np.float32(255), settings.batch_size, verbose=0)
        outputs = model.predict(tested, 256, verbose=0)
        curve.append([epoch + 1, fidelity.bce(targets, outputs)])
    return model, curve


def _softmax_output(
    settings: Published, tiles: np.ndarray, shown: np.ndarray
) -> tuple[np.ndarray, dict[str, Metric]]:
    """Train the later script's network: adam on sparse categorical cross-entropy, a few batches.

    Its labels are intensities truncated to integers: 1 where a byte is 255, else 0. With a single
    class, label 1 is invalid: a CPU raises an error and a GPU returns NaN. Here, such labels are
    set to 0 and counted. Returns outputs for the tiles ``shown``, and metrics.
    """
    import keras

    model = models.build(settings.family, tiles.shape[1:], 10, settings.model)
    model = keras.Model(model.input, model.layers[-2].output)  # [n, h, w, 1]
    model.layers[-1].activation = keras.activations.softmax
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    initial = [weights.copy() for weights in model.get_weights()]
    sample = tiles[:500]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are using a softmax over axis")
        model.fit(sample, np.zeros((*sample.shape, 1), np.uint8), settings.batch_size, verbose=0)
        outputs = model.predict(np.concatenate([shown, sample]), 256, verbose=0)[..., 0]
    pairs = zip(initial, model.get_weights(), strict=True)
    return outputs[: len(shown)], {
        "softmax_lowest_output": float(outputs.min()),
        "softmax_largest_weight_change": float(max(np.abs(a - b).max() for a, b in pairs)),
        "softmax_labels_without_a_class": float((tiles == 255).mean()),
    }
