"""The one place that says what MLflow is told about the outputs of each kind of stage.

`log_outputs` reads what a stage has written. A stage that has just ended and `sync`, which
backfills a run from DVC's cache, both use it, so both runs look the same.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
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
    card = _card(root, stage, subject)
    metrics: Mapping[str, Any] = card
    if stage == "download" and card:
        card["data_source"] = data_source.of(card)
        metrics = {"raw_bytes": sum(file["bytes"] for file in card["files"])}
        for file in card["files"]:
            run.log_dataset(file["name"], file["url"], file["sha256"][:32])
    elif stage == "preprocess" and "counts" in card:
        counts = {f"n_{part}": count["total"] for part, count in card["counts"].items()}
        metrics = counts | {"n_skipped": len(card["skipped"])}
        run.log_dataset(subject, str(layout.processed(subject)), card["content_digest"][:32])
    elif stage == "train":
        metrics = {key: card[key] for key in ("parameters",) if key in card}
        _log_model(run, subject, root)
    model = root / layout.model(subject)
    if stage in {"evaluate", "plot"} and model.is_file():
        run.set_tags({"model.md5": md5(model)})
    if "data_source" in card:
        run.set_tags({"data_source": card["data_source"]})
    if metrics:
        run.log_metrics(metrics)
    for path in _artifacts(root, stage, subject):
        run.log_artifact(path, folder="figures" if stage == "plot" else None)


def log_curve(run: "StageRun", variant: str, root: Path) -> None:
    """Log the training curve of ``history.csv``; a stage logs it live, epoch by epoch."""
    path = root / layout.history(variant)
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                values = {key: float(value) for key, value in row.items() if value}
                run.log_metrics(values, step=int(values["epoch"]))


def flat_params(tree: Mapping[str, Any], subject: str = "", prefix: str = "") -> dict[str, str]:
    """Flatten nested parameters to dotted keys, with values as MLflow keeps them.

    The subject's own name is left out: ``train.mnist-vae.epochs`` becomes ``train.epochs``, so that
    two variants have the same keys and the UI shows them side by side. A value that is too long for
    MLflow is cut and marked.
    """
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flat_params(value, "", f"{prefix}{key}.")
            continue
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        if len(text) > _MAX_PARAM:
            text = text[: _MAX_PARAM - 20] + f"… ({len(text)} chars)"
        flat[f"{prefix}{key}"] = text
    if not subject:
        return flat
    return {key.replace(f".{subject}.", ".", 1): value for key, value in flat.items()}


def md5(path: Path) -> str:
    """md5 of a file, which is its name in DVC's cache."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _card(root: Path, stage: str, subject: str) -> dict[str, Any]:
    """The JSON file that describes a stage's outputs; empty if it is missing or broken."""
    cards = {
        "download": layout.provenance(subject),
        "preprocess": layout.dataset_card(subject),
        "train": layout.training_card(subject),
        "evaluate": layout.metrics(subject),
        "published": layout.metrics(layout.claim(subject)),
        "submission": layout.SUBMISSION_CARD,
    }
    return read_json(root / cards[stage]) if stage in cards else {}


def read_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file; empty if it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _artifacts(root: Path, stage: str, subject: str) -> Iterator[Path]:
    """Small files that people look at; the large outputs stay with DVC."""
    claim = layout.claim(subject)
    patterns = {
        "download": [layout.provenance(subject)],
        "preprocess": [layout.dataset_card(subject)],
        "train": [layout.history(subject), layout.training_card(subject)],
        "evaluate": [layout.metrics(subject), layout.evaluation(subject) / "*.csv"],
        "published": [layout.metrics(claim), layout.evaluation(claim) / "*.csv"],
        "submission": [layout.SUBMISSION_CARD],
        "plot": [layout.plots(subject) / "*"],
        "report": [layout.REPORTS],
    }
    for pattern in patterns.get(stage, []):
        yield from sorted(root.glob(str(pattern)))


def _log_model(run: "StageRun", variant: str, root: Path) -> None:
    path, snapshots = root / layout.model(variant), root / layout.snapshots(variant)
    if not path.is_file():
        return
    import numpy as np

    example = np.zeros((1, 28, 28), np.uint8)
    if snapshots.is_file():
        with np.load(snapshots) as arrays:
            example = arrays["inputs"][:1]
    run.log_model(example, path)
