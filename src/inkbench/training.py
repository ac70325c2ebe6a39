"""Train one variant: data in, ``models/V`` out."""

import csv
import functools
import hashlib
import json
import math
import resource
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inkbench import batches, disk, hardware, layout, models
from inkbench.batches import Target
from inkbench.checkpoints import Checkpoint, DamagedCheckpoint, Progress
from inkbench.datasets import store
from inkbench.errors import InkbenchError
from inkbench.models import storage
from inkbench.params import Variant

if TYPE_CHECKING:
    import keras

_SNAPSHOT_IMAGES = 8
_STEPS_PER_EXECUTION = 16  # batches between two returns to Python

Row = dict[str, float]


@dataclass(frozen=True)
class Phase:
    """One run of the fit loop: most variants have a single one."""

    name: str
    model: "keras.Model"
    target: Target
    loss: str
    epochs: int
    trainable: "Callable[[keras.layers.Layer], bool]" = lambda layer: True


class Trained(NamedTuple):
    """A finished training.

    Attributes
    ----------
    facts
        What ``train.json`` says: the same in every clone.
    costs
        ``seconds``, ``images_per_second``, ``peak_memory_mb``: of this machine and moment.
    example
        One uint8 input, a batch of one.
    """

    facts: dict[str, Any]
    costs: dict[str, float]
    example: np.ndarray


def train(name: str, variant: Variant, on_epoch: Callable[[Row, int], None]) -> Trained:
    """Train a variant and write ``models/<name>``.

    A training that was killed goes on after its last whole epoch and ends with the same bytes. It
    starts afresh where its settings, its data or any of our code have changed since.

    Parameters
    ----------
    name
        The variant's name.
    variant
        Its block of ``params.yaml``.
    on_epoch
        Called with every epoch's row of ``history.csv`` and its number, counted from 1.

    Returns
    -------
    Trained
        What is to be told of it.

    Raises
    ------
    InkbenchError
        When the data is missing or does not fit the model, or the loss is no longer finite.
    """
    card = store.load_card(variant.dataset)
    data = batches.load(variant, classes=len(card["classes"]))
    machine = hardware.set_up(variant.precision, variant.seed)
    build = functools.partial(
        models.build, variant.family, data.image_shape, len(card["classes"]), variant.model_options
    )
    model = build()
    checkpoint = Checkpoint(layout.CHECKPOINTS / name, _fingerprint(variant, machine))

    started = time.perf_counter()
    try:
        progress = checkpoint.progress()
        epochs_before = len(progress.history)
        for index, phase in enumerate(_phases(variant, model)):
            if index >= progress.phase:
                _fit(name, variant, phase, data, checkpoint, progress, on_epoch)
                for i, weights in enumerate(model.get_weights()):
                    progress.arrays[f"{phase.name}/{i}"] = weights
                progress.phase, progress.done = index + 1, 0
    except DamagedCheckpoint as damaged:
        warnings.warn(f"{damaged}: damaged checkpoint; training starts afresh", stacklevel=2)
        checkpoint.clear()
        return train(name, variant, on_epoch)
    seconds = time.perf_counter() - started

    epochs = len(progress.history)
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
    _write(name, variant, build, progress, facts)
    checkpoint.clear()
    return Trained(facts, costs, data.valid("image")[0][:1])


def _phases(variant: Variant, model: "keras.Model") -> list[Phase]:
    """Say in which steps a variant is trained."""
    target: Target = "label" if variant.task == "classification" else "image"
    whole = Phase("trained", model, target, variant.loss, variant.epochs)
    if not variant.pretrain_epochs:
        return [whole]
    autoencoder = models.module(variant.family).autoencoder(model)
    head = model.layers[-1]
    return [
        Phase("pretrained", autoencoder, "image", "bce", variant.pretrain_epochs),
        Phase(
            "logistic_regression",
            model,
            target,
            variant.loss,
            variant.pretrain_epochs,
            trainable=lambda layer: layer is head,
        ),
        whole,
    ]


def _fit(
    name: str,
    variant: Variant,
    phase: Phase,
    data: batches.Data,
    checkpoint: Checkpoint,
    progress: Progress,
    on_epoch: Callable[[Row, int], None],
) -> None:
    """Train one phase, epoch by epoch, from wherever ``progress`` stands."""
    import tensorflow as tf
    from tqdm import tqdm

    model = _compiled(variant, phase, steps=math.ceil(data.count / variant.batch_size))
    if progress.done:
        checkpoint.load(model, progress)
    before = len(progress.history) - progress.done  # epochs of the phases before
    valid = batches.batched(data.valid(phase.target), phase.target, variant)
    bar = tqdm(
        range(progress.done, phase.epochs),
        desc=f"{name} ({phase.name})",
        initial=progress.done,
        total=phase.epochs,
        unit="epoch",
        disable=None,
    )
    for epoch in bar:
        _reseed(phase.model, variant.seed, before + epoch)
        try:
            fitted = model.fit(
                batches.batched(data.epoch(phase.target, before + epoch), phase.target, variant),
                validation_data=valid,
                shuffle=False,
                verbose=0,
            )
        except (MemoryError, tf.errors.ResourceExhaustedError):
            raise InkbenchError(
                f"train.{name}: out of memory in epoch {before + epoch + 1} at batch_size "
                f"{variant.batch_size}; try a smaller one"
            ) from None
        row = {key: float(f"{values[-1]:.6g}") for key, values in fitted.history.items()}
        if not all(math.isfinite(value) for value in row.values()):
            raise InkbenchError(
                f"train.{name}: the loss is no longer finite in epoch {before + epoch + 1} at "
                f"learning_rate {variant.learning_rate}; try a smaller one"
            )
        row = {"epoch": before + epoch + 1, **row}
        progress.history.append(row)
        progress.done = epoch + 1
        if phase.target == "image" and epoch + 1 in {1, (phase.epochs + 1) // 2, phase.epochs}:
            progress.arrays |= _snapshot(phase, data, before + epoch + 1)
        checkpoint.save(model, progress)
        on_epoch(row, before + epoch + 1)
        bar.set_postfix(loss=row["loss"], val_loss=row["val_loss"])


def _compiled(variant: Variant, phase: Phase, steps: int) -> "keras.Model":
    """Make a model of a phase that shares its layers, and is ready for the fit loop."""
    import keras

    from inkbench.models import losses, optimisers
    from inkbench.models.halves import InHalves

    rate: Any = variant.learning_rate
    if variant.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps * phase.epochs)
    for layer in phase.model.layers:
        layer.trainable = phase.trainable(layer)
    model = InHalves(phase.model.input, phase.model.output)
    model.compile(
        optimizer=optimisers.optimiser(variant.optimiser, rate),
        loss=losses.loss(phase.loss),
        metrics=[losses.metric(phase.target)],
        steps_per_execution=min(_STEPS_PER_EXECUTION, steps),
        jit_compile=False,  # XLA halves the speed of these networks on a CPU
    )
    return model


def _reseed(model: "keras.Model", seed: int, epoch: int) -> None:
    """Make dropout and sampling of an epoch depend on nothing but (seed, epoch)."""
    state = np.random.default_rng([seed, epoch, 2]).integers(2**31, size=2, dtype=np.uint32)
    for layer in model.layers:
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign(state)
            state = state + np.uint32(1)


def _snapshot(phase: Phase, data: batches.Data, epoch: int) -> dict[str, np.ndarray]:
    """Outputs for a few validation images, for the figure of what was learned when."""
    inputs, targets = (array[:_SNAPSHOT_IMAGES] for array in data.valid("image"))
    outputs = np.asarray(phase.model.predict_on_batch(inputs), np.float16)
    shown = {"inputs": inputs, "targets": targets, f"outputs_{epoch}": outputs}
    return {key: array[..., 0] if array.ndim == 4 else array for key, array in shown.items()}


def _fingerprint(variant: Variant, machine: dict[str, Any]) -> str:
    """Digest of everything that a training's outcome depends on: settings, machine, code, data."""
    digest = hashlib.sha256(variant.model_dump_json().encode() + json.dumps(machine).encode())
    code = Path(__file__).parent.rglob("*.py")
    for file in [*sorted(code), *sorted(layout.processed(variant.dataset).iterdir())]:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _write(
    name: str,
    variant: Variant,
    build: "Callable[[], keras.Model]",
    progress: Progress,
    facts: dict[str, Any],
) -> None:
    """Write the folder of a trained model."""
    import keras

    # Trained in whatever precision the machine likes, shipped in float32, without optimiser state.
    keras.utils.clear_session()
    keras.config.set_dtype_policy("float32")
    model = build()

    with disk.new_version(layout.model_folder(name)) as folder:
        if variant.pretrain_epochs:
            steps = folder / layout.steps(name).name
            steps.mkdir()
            model.set_weights(_weights(progress, "logistic_regression"))
            storage.save(model, steps / "logistic_regression.keras")
        model.set_weights(_weights(progress, "trained"))
        storage.save(model, folder / layout.model(name).name)
        _write_csv(folder / layout.history(name).name, progress.history)
        snapshots = {key: array for key, array in progress.arrays.items() if "/" not in key}
        if snapshots:
            np.savez(folder / layout.snapshots(name).name, **snapshots)  # type: ignore[arg-type]
        disk.write_json(folder / layout.training_card(name).name, facts)


def _weights(progress: Progress, phase: str) -> list[np.ndarray]:
    count = sum(key.startswith(f"{phase}/") for key in progress.arrays)
    return [progress.arrays[f"{phase}/{i}"] for i in range(count)]


def _write_csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        columns = list(dict.fromkeys(key for row in rows for key in row))
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
