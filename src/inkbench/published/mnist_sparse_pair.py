"""“No real difference” between Base and Sparse (digit recogniser: L1 0.05 and dropout 0.3).

There could be none: the training loop does not add the penalties to the loss, and it calls the
network without ``training=True``, which disables dropout. It trains the same network twice.
"""

import numpy as np

from inkbench.evaluation.results import Results, Table
from inkbench.params import Published
from inkbench.published import digits

PUBLISHED = 0.984


def reproduce(settings: Published) -> Results:
    """Train Base and Sparse as published from the same weights, then Sparse with its regularisers.

    ``largest_weight_difference`` is that between Base and Sparse as published, which is 0, and
    ``…_when_on`` between Base and the network with working regularisers. ``weights_…`` are hashes
    of all weights; ``base_…``, ``sparse_…`` and ``on_…`` the test metrics of the three.
    ``curve.csv`` has losses and differences by images shown; ``samples.npz`` a digit of each class
    from each of the three.
    """
    import keras

    data = digits.read(settings.train_limit)
    shown = data.first_of_each_class
    keras.utils.set_random_seed(settings.seed)
    base = digits.build(settings, logits=True)
    initial = base.get_weights()
    base_weights: list[list[np.ndarray]] = []  # at every point of the curve
    curves: list[list[list[float]]] = []
    metrics = digits.shared_metrics(data, base, PUBLISHED)
    samples = {"targets": data.test[shown]}
    for name, regularised in (("base", False), ("sparse", False), ("on", True)):
        model = base if name == "base" else digits.build(settings, True, l1=0.05, dropout=0.3)
        model.set_weights(initial)
        curve: list[list[float]] = []
        curves.append(curve)

        def record(images: int, name=name, model=model, curve=curve) -> None:
            if name == "base":
                base_weights.append(model.get_weights())
            bce, _, _ = digits.measure(model, data.curve_images)
            pairs = zip(base_weights[len(curve)], model.get_weights(), strict=True)
            difference = float(max(np.abs(a - b).max() for a, b in pairs))
            curve.append([images, bce, difference])

        digits.train(model, data, settings, regularised, record, name)
        bce, accuracy, outputs = digits.measure(model, data.test)
        metrics |= {
            f"{name}_bce": bce,
            f"{name}_binary_accuracy": accuracy,
            f"weights_{name}": digits.digest(model),
        }
        samples[name] = outputs[shown].astype(np.float16)
    _, sparse_curve, on_curve = curves
    metrics["largest_weight_difference"] = sparse_curve[-1][2]
    metrics["largest_weight_difference_when_on"] = on_curve[-1][2]
    rows = [
        [images, base_bce, sparse[1], on[1], sparse[2], on[2]]
        for (images, base_bce, _), sparse, on in zip(*curves, strict=True)
    ]
    columns = ("images", "base", "sparse", "on", "difference", "difference_when_on")
    return Results(metrics, {"samples.npz": samples}, {"curve.csv": Table(columns, rows)})
