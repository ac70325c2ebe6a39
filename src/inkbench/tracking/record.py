"""The one place that says what MLflow is told about the outputs of each kind of stage."""

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import data_source, layout
from inkbench.tracking.logged_models import log_model
from inkbench.tracking.store import BACKFILLED, PARENT, Store

if TYPE_CHECKING:
    from mlflow.entities import Run


def log_outputs(store: Store, run: "Run", subject: str, root: Path) -> None:
    """Log what a stage has written: metrics, data source, datasets, model and artifacts.

    ``subject`` is what the stage worked on, for example ``mnist-vae``, and ``root`` the folder that
    the paths of `layout` are relative to. Files that do not exist are left out.
    """
    from mlflow.entities import Metric

    run_id, stage, at = run.info.run_id, run.data.tags["stage"], run.info.end_time
    card_path, *artifacts = _files(stage, subject)
    card = read_json(root / card_path) if card_path else {}
    metrics: Mapping[str, Any] = card
    tags = {"data_source": str(card.get("data_source", "unknown"))} if card else {}
    model = root / layout.model(subject)
    if stage == "download" and card:
        tags["data_source"] = data_source.of(card)
        metrics = {"raw_bytes": sum(file["bytes"] for file in card["files"])}
        for file in card["files"]:
            log_dataset(store, run_id, stage, file["name"], file["url"], file["sha256"])
    elif stage == "preprocess":
        counts = {f"n_{part}": n["total"] for part, n in card.get("counts", {}).items()}
        metrics = counts | {"n_skipped": len(card.get("skipped", ()))} if card else {}
    elif stage == "train":
        metrics = {"parameters": card.get("parameters")}
        if BACKFILLED in run.data.tags:  # a stage logs its curve live
            _log_curve(store, run_id, root / layout.history(subject), at)
        if model.is_file() and card:
            tags_of_model = tags | {"variant": subject, "model.md5": md5(model)}
            log_model(store, run_id, model, root / layout.snapshots(subject), tags_of_model, card)
    elif stage in {"evaluate", "plot"} and model.is_file():
        tags["model.md5"] = md5(model)
    numbers = {k: float(v) for k, v in metrics.items() if isinstance(v, int | float)}
    points = [Metric(key, value, at, 0) for key, value in numbers.items()]
    store.log(run_id, metrics=points, tags=tags)
    for path in (path for pattern in artifacts for path in sorted(root.glob(str(pattern)))):
        if stage == "report":  # it is about the whole pipeline
            store.client.log_artifacts(run.data.tags[PARENT], str(path), path.name)
        else:
            store.client.log_artifact(run_id, str(path), "figures" if stage == "plot" else None)


def _files(stage: str, subject: str) -> tuple[Path | None, ...]:
    """A stage's card with facts and metrics, and its artifacts; the large outputs stay with DVC."""
    claim = layout.claim(subject)
    cards = {
        "download": layout.provenance(subject),
        "preprocess": layout.dataset_card(subject),
        "train": layout.training_card(subject),
        "evaluate": layout.metrics(subject),
        "published": layout.metrics(claim),
        "submission": layout.SUBMISSION_CARD,
    }
    more = {
        "train": layout.history(subject),
        "evaluate": layout.evaluation(subject) / "*.csv",
        "published": layout.evaluation(claim) / "*.csv",
        "plot": layout.plots(subject) / "*",
        "report": layout.REPORTS,
    }
    return cards.get(stage), *(table[stage] for table in (cards, more) if stage in table)


def _log_curve(store: Store, run_id: str, history: Path, at: int) -> None:
    from mlflow.entities import Metric

    text = history.read_text(encoding="utf-8") if history.is_file() else ""
    points = [
        Metric(key, float(value), at, int(row["epoch"]))
        for row in csv.DictReader(text.splitlines())
        for key, value in row.items()
        if value and key != "epoch"
    ]
    store.log(run_id, metrics=points)


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
