"""“Basic autoencoder: 16.77 % accuracy” (notMNIST_autoencoder, Model 1).

The script prints ``scores[0]`` of Keras' ``evaluate`` as accuracy. That is the loss, a binary
cross-entropy. Its split is random: duplicates of an image are on both sides.
"""

import numpy as np

from inkbench import models
from inkbench.evaluation import fidelity
from inkbench.evaluation.results import Results, Table
from inkbench.params import Published
from inkbench.published import letters

PUBLISHED = 0.1677


def reproduce(settings: Published) -> Results:
    """Train Model 1 as published and record what the script would have printed at each epoch.

    ``train_test_split(test_size=0.2, random_state=0)`` of all readable images; a tenth of the
    training part is held out (``validation_split=0.1``); adam, binary cross-entropy.

    ``test_bce`` is the published quantity. ``bce_untrained``, ``bce_of_the_mean_image`` and
    ``bce_of_a_perfect_reconstruction`` show its scale. ``keras_accuracy`` is Keras' accuracy: the
    fraction of pixels that are exactly 0 or 1 and whose output rounds to that value.
    ``curve.csv`` has them by epoch; ``samples.npz`` a letter of each class early and late.
    """
    import keras
    from sklearn.model_selection import train_test_split
    from tqdm import tqdm

    data = letters.read(settings.train_limit)
    train, test = train_test_split(np.arange(len(data.labels)), test_size=0.2, random_state=0)
    fitted = train[: int(len(train) * 0.9)]
    inputs, targets = data.images[test], fidelity.to_float(data.images[test])
    order = np.argsort(test)
    first_of_each_class = np.unique(data.labels[test[order]], return_index=True)[1]
    shown = order[first_of_each_class]  # rows of `inputs`

    model = models.build(settings.family, inputs.shape[1:], 10, settings.model)
    adam = keras.optimizers.Adam(settings.learning_rate)
    steps = min(16, -(-len(fitted) // settings.batch_size))
    model.compile(adam, "binary_crossentropy", steps_per_execution=steps, jit_compile=False)
    curve = []
    samples = {"inputs": inputs[shown], "labels": data.labels[test][shown]}
    images = data.images[fitted]
    for epoch in tqdm(range(settings.epochs + 1), "as published", unit="epoch", disable=None):
        if epoch:
            model.fit(images, images / np.float32(255), settings.batch_size, verbose=0)
        outputs = model.predict(inputs, 256, verbose=0)
        bce = fidelity.bce(targets, outputs)
        keras_accuracy = float((targets == np.rint(outputs)).mean())  # of Keras 2 on a sigmoid
        binary_accuracy = fidelity.binary_accuracy(targets, outputs)
        curve.append([epoch, bce, keras_accuracy, binary_accuracy])
        if epoch in {0, 1, settings.epochs}:
            samples[f"outputs_{epoch}"] = outputs[shown].astype(np.float16)
    mean = np.broadcast_to(images.mean(axis=0) / 255, targets.shape)
    metrics = {
        "test_bce": bce,
        "test_binary_accuracy": binary_accuracy,
        "keras_accuracy": keras_accuracy,
        "bce_untrained": curve[0][1],
        "bce_of_the_mean_image": fidelity.bce(targets, mean),
        "bce_of_a_perfect_reconstruction": fidelity.bce(targets, targets),
        "copies_in_training": float(np.isin(data.keys[test], data.keys[fitted]).mean()),
        "published": PUBLISHED,
        "n_train": len(fitted),
        "n_test": len(test),
        "parameters": model.count_params(),
    }
    columns = ("epoch", "test_bce", "keras_accuracy", "test_binary_accuracy")
    return Results(metrics, {"samples.npz": samples}, {"curve.csv": Table(columns, curve)})
