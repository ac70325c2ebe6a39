"""LoggedModels: one per training, with the test metrics of its evaluations."""

import importlib.metadata
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import disk
from inkbench.tracking.record import flat_params
from inkbench.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Metric

_SHIPPED = ("tensorflow", "keras", "numpy", "scipy", "scikit-image", "pillow", "pydantic", "mlflow")
ATTACHED = "model.id"  # tag of an evaluation: the model that has its metrics


def log_model(
    store: Store,
    run_id: str,
    *,
    files: Path,
    md5: str,
    variant: str,
    block: Mapping[str, Any],
    data_source: str,
    incomplete: Any = None,
) -> str:
    """Log ``model.keras`` and ``example.npy`` as a LoggedModel, without loading the model.

    It is a pyfunc with a loader of its own (`inkbench.serving`), which takes and returns plain
    arrays. So nothing here needs TensorFlow, and the model file keeps its bytes.

    Parameters
    ----------
    store, run_id
        Where to log it, and the training's run.
    files
        Folder with ``model.keras`` and ``example.npy``.
    md5
        md5 of the model file.
    variant, block
        The variant and its block of ``params.yaml``.
    data_source
        ``real`` or ``synthetic``.
    incomplete
        A LoggedModel of this run that an interrupted upload left behind; it is completed.

    Returns
    -------
    str
        Id of the LoggedModel.
    """
    import numpy as np
    from mlflow import pyfunc
    from mlflow.models import Model

    example = np.load(files / "example.npy")
    task = str(block.get("task", ""))
    logged = incomplete or store.client.create_logged_model(
        store.experiment_id,
        name=variant,
        source_run_id=run_id,
        tags={
            "model.md5": md5,
            "variant": variant,
            "dataset": str(block.get("dataset", "")),
            "task": task,
            "data_source": data_source,
        },
        params=flat_params(block),
        model_type=task,
    )
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "trained"
        data.mkdir()
        shutil.copyfile(files / "model.keras", data / "model.keras")
        card = {"variant": variant, **block}
        disk.write_json(data / "variant.json", card)
        folder = Path(temporary) / "model"
        pyfunc.save_model(
            folder,
            loader_module="inkbench.serving",
            data_path=data,
            code_paths=[str(Path(__file__).parents[1])],
            mlflow_model=Model(
                artifact_path=logged.artifact_location,
                run_id=run_id,
                model_uuid=logged.model_id,
                model_id=logged.model_id,
            ),
            signature=signature(task),
            # A restorer computes its second channel, the background, from the page.
            input_example=example[..., 0] if example.ndim == 4 else example,
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in _SHIPPED],
            metadata={"variant": variant, "task": task},
        )
        store.client.log_model_artifacts(logged.model_id, str(folder))
    attach(store, run_id, outputs=[logged.model_id])
    store.client.finalize_logged_model(logged.model_id, "READY")
    return logged.model_id


def signature(task: str) -> Any:
    """Signature of the models of a task: uint8 images in, float32 out."""
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    size = (-1, -1) if task == "restoration" else (28, 28)
    out = (10,) if task == "classification" else size
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("uint8"), (-1, *size))]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1, *out))]),
    )


def attach(
    store: Store, run_id: str, *, inputs: Sequence[str] = (), outputs: Sequence[str] = ()
) -> None:
    """Log which models a run read and wrote. MLflow refuses one that is logged already."""
    from mlflow.entities import LoggedModelInput, LoggedModelOutput

    run = store.client.get_run(run_id)
    read = {model.model_id for model in run.inputs.model_inputs} if run.inputs else set()
    written = {model.model_id for model in run.outputs.model_outputs} if run.outputs else set()
    new_inputs = [LoggedModelInput(model) for model in inputs if model not in read]
    new_outputs = [LoggedModelOutput(model, step=0) for model in outputs if model not in written]
    if new_inputs:
        store.client.log_inputs(run_id, models=new_inputs)
    if new_outputs:
        store.client.log_outputs(run_id, new_outputs)


def attach_test_metrics(store: Store, run_id: str, metrics: "Sequence[Metric]") -> None:
    """Attach an evaluation's metrics to the model that it evaluated, if the store has that model.

    The run that trained the model gets them too, because that is the row that people compare.
    """
    from mlflow.entities import Metric

    run = store.client.get_run(run_id)
    model = store.model(run.data.tags.get("model.md5", ""))
    if model is None:
        return
    inputs = run.inputs.dataset_inputs if run.inputs else []
    dataset = (inputs[0].dataset.name, inputs[0].dataset.digest) if inputs else (None, None)
    points = [(metric.key, metric.value, metric.timestamp, metric.step) for metric in metrics]
    attach(store, run_id, inputs=[model.model_id])
    store.log(run_id, metrics=[Metric(*point, model.model_id, *dataset) for point in points])
    training = store.run(model.source_run_id)
    if training:
        logged = training.data.metrics
        changed = [Metric(*point) for point in points if logged.get(point[0]) != point[1]]
        store.log(training.info.run_id, metrics=changed)
    store.client.set_tag(run_id, ATTACHED, model.model_id)
