"""“≈ 98.3 % accuracy, loss ≈ 0.05” (digit recogniser, Base).

The decoder ends without an activation, and what it returns goes into a loss and an accuracy that
expect probabilities. The loss clips it, and a clipped pixel has no gradient: it is not corrected.
"""

import numpy as np

from inkbench.evaluation.results import Results, Table
from inkbench.params import Published
from inkbench.published import digits

PRINTED = 0.983
_BINS, _RANGE = 60, (-1, 2)  # of the histogram of outputs


def audit(settings: Published) -> Results:
    """Train the Base network as published, and as long with the sigmoid that it lacks.

    Returns
    -------
    Results
        ``test_binary_accuracy`` and ``test_bce`` are the published quantities after ``epochs`` of
        ``published_epochs``; ``mended_…`` the same with a sigmoid; ``outputs_without_gradient``
        the share of test pixels that the loss clips, ``…_untrained`` before training.
        ``curve.csv`` has the figures by images shown, ``samples.npz`` a digit of each class and
        the histogram of the outputs.
    """
    import keras

    data = digits.read(settings.train_limit)
    shown = np.unique(data.labels, return_index=True)[1]  # the first of every class
    found, samples = {}, {"targets": data.test[shown]}
    curves: dict[str, list[list[float]]] = {}
    for name, logits in (("as_published", True), ("mended", False)):
        keras.utils.set_random_seed(settings.seed)
        model = digits.build(settings, logits)
        curve = curves.setdefault(name, [])
        if logits:
            _, _, outputs = digits.measure(model, data.test)
            clipped_untrained = _clipped(outputs)
            samples["counts_untrained"], _ = np.histogram(outputs, _BINS, _RANGE)

        def look(images: int, model=model, curve=curve) -> None:
            bce, accuracy, _ = digits.measure(model, data.few)
            curve.append([images, bce, accuracy])

        digits.train(model, data, settings, False, look, name.replace("_", " "))
        bce, accuracy, outputs = digits.measure(model, data.test)
        found[name] = bce, accuracy
        samples[name] = outputs[shown].astype(np.float16)
        if logits:
            clipped = _clipped(outputs)
            samples["counts"], samples["edges"] = np.histogram(outputs, _BINS, _RANGE)
    metrics = {
        "test_bce": found["as_published"][0],
        "test_binary_accuracy": found["as_published"][1],
        "mended_bce": found["mended"][0],
        "mended_binary_accuracy": found["mended"][1],
        "outputs_without_gradient": clipped,
        "outputs_without_gradient_untrained": clipped_untrained,
        "published": PRINTED,
        "published_epochs": digits.PUBLISHED_EPOCHS,
        "published_n_train": digits.PUBLISHED_IMAGES,
        "n_train": len(data.train),
        "n_test": len(data.test),
        "parameters": model.count_params(),
    }
    rows = [[*then, *now[1:]] for then, now in zip(*curves.values(), strict=True)]
    columns = ("images", "test_bce", "test_binary_accuracy", "mended_bce", "mended_binary_accuracy")
    return Results(metrics, {"samples.npz": samples}, {"curve.csv": Table(columns, rows)})


def _clipped(outputs: np.ndarray) -> float:
    """Share of outputs that Keras' binary cross-entropy clips."""
    return float(((outputs <= 1e-7) | (outputs >= 1 - 1e-7)).mean())
