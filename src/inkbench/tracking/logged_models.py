"""LoggedModels: one for every training, and the test metrics of whatever evaluates it."""

import importlib.metadata
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import records
from inkbench.tracking.params import flat
from inkbench.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

_SHIPPED = ("tensorflow", "keras", "numpy", "scipy", "scikit-image", "pillow", "pydantic", "mlflow")
TIED = "model.id"  # tag of an evaluation whose metrics are attached to that model


def log_model(
    store: Store,
    run_id: str,
    *,
    files: Path,
    md5: str,
    variant: str,
    block: Mapping[str, Any],
    data_source: str,
    begun: Any = None,
) -> str:
    """Make a LoggedModel of ``model.keras`` and ``example.npy``, without loading it.

    With ``begun``, a LoggedModel that was created and never completed, that one is completed.

    It is a pyfunc with our own loader (`inkbench.serving`), which takes and gives plain arrays, so
    that nothing here needs TensorFlow and the model file stays the very bytes that were trained.
    """
    import numpy as np
    from mlflow import pyfunc
    from mlflow.models import Model

    example = np.load(files / "example.npy")
    task = str(block.get("task", ""))
    logged = begun or store.client.create_logged_model(
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
        params=flat(block),
        model_type=task,
    )
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "trained"
        data.mkdir()
        shutil.copyfile(files / "model.keras", data / "model.keras")
        card = {"variant": variant, **block}
        records.write_json(data / "variant.json", card)
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
            # the pyfunc takes a page alone: a restorer's second channel, the background, is its own
            input_example=example[..., 0] if example.ndim == 4 else example,
            pip_requirements=[f"{one}=={importlib.metadata.version(one)}" for one in _SHIPPED],
            metadata={"variant": variant, "task": task},
        )
        store.client.log_model_artifacts(logged.model_id, str(folder))
    attach(store, run_id, outputs=[logged.model_id])
    store.client.finalize_logged_model(logged.model_id, "READY")
    return logged.model_id


def signature(task: str) -> Any:
    """What a model of this task takes and gives: uint8 images in, float32 out."""
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
    """Say which models a run read and made; MLflow refuses to be told twice."""
    from mlflow.entities import LoggedModelInput, LoggedModelOutput

    run = store.client.get_run(run_id)
    read = {given.model_id for given in run.inputs.model_inputs} if run.inputs else set()
    made = {given.model_id for given in run.outputs.model_outputs} if run.outputs else set()
    new_inputs = [LoggedModelInput(model) for model in inputs if model not in read]
    new_outputs = [LoggedModelOutput(model, step=0) for model in outputs if model not in made]
    if new_inputs:
        store.client.log_inputs(run_id, models=new_inputs)
    if new_outputs:
        store.client.log_outputs(run_id, new_outputs)


def tie(store: Store, run: "Run", md5: str, metrics: "list[Metric]") -> None:
    """Attach an evaluation's metrics to the model with this md5, if the store has it.

    The run that trained the model gets them too: that is the row that people compare, with its
    parameters and curves.
    """
    from mlflow.entities import Metric

    model = store.model(md5)
    if model is None:
        return
    run_id, inputs = run.info.run_id, run.inputs.dataset_inputs if run.inputs else []
    dataset = (inputs[0].dataset.name, inputs[0].dataset.digest) if inputs else (None, None)
    own, plain = [], []
    for metric in metrics:
        point = (metric.key, metric.value, metric.timestamp, metric.step)
        own.append(Metric(*point, model.model_id, *dataset))
        plain.append(Metric(*point))
    attach(store, run_id, inputs=[model.model_id])
    store.log(run_id, metrics=own)
    trained = store.run(model.source_run_id)
    if trained:
        known = trained.data.metrics
        new = [metric for metric in plain if known.get(metric.key) != metric.value]
        store.log(trained.info.run_id, metrics=new)
    store.client.set_tag(run_id, TIED, model.model_id)
