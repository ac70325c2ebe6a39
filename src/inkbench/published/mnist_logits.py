"""“≈ 98.3 % accuracy, loss ≈ 0.05” (digit recogniser, Base).

The decoder has no final activation, but its loss and accuracy expect probabilities. The loss clips
the outputs, and a clipped pixel has no gradient: training does not correct it.
"""

import numpy as np

from inkbench.evaluation.results import Metric, Results, Table
from inkbench.params import Published
from inkbench.published import digits

PUBLISHED = 0.983
_BINS, _RANGE = 60, (-1, 2)  # of the histogram of outputs


def reproduce(settings: Published) -> Results:
    """Train the Base network as published, then for as long with the missing sigmoid.

    ``test_binary_accuracy`` and ``test_bce`` are the published quantities after ``epochs`` of
    ``published_epochs``; ``corrected_…`` the same with a sigmoid; ``outputs_without_gradient`` the
    fraction of test pixels that the loss clips, ``…_untrained`` before training. ``curve.csv`` has
    the metrics by images shown; ``samples.npz`` a digit of each class and the histogram of the
    outputs.
    """
    import keras

    data = digits.read(settings.train_limit)
    shown = data.first_of_each_class
    metrics: dict[str, Metric] = {}
    samples = {"targets": data.test[shown]}
    curves: list[list[list[float]]] = []
    for name, prefix, logits in (("as_published", "test", True), ("corrected", "corrected", False)):
        keras.utils.set_random_seed(settings.seed)
        model = digits.build(settings, logits)
        curve: list[list[float]] = []
        curves.append(curve)
        if logits:
            _, _, outputs = digits.measure(model, data.test)
            metrics["outputs_without_gradient_untrained"] = _clipped(outputs)
            samples["counts_untrained"], _ = np.histogram(outputs, _BINS, _RANGE)

        def record(images: int, model=model, curve=curve) -> None:
            bce, accuracy, _ = digits.measure(model, data.curve_images)
            curve.append([images, bce, accuracy])

        digits.train(model, data, settings, False, record, name.replace("_", " "))
        bce, accuracy, outputs = digits.measure(model, data.test)
        metrics |= {f"{prefix}_bce": bce, f"{prefix}_binary_accuracy": accuracy}
        samples[name] = outputs[shown].astype(np.float16)
        if logits:
            metrics["outputs_without_gradient"] = _clipped(outputs)
            samples["counts"], samples["edges"] = np.histogram(outputs, _BINS, _RANGE)
    rows = [[*published, *corrected[1:]] for published, corrected in zip(*curves, strict=True)]
    columns = (
        "images",
        "test_bce",
        "test_binary_accuracy",
        "corrected_bce",
        "corrected_binary_accuracy",
    )
    return Results(
        metrics | digits.shared_metrics(data, model, PUBLISHED),
        {"samples.npz": samples},
        {"curve.csv": Table(columns, rows)},
    )


def _clipped(outputs: np.ndarray) -> float:
    """Fraction of outputs that Keras' binary cross-entropy clips."""
    return float(((outputs <= 1e-7) | (outputs >= 1 - 1e-7)).mean())
