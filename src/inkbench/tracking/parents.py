"""Parent runs: one per state of the pipeline."""

from typing import TYPE_CHECKING

from inkbench.tracking.state import State
from inkbench.tracking.store import Store, locked

if TYPE_CHECKING:
    from mlflow.entities import Run

_KEY = "pipeline.key"
_INPUTS = "pipeline.inputs"


def find(store: Store, state: State) -> "Run | None":
    """The parent run of a state; None if there is none yet.

    A changed tree keeps its parent when it is committed unchanged, and the tree that an experiment
    leaves in the workspace has the experiment's parent.
    """
    if runs := store.tagged(_KEY, state.key):
        return runs[0]
    for run in [] if state.experiment else store.tagged(_INPUTS, state.inputs):
        key = run.data.tags[_KEY]
        if key.startswith("tree:") or (state.dirty and key.startswith("exp:")):
            return run
    return None


def find_or_create(store: Store, state: State, at: int | None = None) -> str:
    """Id of the parent run of a state, which is created if needed, as of a time in milliseconds."""
    with locked("parent"):  # two processes must not create it twice
        parent = find(store, state)
        if parent is None:
            parent = store.client.create_run(store.experiment_id, at, _tags(state), state.title)
        elif parent.data.tags[_KEY].startswith("tree:") and not state.dirty:  # it was committed
            store.log(parent.info.run_id, tags=_tags(state) | {"mlflow.runName": state.title})
        return parent.info.run_id


def _tags(state: State) -> dict[str, str]:
    where = commit_link(state.commit, state.repository)
    if state.experiment:
        where = f"DVC experiment `{state.experiment}` on {where}"
    elif state.dirty:
        where = f"changed tree on {where}"
    return {
        _KEY: state.key,
        _INPUTS: state.inputs,
        "stage": "pipeline",
        "git.dirty": str(state.dirty).lower(),
        "mlflow.note.content": f"One state of the pipeline: {where}, "
        f"parameters and code `{state.inputs}`. Its stages are the runs below.",
        **source_tags(state, "dvc repro"),
    }


def source_tags(state: State, command: str) -> dict[str, str]:
    """Source of a run, as the UI shows it."""
    tags = {
        "dvc.exp_name": state.experiment,
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
    if not commit or not repository:
        return name
    return f"[{name}]({repository.removesuffix('.git')}/commit/{commit})"
