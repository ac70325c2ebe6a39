"""Runs made afterwards, from what DVC keeps of an execution that no run tells of."""

import csv
import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import layout
from inkbench.tracking import cache, journal
from inkbench.tracking.delivery import DATA_STAGES, Delivery, dataset_event
from inkbench.tracking.journal import Event, Journal
from inkbench.tracking.pipeline import Execution, Files, md5_of_bytes
from inkbench.tracking.state import State
from inkbench.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

BACKFILLED = "backfilled"
INCOMPLETE = "backfill.incomplete"


def backfill(
    store: Store,
    state: State,
    parent: str,
    files: Files,
    lock: Mapping[str, Execution],
    execution: Execution,
) -> None:
    """Make the run of an execution from ``dvc.lock``, metrics, history and models.

    What is not at hand (a clone without `dvc pull`) is left out, the run marked as incomplete and
    completed by a later sync.
    """
    made = cache.outputs(execution, files)
    with tempfile.TemporaryDirectory() as temporary:
        # By the parent, not the state's key: a tree that is committed keeps its parent.
        written = Journal(Path(temporary) / f"backfill-{parent}-{execution.hash}")
        written.folder.mkdir()
        written.context = _context(state, lock, execution, bool(made))
        events = [
            {"at": journal.now(), **event} for event in _events(execution, files, made, written)
        ]
        Delivery(store, written).bring(events)


def is_incomplete(run: "Run") -> bool:
    """The run was backfilled while its outputs were not at hand."""
    return run.data.tags.get(INCOMPLETE) == "true"


def test_facts(files: Files, execution: Execution) -> dict[str, Any]:
    """``metrics/V.json`` as an evaluation left it; empty if not at hand."""
    path = layout.metrics(execution.subject)
    return _json({str(path): cache.output(execution, files, str(path)) or b"{}"}, path)


def _context(
    state: State, lock: Mapping[str, Execution], execution: Execution, complete: bool
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "state": vars(state),
        "stage": execution.name,
        "hash": execution.hash,
        "deps": dict(execution.deps),
        "tags": {BACKFILLED: "true"},
    }
    trained = lock.get(f"train@{execution.subject}")
    if execution.kind in {"evaluate", "plot"} and trained:
        context["model_md5"] = cache.file_md5(trained, str(layout.model(execution.subject)))
    return context


def _events(
    execution: Execution, files: Files, made: Mapping[str, bytes], written: Journal
) -> Iterator[Event]:
    """The same events that the stage itself would have written."""
    subject = execution.subject
    of_data = execution.kind in DATA_STAGES
    params = files.yaml("params.yaml")
    blocks = params.get("published" if execution.kind == "published" else "train") or {}
    block = {} if of_data else blocks.get(subject) or {}
    yield {
        "do": "start",
        "stage": execution.kind,
        "variant": None if of_data else subject or None,
        "dataset": subject if of_data else block.get("dataset"),
        "params": execution.params.get("params.yaml", {}),
        "command": str(execution.cmd),
    }
    yield {"do": "tags", "values": {INCOMPLETE: str(not made).lower()}}
    card = {
        "preprocess": layout.dataset_card(subject),
        "train": layout.training_card(subject),
        "evaluate": layout.metrics(subject),
        "published": layout.metrics(layout.claim(subject)),
        "submission": layout.SUBMISSION_CARD,
    }.get(execution.kind)
    if card and made:
        facts = _json(made, card)
        source = str(facts.get("data_source", "unknown"))
        yield {"do": "tags", "values": {"data_source": source}}
        yield {"do": "metrics", "values": _numbers(facts), "step": 0}
    if execution.kind == "train" and made:
        yield from _trained(subject, made, written)
    if of_data:
        for path, md5 in execution.outs.items():
            yield dataset_event(path, md5)
    yield from _artifacts(execution, made, written)
    yield {"do": "end", "status": "FINISHED"}


def _trained(variant: str, made: Mapping[str, bytes], written: Journal) -> Iterator[Event]:
    table = made.get(str(layout.history(variant)), b"").decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    for row in rows:
        values = {key: float(value) for key, value in row.items() if value}
        yield {"do": "metrics", "values": values, "step": int(values["epoch"])}
    model = made.get(str(layout.model(variant)))
    if model is not None:
        yield _model(model, made.get(str(layout.snapshots(variant))), written)


def _model(model: bytes, snapshots: bytes | None, written: Journal) -> Event:
    import numpy as np

    folder = written.folder / "files"
    folder.mkdir()
    (folder / "model.keras").write_bytes(model)
    example = np.zeros((1, 28, 28), np.uint8)
    if snapshots:
        with np.load(io.BytesIO(snapshots)) as arrays:
            example = arrays["inputs"][:1]
    np.save(folder / "example.npy", example)
    return {"do": "model", "md5": md5_of_bytes(model)}


def _artifacts(
    execution: Execution, made: Mapping[str, bytes], written: Journal
) -> Iterator[Event]:
    """What the stages log as artifacts: small things that people look at."""
    wanted = {
        "download": {str(layout.provenance(execution.subject))},
        "preprocess": {str(layout.dataset_card(execution.subject))},
        "train": {
            str(layout.history(execution.subject)),
            str(layout.training_card(execution.subject)),
        },
        "evaluate": {
            str(layout.metrics(execution.subject)),
            *(path for path in made if path.endswith(".csv")),
        },
        "published": {path for path in made if path.endswith((".json", ".csv"))},
        "submission": {str(layout.SUBMISSION_CARD)},  # not the 48 MB that it speaks of
    }.get(execution.kind, set(made))
    for index, (path, content) in enumerate(sorted(made.items())):
        if path not in wanted:
            continue
        file = written.folder / "made" / str(index) / Path(path).name
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        yield {"do": "artifact", "file": str(file), "folder": _folder(execution, path)}


def _folder(execution: Execution, path: str) -> str | None:
    if execution.kind == "plot":
        return "figures"
    if execution.kind == "report":
        return str(Path(path).parent)
    return None


def _json(made: Mapping[str, bytes], path: Path) -> dict[str, Any]:
    try:
        return json.loads(made.get(str(path), b"{}"))
    except ValueError:
        return {}


def _numbers(facts: Mapping[str, Any]) -> dict[str, float]:
    return {
        key: float(value)
        for key, value in facts.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
