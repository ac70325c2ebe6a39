"""Links: a run below one parent that refers to the same execution below another parent."""

from typing import TYPE_CHECKING

from inkbench.tracking.executions import Execution
from inkbench.tracking.logged_models import attach, models_of
from inkbench.tracking.parents import source_tags
from inkbench.tracking.state import State
from inkbench.tracking.store import HASH, INCOMPLETE, JOURNAL, LINK, PARENT, Store

if TYPE_CHECKING:
    from mlflow.entities import Run

_NOT_COPIED = {JOURNAL, PARENT, "dvc.exp_name"}


def find_source(store: Store, execution: Execution) -> "Run | None":
    """The newest finished and complete run of an execution, below any parent."""
    finished = [
        run
        for run in store.tagged(HASH, execution.hash)
        if run.info.status == "FINISHED" and run.data.tags.get(INCOMPLETE) != "true"
    ]
    originals = [run for run in finished if LINK not in run.data.tags]
    runs = originals or finished
    return store.client.get_run(runs[-1].info.run_id) if runs else None  # a search has no models


def link(store: Store, source: "Run", parent: str, state: State) -> None:
    """Add a run to a parent with the parameters and metrics of the source run.

    The artifacts stay with the source run. An MLflow run has only one parent, so an execution that
    belongs to two states of the pipeline is a run and a link to it.
    """
    tags = source.data.tags
    origin = tags.get(LINK, source.info.run_id)
    note = (
        "DVC did not run this stage again. The artifacts are with [the run of another state]"
        f"(#/experiments/{store.experiment_id}/runs/{origin}).\n\n"
    )
    key = f"link-{parent}-{tags[HASH]}"
    runs = store.tagged(JOURNAL, key) or [
        store.client.create_run(
            store.experiment_id,
            source.info.start_time,
            {
                **{key: value for key, value in tags.items() if key not in _NOT_COPIED},
                **source_tags(state, tags.get("mlflow.source.name", "")),
                "mlflow.note.content": note + tags.get("mlflow.note.content", ""),
                LINK: origin,
                JOURNAL: key,
                PARENT: parent,
            },
            source.info.run_name,
        )
    ]
    run_id = runs[0].info.run_id
    store.log(run_id, params=source.data.params, metrics=store.history(source))
    datasets = source.inputs.dataset_inputs if source.inputs else []
    store.client.log_inputs(run_id, datasets=datasets)
    read, written = models_of(source)
    attach(store, store.client.get_run(run_id), inputs=read, outputs=written)
    store.client.set_terminated(run_id, "FINISHED", source.info.end_time)
