"""A link stands for a run that has everything."""

from inkbench.tracking import backfill, linking
from inkbench.tracking.pipeline import Execution
from inkbench.tracking.store import HASH, Store


def finished(store: Store, execution: Execution, **tags: str) -> str:
    labels = {HASH: execution.hash, **tags}
    run_id = store.client.create_run(store.experiment_id, 1, labels).info.run_id
    store.client.set_terminated(run_id, "FINISHED")
    return run_id


def test_a_run_that_lacks_its_outputs_is_never_linked_to(store: Store) -> None:
    execution = Execution("train@v", "python x.py", {}, {}, {})
    finished(store, execution, **{backfill.INCOMPLETE: "true"})
    assert linking.find_source(store, execution) is None
    whole = finished(store, execution, **{backfill.INCOMPLETE: "false"})
    finished(store, execution, **{backfill.INCOMPLETE: "true"})
    found = linking.find_source(store, execution)
    assert found is not None and found.info.run_id == whole


def test_the_original_is_preferred_to_another_link(store: Store) -> None:
    execution = Execution("train@v", "python x.py", {}, {}, {})
    original = finished(store, execution)
    finished(store, execution, **{linking.LINK: original})
    found = linking.find_source(store, execution)
    assert found is not None and found.info.run_id == original
