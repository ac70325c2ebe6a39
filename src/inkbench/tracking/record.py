"""What is logged to MLflow for the outputs of each kind of stage, live and backfilled."""

import csv
import hashlib
import importlib.metadata
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inkbench import bundle, data_source, datasets, layout, records
from inkbench.tracking.store import BACKFILLED, PARENT, Run, Store, flat_params

_SHIPPED = ("tensorflow", "keras", "numpy", "scipy", "scikit-image", "pillow", "pydantic", "mlflow")
ATTACHED = "model.id"  # tag of an evaluation: the model that has its metrics


def log_outputs(store: Store, run: Run, subject: str, root: Path) -> None:
    """Log what a stage has written: metrics, data source, datasets, model and artifacts.

    ``subject`` is, for example, ``mnist-vae``; ``root`` is the folder that the paths of `layout`
    are relative to. Files that do not exist are left out.
    """
    run_id, stage, at = run.info.run_id, run.data.tags["stage"], run.info.end_time
    claim = layout.claim(subject)
    artifacts = {  # first the card of facts and metrics; large outputs stay with DVC
        "download": [layout.provenance(subject)],
        "preprocess": [layout.dataset_card(subject)],
        "train": [layout.training_card(subject), layout.history(subject)],
        "evaluate": [layout.metrics(subject), layout.evaluation(subject) / "*.csv"],
        "published": [layout.metrics(claim), layout.evaluation(claim) / "*.csv"],
        "submission": [layout.SUBMISSION_CARD],
        "plot": [layout.plots(subject) / "*"],
        "report": [layout.REPORTS],
    }.get(stage, [])
    card = read_json(root / artifacts[0]) if artifacts else {}
    metrics: Mapping[str, Any] = card
    tags = {"data_source": str(card.get("data_source", "unknown"))} if card else {}
    points = []
    model = root / layout.model(subject)
    if stage == "download" and card:
        tags["data_source"] = data_source.of(card)
        metrics = {"raw_bytes": sum(file["bytes"] for file in card["files"])}
        for file in card["files"]:
            log_dataset(store, run_id, stage, file["name"], file["url"], file["sha256"])
    elif stage == "preprocess" and card:
        metrics = {f"n_{part}": count["total"] for part, count in card["counts"].items()}
        metrics["n_skipped"] = len(card.get("skipped", ()))
    elif stage == "train":
        metrics = {"parameters": card.get("parameters")}
        history = root / layout.history(subject)
        if BACKFILLED in run.data.tags and history.is_file():  # a stage logs its curve live
            rows = csv.DictReader(history.read_text(encoding="utf-8").splitlines())
            cells = ((row["epoch"], *cell) for row in rows for cell in row.items())
            points = [(k, float(v), at, int(n)) for n, k, v in cells if v and k != "epoch"]
        if model.is_file() and card:
            log_model(store, run_id, subject, root, card)
    elif stage in {"evaluate", "plot"} and model.is_file():
        tags["model.md5"] = md5(model)
    points += [(k, float(v), at, 0) for k, v in metrics.items() if isinstance(v, int | float)]
    store.log(run_id, points, tags=tags)
    for path in (path for pattern in artifacts for path in sorted(root.glob(str(pattern)))):
        if stage == "report":  # it is about the whole pipeline
            store.client.log_artifacts(run.data.tags[PARENT], str(path), path.name)
        else:
            store.client.log_artifact(run_id, str(path), "figures" if stage == "plot" else None)


def log_dataset(store: Store, run_id: str, stage: str, name: str, source: str, digest: str) -> None:
    """Log a dataset by reference; its source is a URL, or a path that DVC knows."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    is_url = source.startswith(("http://", "https://"))
    where = json.dumps({"url": source} if is_url else {"tags": {"dvc.path": source}})
    dataset = Dataset(name, digest[:36], "http" if is_url else "code", where)
    tag = InputTag("mlflow.data.context", stage)
    store.client.log_inputs(run_id, datasets=[DatasetInput(dataset, [tag])])


def md5(path: Path) -> str:
    """md5 of a file, by which DVC and the models' tags know it."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file; empty if it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def log_model(store: Store, run_id: str, variant: str, root: Path, card: Mapping[str, Any]) -> None:
    """Log a variant's model as a LoggedModel for `inkbench.serving`, without loading it."""
    import numpy as np
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    file, snapshots = root / layout.model(variant), root / layout.snapshots(variant)
    digest = md5(file)
    if any(model.source_run_id == run_id for model in store.models(digest)):
        return
    block, task = card["variant"], card["variant"]["task"]
    spec = datasets.spec(block["dataset"])
    size = spec.image_shape or (-1, -1)  # pages of any size
    out = (len(spec.classes),) if task == "classification" else size
    if snapshots.is_file():
        with np.load(snapshots) as arrays:
            example = arrays["inputs"][:1]
    else:  # a classifier without pretraining has no snapshots
        example = np.full((1, *size), 255, np.uint8)
    model = store.client.create_logged_model(
        store.experiment_id,
        name=variant,
        source_run_id=run_id,
        tags={
            "variant": variant,
            "dataset": block["dataset"],
            "task": task,
            "data_source": card["data_source"],
            "model.md5": digest,
        },
        params=flat_params(block),
        model_type=task,
    )
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary, "trained")
        data.mkdir()
        (data / "model.keras").symlink_to(file.resolve())
        records.write_json(data / "variant.json", {"variant": variant, **block})
        pyfunc.save_model(
            f"{temporary}/model",
            loader_module="inkbench.serving",
            data_path=str(data),
            code_paths=[str(bundle.copy_code("serving", Path(temporary)))],
            mlflow_model=Model(model.artifact_location, run_id, model_id=model.model_id),
            signature=ModelSignature(
                inputs=Schema([TensorSpec(np.dtype("uint8"), (-1, *size))]),
                outputs=Schema([TensorSpec(np.dtype("float32"), (-1, *out))]),
            ),
            # A restorer computes its second channel, the background, from the page.
            input_example=example[..., 0] if example.ndim == 4 else example,
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in _SHIPPED],
            metadata={"variant": variant, "task": task, "values": "grey values from 0 to 255"},
        )
        store.client.log_model_artifacts(model.model_id, f"{temporary}/model")
    attach(store, store.client.get_run(run_id), outputs=[model.model_id])
    store.client.finalize_logged_model(model.model_id, "READY")


def attach(store: Store, run: Run, inputs: Sequence = (), outputs: Sequence = ()) -> None:
    """Log which models a run read and wrote. MLflow refuses one that is logged already."""
    from mlflow.entities import LoggedModelInput, LoggedModelOutput

    read, written = models_of(run)
    if new := [LoggedModelInput(model) for model in inputs if model not in read]:
        store.client.log_inputs(run.info.run_id, models=new)
    if made := [LoggedModelOutput(model, 0) for model in outputs if model not in written]:
        store.client.log_outputs(run.info.run_id, made)


def models_of(run: Run) -> tuple[list[str], list[str]]:
    """Ids of the models that a run read and wrote."""
    both = getattr(run.inputs, "model_inputs", []), getattr(run.outputs, "model_outputs", [])
    read, written = ([model.model_id for model in models] for models in both)
    return read, written


def attach_test_metrics(store: Store, run_id: str) -> None:
    """Attach an evaluation's metrics to its model, if the store has it, and to the training."""
    run = store.client.get_run(run_id)
    models = store.models(run.data.tags.get("model.md5", ""))
    if not models:
        return
    model_id = models[0].model_id
    inputs = getattr(run.inputs, "dataset_inputs", [])
    dataset = (inputs[0].dataset.name, inputs[0].dataset.digest) if inputs else ()
    points = store.history(run)
    attach(store, run, inputs=[model_id])
    store.log(run_id, [(*point, model_id, *dataset) for point in points])
    for training in store.search(f"attributes.run_id = '{models[0].source_run_id}'"):
        known = training.data.metrics
        store.log(training.info.run_id, [p for p in points if known.get(p[0]) != p[1]])
    store.client.set_tag(run_id, ATTACHED, model_id)
