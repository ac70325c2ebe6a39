"""Which trained model a command uses: a given file, the champion, or what was just built."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from inkbench import layout
from inkbench.errors import InkbenchError
from inkbench.tracking import record, registry, store

if TYPE_CHECKING:
    import keras

# Task → what its models take and give.
_SHAPES = {
    "restoration": ((None, None, None, 2), (None, None, None, 1)),
    "classification": ((None, 28, 28), (None, 10)),
}


def model(dataset: str, task: str, given: Path | None = None) -> tuple["keras.Model", str]:
    """Load the model for a task.

    Parameters
    ----------
    dataset, task
        As in ``params.yaml``.
    given
        A file that is to be used, come what may.

    Returns
    -------
    model, whence
        The model, and a line that says which it is.

    Raises
    ------
    InkbenchError
        If there is none, or the given one is not for this task.
    """
    if given is not None:
        return _loaded(given, task), f"model: {given}"
    with _in_repository():
        failure = ""
        try:
            found = _champion(dataset, task)
        except Exception as error:  # whatever a client meets on its way to a server
            found, failure = None, f" (not the champion: {store.public(error)})"
        if found:
            return found
        path = _built(dataset, task)
        return _loaded(path, task), f"model: {path}, as the pipeline built it{failure}"


def _loaded(path: Path, task: str) -> "keras.Model":
    from inkbench.models.common import storage

    loaded = storage.load(path)
    takes, gives = (getattr(loaded, f"{end}_shape", None) for end in ("input", "output"))
    if (takes, gives) != _SHAPES[task]:
        raise InkbenchError(f"{path}: takes {takes} and gives {gives}, so it is not for {task}")
    return loaded


@contextlib.contextmanager
def _in_repository() -> Iterator[None]:
    """Work from the repository around us, or else from the one that inkbench is installed from."""
    for folder in (Path.cwd(), *Path.cwd().parents, Path(__file__).parents[2]):
        if (folder / "dvc.yaml").is_file() and (folder / layout.PARAMS).is_file():
            with contextlib.chdir(folder):
                yield
            return
    raise InkbenchError(f"{Path.cwd()}: no pipeline here or above; name a model with --model FILE")


def _built(dataset: str, task: str) -> Path:
    """Of the pipeline's models for a task, the one that did best in its test."""
    variants = [
        name
        for name, block in (_params().get("train") or {}).items()
        if block and registry.competes(block, {"dataset": dataset, "task": task})
    ]
    if not variants:
        raise InkbenchError(
            f"no variant of {layout.PARAMS} is for {dataset} and {task}; add one, or use --model"
        )
    trained = [name for name in variants if layout.model(name).is_file()]
    if not trained:
        raise InkbenchError(
            f"{layout.model(variants[-1])}: no such model; make it: dvc repro train@{variants[-1]}"
        )
    _, rule = _registered(dataset, task)

    def rank(name: str) -> float:
        try:
            figures = json.loads(layout.metrics(name).read_text(encoding="utf-8"))
            return float(figures[rule["metric"]]) * (1 if rule["best"] == "min" else -1)
        except (OSError, ValueError, KeyError):
            return float("inf")

    return layout.model(min(trained, key=rank))


def _registered(dataset: str, task: str) -> tuple[str, dict[str, str]]:
    """Name and rule of the registered model for a task; both empty if it is not registered."""
    for name, rule in (_params().get("registry") or {}).items():
        if rule and (rule.get("dataset"), rule.get("task")) == (dataset, task):
            return name, rule
    return "", {}


def _champion(dataset: str, task: str) -> tuple["keras.Model", str] | None:
    """The registered model with the alias ``champion``; None where there is no store yet."""
    if store.is_missing():
        return None
    # Someone waits for a page: a server that does not answer is not asked twice.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
    name, _ = _registered(dataset, task)
    if not name:
        return None
    version = registry.champion(store.Store.open(create=False), registry.PREFIX + name)
    if version is None:
        return None
    tags = version.tags
    told = f"{registry.PREFIX}{name}@{registry.CHAMPION}, version {version.version}"
    facts = [tags.get("variant"), tags.get("value") and f"{tags['metric']} {tags['value']}"]
    facts.append(tags.get("data_source") and f"{tags['data_source']} data")
    whence = f"model: {told} ({', '.join(filter(None, facts))})"
    here = layout.model(tags.get("variant") or "?")
    if here.is_file() and record.md5(here) == tags.get("model.md5"):
        return _loaded(here, task), whence
    return _downloaded(f"models:/{version.name}/{version.version}", task), whence


def _downloaded(uri: str, task: str) -> "keras.Model":
    from mlflow import artifacts

    with tempfile.TemporaryDirectory() as folder:
        artifacts.download_artifacts(uri, dst_path=folder)
        files = sorted(Path(folder).rglob("model.keras"))
        if not files:
            raise InkbenchError(f"{uri} holds no model.keras")
        return _loaded(files[0], task)


def _params() -> dict:
    """``params.yaml`` as it is: a block that is being written need not be valid here."""
    import yaml

    try:
        return yaml.safe_load(layout.PARAMS.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InkbenchError(f"{layout.PARAMS}: not valid YAML: {error}") from None
