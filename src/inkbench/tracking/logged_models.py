"""LoggedModels: one per training, with the test metrics of its evaluations."""

import importlib.metadata
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import datasets, records
from inkbench.tracking.store import Store, flat_params

if TYPE_CHECKING:
    from mlflow.entities import Run

_SHIPPED = ("tensorflow", "keras", "numpy", "scipy", "scikit-image", "pillow", "pydantic", "mlflow")
ATTACHED = "model.id"  # tag of an evaluation: the model that has its metrics


def log_model(
    store: Store,
    run_id: str,
    file: Path,
    snapshots: Path,
    tags: Mapping[str, str],
    card: Mapping[str, Any],
) -> str:
    """Log a model file as a LoggedModel, without loading it; returns the LoggedModel's id.

    It is a pyfunc with a loader of its own (`inkbench.serving`), which takes and returns plain
    arrays. So nothing here needs TensorFlow, and the model file keeps its bytes.
    """
    import numpy as np
    from mlflow import pyfunc
    from mlflow.models import Model

    for model in store.models(tags["model.md5"]):
        if model.source_run_id == run_id:
            return str(model.model_id)
    block, task = card["variant"], card["variant"]["task"]
    if snapshots.is_file():
        with np.load(snapshots) as arrays:
            example = arrays["inputs"][:1]
    else:  # a classifier without pretraining has no snapshots
        example = np.zeros((1, *datasets.spec(block["dataset"]).image_shape), np.uint8)
    model = store.client.create_logged_model(
        store.experiment_id,
        name=tags["variant"],
        source_run_id=run_id,
        tags={**tags, "dataset": block["dataset"], "task": task},
        params=flat_params(block),
        model_type=task,
    )
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary, "trained")
        data.mkdir()
        (data / "model.keras").symlink_to(file.resolve())
        records.write_json(data / "variant.json", {"variant": tags["variant"], **block})
        pyfunc.save_model(
            f"{temporary}/model",
            loader_module="inkbench.serving",
            data_path=str(data),
            code_paths=[str(Path(__file__).parents[1])],
            mlflow_model=Model(model.artifact_location, run_id, model_id=model.model_id),
            signature=_signature(task, block["dataset"]),
            # A restorer computes its second channel, the background, from the page.
            input_example=example[..., 0] if example.ndim == 4 else example,
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in _SHIPPED],
            metadata={"variant": tags["variant"], "task": task},
        )
        store.client.log_model_artifacts(model.model_id, f"{temporary}/model")
    attach(store, store.client.get_run(run_id), outputs=[model.model_id])
    store.client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)


def _signature(task: str, dataset: str) -> Any:
    """Signature of a task's models for a dataset: uint8 images in, float32 out."""
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    spec = datasets.spec(dataset)
    size = spec.image_shape or (-1, -1)  # pages of any size
    out = (len(spec.classes),) if task == "classification" else size
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("uint8"), (-1, *size))]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1, *out))]),
    )


def attach(
    store: Store, run: "Run", *, inputs: Sequence[str] = (), outputs: Sequence[str] = ()
) -> None:
    """Log which models a run read and wrote. MLflow refuses one that is logged already."""
    from mlflow.entities import LoggedModelInput, LoggedModelOutput

    read, written = models_of(run)
    new_inputs = [LoggedModelInput(model) for model in inputs if model not in read]
    new_outputs = [LoggedModelOutput(model, step=0) for model in outputs if model not in written]
    if new_inputs:
        store.client.log_inputs(run.info.run_id, models=new_inputs)
    if new_outputs:
        store.client.log_outputs(run.info.run_id, new_outputs)


def models_of(run: "Run") -> tuple[list[str], list[str]]:
    """Ids of the models that a run read and wrote."""
    read = run.inputs.model_inputs if run.inputs else []
    written = run.outputs.model_outputs if run.outputs else []
    return [model.model_id for model in read], [model.model_id for model in written]


def attach_test_metrics(store: Store, run_id: str) -> None:
    """Attach an evaluation's metrics to the model that it evaluated, if the store has that model.

    The run that trained the model gets them too, because that is the row that people compare.
    """
    from mlflow.entities import Metric

    run = store.client.get_run(run_id)
    models = store.models(run.data.tags.get("model.md5", ""))
    if not models:
        return
    model = models[0]
    datasets = run.inputs.dataset_inputs if run.inputs else []
    dataset = (datasets[0].dataset.name, datasets[0].dataset.digest) if datasets else (None, None)
    points = store.history(run)
    attach(store, run, inputs=[model.model_id])
    store.log(
        run_id,
        metrics=[
            Metric(p.key, p.value, p.timestamp, p.step, model.model_id, *dataset) for p in points
        ],
    )
    for training in store.search(f"attributes.run_id = '{model.source_run_id}'"):
        known = training.data.metrics
        changed = [point for point in points if known.get(point.key) != point.value]
        store.log(training.info.run_id, metrics=changed)
    store.client.set_tag(run_id, ATTACHED, model.model_id)
