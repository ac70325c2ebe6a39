"""The one place that says what MLflow is told about the outputs of each kind of stage.

`log_outputs` reads what a stage has written. A stage that has just ended and `sync`, which
backfills a run from DVC's cache, both use it, so both runs look the same.
"""

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import data_source, layout

if TYPE_CHECKING:
    from inkbench.tracking.runs import StageRun

_MAX_PARAM = 6000  # characters of a value that MLflow keeps


def log_outputs(run: "StageRun", stage: str, subject: str, root: Path = Path()) -> None:
    """Log data source, metrics, datasets, model and artifacts of a stage that has ended.

    Files that do not exist are left out.

    Parameters
    ----------
    run
        The run of that stage.
    stage, subject
        For example ``"train"`` and ``"mnist-vae"``.
    root
        Folder that the paths of `layout` are relative to.
    """
    card_path, *artifacts = _files(stage, subject)
    card = read_json(root / card_path) if card_path else {}
    metrics: Mapping[str, Any] = card
    if stage == "download" and card:
        card["data_source"] = data_source.of(card)
        metrics = {"raw_bytes": sum(file["bytes"] for file in card["files"])}
        for file in card["files"]:
            run.log_dataset(file["name"], file["url"], file["sha256"][:32])
    elif stage == "preprocess" and card:
        counts = {f"n_{part}": count["total"] for part, count in card.get("counts", {}).items()}
        metrics = counts | {"n_skipped": len(card.get("skipped", ()))}
        run.log_dataset(subject, str(layout.processed(subject)), card.get("content_digest", "?"))
    elif stage == "train" and card:
        metrics = {"parameters": card.get("parameters")}
        _log_model(run, subject, root)
    elif stage in {"evaluate", "plot"} and (root / layout.model(subject)).is_file():
        run.set_tags({"model.md5": md5(root / layout.model(subject))})
    if card:
        run.set_tags({"data_source": card.get("data_source", "unknown")})
        run.log_metrics(metrics)
    for pattern in artifacts:
        for path in sorted(root.glob(str(pattern))):
            run.log_artifact(path, folder="figures" if stage == "plot" else None)


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


def log_curve(run: "StageRun", variant: str, root: Path) -> None:
    """Log the training curve of ``history.csv``, which a stage logs live, epoch by epoch."""
    path = root / layout.history(variant)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for row in csv.DictReader(text.splitlines()):
        values = {key: float(value) for key, value in row.items() if value}
        run.log_metrics(values, step=int(values["epoch"]))


def flat_params(tree: Mapping[str, Any], subject: str = "", prefix: str = "") -> dict[str, str]:
    """Flatten nested parameters to dotted keys, with values as MLflow keeps them.

    The subject's own name is left out: ``train.mnist-vae.epochs`` becomes ``train.epochs``, so that
    two variants have the same keys and the UI shows them side by side.
    """
    flat: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flat_params(value, subject, f"{name}.")
            continue
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        if len(text) > _MAX_PARAM:
            text = text[: _MAX_PARAM - 20] + f"… ({len(text)} chars)"
        flat[name.replace(f".{subject}.", ".", 1) if subject else name] = text
    return flat


def md5(path: Path) -> str:
    """md5 of a file, by which DVC and the models' tags know it."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file; empty if it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _log_model(run: "StageRun", variant: str, root: Path) -> None:
    import numpy as np

    path, snapshots = root / layout.model(variant), root / layout.snapshots(variant)
    if path.is_file() and snapshots.is_file():
        with np.load(snapshots) as arrays:
            run.log_model(arrays["inputs"], path)
