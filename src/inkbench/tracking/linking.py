"""Links: a run in one parent that stands for the same execution under another parent."""

from typing import TYPE_CHECKING

from inkbench.tracking import backfill
from inkbench.tracking.logged_models import attach
from inkbench.tracking.parents import source_tags
from inkbench.tracking.pipeline import Execution
from inkbench.tracking.state import State
from inkbench.tracking.store import HASH, JOURNAL, PARENT, Store

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

LINK = "linked_to"
_OF_THE_OTHER_PARENT = {JOURNAL, PARENT, "dvc.exp_name", "mlflow.note.content"}


def find_source(store: Store, execution: Execution) -> "Run | None":
    """The newest finished and complete run of the very same execution, under whatever parent."""
    runs = store.tagged(HASH, execution.hash)
    finished = [
        run for run in runs if run.info.status == "FINISHED" and not backfill.is_incomplete(run)
    ]
    originals = [run for run in finished if LINK not in run.data.tags]
    if not (found := originals or finished):
        return None
    return store.client.get_run(found[-1].info.run_id)  # a search leaves models out


def link(store: Store, source: "Run", parent: str, state: State) -> None:
    """Add a run to a parent that shows an execution's parameters and figures.

    Its artifacts stay where they are: MLflow runs have one parent only, so the same execution in
    two pipelines is a run and a link to it.
    """
    key = f"link-{parent}-{source.data.tags[HASH]}"
    begun = store.tagged(JOURNAL, key)
    if begun:
        run_id = begun[0].info.run_id
    else:
        tags = _tags(store, source, state) | {JOURNAL: key, PARENT: parent}
        run_id = store.client.create_run(
            store.experiment_id, source.info.start_time, tags, source.info.run_name
        ).info.run_id
    store.log(run_id, params=source.data.params, metrics=_history(store, source))
    datasets = source.inputs.dataset_inputs if source.inputs else []
    store.client.log_inputs(run_id, datasets=datasets)
    read = source.inputs.model_inputs if source.inputs else []
    made = source.outputs.model_outputs if source.outputs else []
    attach(
        store,
        run_id,
        inputs=[model.model_id for model in read],
        outputs=[model.model_id for model in made],
    )
    store.client.set_terminated(run_id, "FINISHED", source.info.end_time)


def _tags(store: Store, source: "Run", state: State) -> dict[str, str]:
    tags = source.data.tags
    origin = tags.get(LINK, source.info.run_id)
    note = (
        f"This stage ran already for another state of the pipeline: see [that run](#/experiments/"
        f"{store.experiment_id}/runs/{origin}) and its artifacts.\n\n"
    )
    return {
        **{key: value for key, value in tags.items() if key not in _OF_THE_OTHER_PARENT},
        LINK: origin,
        "mlflow.note.content": note + tags.get("mlflow.note.content", ""),
        **source_tags(state, tags.get("mlflow.source.name", "")),
    }


def _history(store: Store, source: "Run") -> "list[Metric]":
    return [
        point
        for name in source.data.metrics
        if not name.startswith("system/")
        for point in store.client.get_metric_history(source.info.run_id, name)
    ]
