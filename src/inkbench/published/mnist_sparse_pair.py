"""“No real difference” between Base and Sparse (digit recogniser: L1 0.05 and dropout 0.3).

There could be none: the training loop never adds the penalties to the loss and calls the network
without ``training=True``, so that dropout is left out. Both are one network, trained twice.
"""

import numpy as np

from inkbench.evaluation.results import Results, Table
from inkbench.params import Published
from inkbench.published import digits

L1, DROPOUT = 0.05, 0.3
PRINTED = 0.984


def audit(settings: Published) -> Results:
    """Train Base and Sparse as published from the same weights, then Sparse in earnest.

    Returns
    -------
    Results
        ``largest_weight_difference`` between Base and Sparse as published, which is 0, and
        ``…_when_on`` between Base and the one whose regularisers are in force; ``weights_…`` are
        hashes of all weights; ``base_…``, ``sparse_…`` and ``on_…`` are the test figures of the
        three. ``curve.csv`` has losses and differences by images shown,
        ``samples.npz`` a digit of each class from each of the three.
    """
    import keras

    data = digits.read(settings.train_limit)
    shown = np.unique(data.labels, return_index=True)[1]  # the first of every class
    keras.utils.set_random_seed(settings.seed)
    base = digits.build(settings, logits=True)
    start = base.get_weights()
    snapshots: list[list[np.ndarray]] = []  # of Base, at every look
    curves: dict[str, list[list[float]]] = {}
    trained: dict[str, keras.Model] = {}
    for name, regularised in (("base", False), ("sparse", False), ("on", True)):
        model = base if name == "base" else digits.build(settings, True, l1=L1, dropout=DROPOUT)
        model.set_weights(start)
        curve = curves[name] = []

        def look(images: int, name=name, model=model, curve=curve) -> None:
            if name == "base":
                snapshots.append(model.get_weights())
            bce, _, _ = digits.measure(model, data.few)
            difference = _largest_difference(snapshots[len(curve)], model.get_weights())
            curve.append([images, bce, difference])

        digits.train(model, data, settings, regularised, look, name)
        trained[name] = model

    figures = {name: digits.measure(model, data.test) for name, model in trained.items()}
    metrics = {
        "largest_weight_difference": curves["sparse"][-1][2],
        "largest_weight_difference_when_on": curves["on"][-1][2],
        "published": PRINTED,
        "published_epochs": digits.PUBLISHED_EPOCHS,
        "published_n_train": digits.PUBLISHED_IMAGES,
        "n_train": len(data.train),
        "n_test": len(data.test),
        "parameters": base.count_params(),
    }
    for name, (bce, accuracy, _) in figures.items():
        metrics |= {
            f"{name}_bce": bce,
            f"{name}_binary_accuracy": accuracy,
            f"weights_{name}": digits.digest(trained[name]),
        }
    samples = {name: outputs[shown].astype(np.float16) for name, (_, _, outputs) in figures.items()}
    rows = [
        [one[0], one[1], other[1], on[1], other[2], on[2]]
        for one, other, on in zip(*curves.values(), strict=True)
    ]
    columns = ("images", "base", "sparse", "on", "difference", "difference_when_on")
    return Results(
        metrics,
        {"samples.npz": {"targets": data.test[shown], **samples}},
        {"curve.csv": Table(columns, rows)},
    )


def _largest_difference(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    return float(max(np.abs(a - b).max() for a, b in zip(one, other, strict=True)))
