"""Links: a run below one parent that refers to the same execution below another parent."""

from typing import TYPE_CHECKING

from inkbench.tracking.executions import Execution
from inkbench.tracking.logged_models import attach
from inkbench.tracking.parents import source_tags
from inkbench.tracking.state import State
from inkbench.tracking.store import HASH, INCOMPLETE, JOURNAL, LINK, PARENT, Store

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

_OF_THE_OTHER_PARENT = {JOURNAL, PARENT, "dvc.exp_name", "mlflow.note.content"}


def find_source(store: Store, execution: Execution) -> "Run | None":
    """The newest finished and complete run of an execution, below any parent."""
    finished = [
        run
        for run in store.tagged(HASH, execution.hash)
        if run.info.status == "FINISHED" and run.data.tags.get(INCOMPLETE) != "true"
    ]
    originals = [run for run in finished if LINK not in run.data.tags]
    runs = originals or finished
    if not runs:
        return None
    return store.client.get_run(runs[-1].info.run_id)  # a search leaves models out


def link(store: Store, source: "Run", parent: str, state: State) -> None:
    """Add a run to a parent with the parameters and metrics of the source run.

    The artifacts stay with the source run. An MLflow run has only one parent, so an execution that
    belongs to two states of the pipeline is a run and a link to it.
    """
    key = f"link-{parent}-{source.data.tags[HASH]}"
    earlier = store.tagged(JOURNAL, key)
    if earlier:
        run_id = earlier[0].info.run_id
    else:
        tags = _tags(store, source, state) | {JOURNAL: key, PARENT: parent}
        run_id = store.client.create_run(
            store.experiment_id, source.info.start_time, tags, source.info.run_name
        ).info.run_id
    store.log(run_id, params=source.data.params, metrics=_history(store, source))
    datasets = source.inputs.dataset_inputs if source.inputs else []
    store.client.log_inputs(run_id, datasets=datasets)
    read = source.inputs.model_inputs if source.inputs else []
    written = source.outputs.model_outputs if source.outputs else []
    attach(
        store,
        run_id,
        inputs=[model.model_id for model in read],
        outputs=[model.model_id for model in written],
    )
    store.client.set_terminated(run_id, "FINISHED", source.info.end_time)


def _tags(store: Store, source: "Run", state: State) -> dict[str, str]:
    tags = source.data.tags
    origin = tags.get(LINK, source.info.run_id)
    note = (
        "DVC did not run this stage again. The artifacts are with [the run of another state]"
        f"(#/experiments/{store.experiment_id}/runs/{origin}).\n\n"
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
