"""Parent runs, one for each pipeline state, and one above all trainings of a sweep."""

from inkbench.state import State
from inkbench.tracking.store import PARENT, Run, Store, locked

_KEY = "pipeline.key"
_INPUTS = "pipeline.inputs"


def find_parent(store: Store, state: State) -> Run | None:
    """The parent run of a state; None if there is none yet."""
    if runs := store.tagged(_KEY, state.key):
        return runs[0]
    # A changed tree keeps its parent when it is committed unchanged, and the tree that an
    # experiment (not of a sweep) leaves in the workspace has the experiment's parent.
    for run in [] if state.experiment else store.tagged(_INPUTS, state.inputs):
        key, of_sweep = run.data.tags[_KEY], "sweep" in run.data.tags
        if key.startswith("tree:") or (state.dirty and key.startswith("exp:") and not of_sweep):
            return run
    return None


def find_or_create_parent(store: Store, state: State, at: int | None = None) -> str:
    """Id of the parent run of a state, which is created if needed, as of a time in milliseconds."""
    where = commit_link(state.commit, state.repository)
    if state.dirty:
        where = f"{state.experiment or 'changed tree'} on {where}"
    tags = source_tags(state, "dvc repro") | {
        _KEY: state.key,
        _INPUTS: state.inputs,
        "stage": "pipeline",
        "mlflow.note.content": f"The pipeline: {where}. Its stages are the runs below.",
    }
    if state.sweep:
        tags[PARENT] = _find_or_create_sweep(store, state, at)
    with locked("parent"):  # two processes must not create it twice
        parent = find_parent(store, state)
        if parent is None:
            parent = store.client.create_run(store.experiment_id, at, tags, state.title)
            store.client.set_terminated(parent.info.run_id)  # until a stage runs
        elif parent.data.tags[_KEY].startswith("tree:") and not state.dirty:  # it was committed
            store.log(parent.info.run_id, tags=tags | {"mlflow.runName": state.title})
        return parent.info.run_id


def _find_or_create_sweep(store: Store, state: State, at: int | None) -> str:
    """Id of the run of a sweep, below which its trainings are."""
    key = f"sweep:{state.sweep}"
    with locked("sweep"):
        runs = store.tagged(_KEY, key)
        if not runs:
            tags = {_KEY: key, "stage": "sweep", "sweep": state.sweep}
            runs = [store.client.create_run(store.experiment_id, at, tags, f"sweep {state.sweep}")]
            store.client.set_terminated(runs[0].info.run_id)
        return runs[0].info.run_id


def source_tags(state: State, command: str) -> dict[str, str]:
    """Source of a run, as the UI shows it."""
    tags = {
        "dvc.exp_name": state.experiment,
        "sweep": state.sweep,
        "git.commit": state.commit,
        "mlflow.source.git.commit": state.commit,
        "mlflow.source.git.repoURL": state.repository,
        "mlflow.source.name": command,
        "mlflow.source.type": "PROJECT",
    }
    return {key: value for key, value in tags.items() if value}


def commit_link(commit: str, repository: str) -> str:
    """A commit in Markdown, with a link if the repository has a web page."""
    name = f"commit `{commit[:12]}`" if commit else "no git commit"
    page = f"{repository.removesuffix('.git')}/commit/{commit}"
    return f"[{name}]({page})" if commit and repository else name
