"""Train one variant: ``data/processed/D`` → ``models/V``.

Read top to bottom: `train` loads the data, builds the model, fits it epoch by epoch and writes it.
`inkbench.training.batches` makes the arrays of an epoch, `inkbench.training.checkpoints` resumes.
"""

import functools
import math
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inkbench import disk, layout, models, records
from inkbench.datasets.common import store
from inkbench.errors import InkbenchError
from inkbench.models.common import storage
from inkbench.params import Variant
from inkbench.training import batches, runtime
from inkbench.training.batches import Target
from inkbench.training.checkpoints import Checkpoint, DamagedCheckpoint, TrainingState, fingerprint

if TYPE_CHECKING:
    import keras

_SNAPSHOT_IMAGES = 8
_STEPS_PER_EXECUTION = 16  # batches per call of the compiled training function

Row = dict[str, float]


@dataclass(frozen=True)
class Objective:
    """What a model is fitted to. Most variants have one; pretrained ones have several."""

    name: str
    model: "keras.Model"
    target: Target
    loss: str
    epochs: int
    trainable: "Callable[[keras.layers.Layer], bool]" = lambda layer: True


def train(name: str, variant: Variant, on_epoch: Callable[[Row, int], None]) -> dict[str, float]:
    """Train a variant and write ``models/<name>``.

    A killed training resumes after its last complete epoch and ends with the same bytes. It starts
    over if its settings, data, code, libraries or machine have changed.

    Parameters
    ----------
    name
        Name of the variant.
    variant
        Its block of ``params.yaml``.
    on_epoch
        Called after every epoch with its row of ``history.csv`` and its number, from 1.

    Returns
    -------
    dict
        Costs, which differ from run to run: ``seconds``, ``images_per_second``, ``peak_memory_mb``.

    Raises
    ------
    InkbenchError
        If the data is missing or does not fit the model, or the loss is not finite.
    """
    card = store.load_card(variant.dataset)
    classes = len(card["classes"])
    data = batches.load(variant, classes)
    machine = runtime.set_up(variant.precision, variant.seed)
    build = functools.partial(
        models.build, variant.family, data.image_shape, classes, variant.model_options
    )
    model = build()
    checkpoint = Checkpoint(layout.CHECKPOINTS / name, fingerprint(variant, machine))

    started = time.perf_counter()
    try:
        state = checkpoint.state()
        epochs_before = len(state.history)
        for index, objective in enumerate(_objectives(variant, model)):
            if index < state.objective:
                continue
            trainer = _compile(variant, objective, data.count, str(machine["device"]))
            if state.epoch:
                checkpoint.load(trainer, state)
            _fit(name, variant, objective, trainer, data, checkpoint, state, on_epoch)
            if objective.name != "pretrained":  # those are not written
                state.weights[objective.name] = model.get_weights()
            state.objective, state.epoch = index + 1, 0
    except DamagedCheckpoint as damaged:
        warnings.warn(f"{damaged}: damaged checkpoint; training starts over", stacklevel=2)
        checkpoint.clear()
        return train(name, variant, on_epoch)
    seconds = time.perf_counter() - started

    epochs = len(state.history)
    facts = {
        "data_source": card["data_source"],
        "dataset": variant.dataset,
        "epochs": epochs,
        "n_train": data.count,
        "parameters": model.count_params(),
        "variant": variant.model_dump(mode="json"),
        **machine,
    }
    costs = {
        "images_per_second": round((epochs - epochs_before) * data.count / seconds, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "seconds": round(seconds, 1),
    }
    _write(name, build, state, facts)
    checkpoint.clear()
    return costs


def _objectives(variant: Variant, model: "keras.Model") -> list[Objective]:
    """List what a variant is fitted to, in order: most have one objective."""
    target: Target = "label" if variant.task == "classification" else "image"
    final = Objective("trained", model, target, variant.loss, variant.epochs)
    if not variant.pretrain_epochs:
        return [final]
    epochs = variant.pretrain_epochs
    autoencoder = models.module(variant.family).autoencoder(model)
    head = model.layers[-1]
    return [
        Objective("pretrained", autoencoder, "image", "bce", epochs),
        Objective(
            "logistic_regression", model, target, variant.loss, epochs, lambda layer: layer is head
        ),
        final,
    ]


def _compile(variant: Variant, objective: Objective, count: int, device: str) -> "keras.Model":
    """Wrap an objective's layers in a compiled model that is ready for `fit`."""
    import keras

    from inkbench.training import losses, optimisers
    from inkbench.training.split_batch import SplitBatchModel

    steps = math.ceil(count / variant.batch_size)
    rate: Any = variant.learning_rate
    if variant.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps * objective.epochs)
    for layer in objective.model.layers:
        layer.trainable = objective.trainable(layer)
    kind = keras.Model if device == "gpu" else SplitBatchModel  # one kernel fills a GPU
    trainer = kind(objective.model.input, objective.model.output)
    trainer.compile(
        optimizer=optimisers.optimiser(variant.optimiser, rate),
        loss=losses.loss(objective.loss),
        metrics=[losses.metric(objective.target)],
        steps_per_execution=min(_STEPS_PER_EXECUTION, steps),
        jit_compile=False,  # XLA halves the speed of these networks on a CPU
    )
    return trainer


def _fit(
    name: str,
    variant: Variant,
    objective: Objective,
    trainer: "keras.Model",
    data: batches.Data,
    checkpoint: Checkpoint,
    state: TrainingState,
    on_epoch: Callable[[Row, int], None],
) -> None:
    """Fit one objective, epoch by epoch, from where ``state`` stands."""
    import tensorflow as tf
    from tqdm import tqdm

    target = objective.target
    earlier = len(state.history) - state.epoch  # epochs of earlier objectives
    valid = batches.batched(data.valid(target), target, variant)
    bar = tqdm(
        range(state.epoch, objective.epochs),
        desc=f"{name} ({objective.name})",
        initial=state.epoch,
        total=objective.epochs,
        unit="epoch",
        disable=None,
    )
    drawn = _drawn_ahead(data, target, range(earlier + state.epoch, earlier + objective.epochs))
    for epoch, arrays in zip(bar, drawn, strict=True):
        number = earlier + epoch + 1
        _reseed(objective.model, variant.seed, earlier + epoch)
        train_batches = batches.batched(arrays, target, variant)
        try:
            fitted = trainer.fit(train_batches, validation_data=valid, shuffle=False, verbose=0)
        except (MemoryError, tf.errors.ResourceExhaustedError):
            raise InkbenchError(
                f"train.{name}: out of memory in epoch {number} at batch_size "
                f"{variant.batch_size}; try a smaller one"
            ) from None
        except KeyboardInterrupt:
            kept = f"stopped; the same command goes on after epoch {number - 1}"
            print(f"inkbench: train.{name}: {kept}", file=sys.stderr)
            raise
        row = {key: float(f"{values[-1]:.6g}") for key, values in fitted.history.items()}
        if not all(math.isfinite(value) for value in row.values()):
            raise InkbenchError(
                f"train.{name}: the loss is not finite in epoch {number} at "
                f"learning_rate {variant.learning_rate}; try a smaller one"
            )
        row = {"epoch": number, **row}
        state.history.append(row)
        state.epoch = epoch + 1
        if target == "image" and state.epoch in {1, (objective.epochs + 1) // 2, objective.epochs}:
            state.arrays |= _snapshot(objective.model, data, number)
        checkpoint.save(trainer, state)
        on_epoch(row, number)
        bar.set_postfix(loss=row["loss"], val_loss=row["val_loss"])


def _drawn_ahead(
    data: batches.Data, target: Target, epochs: Iterable[int]
) -> Iterator[batches.Arrays]:
    """Yield the data of each epoch; a thread draws them while the epoch before is trained on."""
    with ThreadPoolExecutor(1) as thread:
        futures = (thread.submit(data.epoch, target, epoch) for epoch in epochs)
        upcoming = next(futures, None)
        while upcoming:
            current, upcoming = upcoming, next(futures, None)
            yield current.result()


def _reseed(model: "keras.Model", seed: int, epoch: int) -> None:
    """Seed an epoch's dropout and sampling by (seed, epoch) alone, so that it can be resumed."""
    values = np.random.default_rng([seed, epoch, 2]).integers(2**31, size=2, dtype=np.uint32)
    for layer in model.layers:
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign(values)
            values = values + np.uint32(1)


def _snapshot(model: "keras.Model", data: batches.Data, epoch: int) -> dict[str, np.ndarray]:
    """Reconstruct a few validation images, for the figure of progress over the epochs."""
    inputs, targets = (array[:_SNAPSHOT_IMAGES] for array in data.valid("image"))
    outputs = np.asarray(model.predict_on_batch(inputs), np.float16)
    arrays = {"inputs": inputs, "targets": targets, f"outputs_{epoch}": outputs}
    return {key: array[..., 0] if array.ndim == 4 else array for key, array in arrays.items()}


def _write(
    name: str, build: "Callable[[], keras.Model]", state: TrainingState, facts: dict[str, Any]
) -> None:
    """Write ``models/<name>``: float32 weights, without the optimiser's state."""
    import keras

    keras.utils.clear_session()
    keras.config.set_dtype_policy("float32")
    model = build()
    with disk.new_version(layout.model_folder(name)) as folder:
        if "logistic_regression" in state.weights:
            steps = folder / layout.steps(name).name
            steps.mkdir()
            model.set_weights(state.weights["logistic_regression"])
            storage.save(model, steps / "logistic_regression.keras")
        model.set_weights(state.weights["trained"])
        storage.save(model, folder / layout.model(name).name)
        columns = list(dict.fromkeys(key for row in state.history for key in row))
        rows = ([row.get(column, "") for column in columns] for row in state.history)
        records.write_csv(folder / layout.history(name).name, columns, rows)
        if state.arrays:
            np.savez(folder / layout.snapshots(name).name, **state.arrays)  # type: ignore[arg-type]
        records.write_json(folder / layout.training_card(name).name, facts)
