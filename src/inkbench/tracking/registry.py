"""The model registry: the best model of each task is a version with the alias ``champion``."""

import contextlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from inkbench import layout
from inkbench.data_source import REAL
from inkbench.errors import InkbenchError
from inkbench.tracking import record
from inkbench.tracking.executions import Pipeline
from inkbench.tracking.store import Store, public

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
RETIRED = "retired"
PREFIX = "inkbench-"


class _Candidate(NamedTuple):
    """A trained and evaluated variant that may become champion."""

    variant: str
    md5: str
    value: float
    data_source: str


def promote_best(store: Store, pipeline: Pipeline, echo: Callable[[str], None]) -> None:
    """Register the best model of every block under ``registry:`` if it beats the champion.

    A metric on real data beats any on synthetic data. Variants on another split of the pages or on
    other pixels do not compete (see `competes`). A version that was rolled back stays retired.

    Parameters
    ----------
    store
        Open store.
    pipeline
        The pipeline; evaluations that are not up to date are ignored.
    echo
        Called with a line for every new champion.
    """
    variants = pipeline.params.get("train") or {}
    for name, rule in (pipeline.params.get("registry") or {}).items():
        versions = _versions(store, PREFIX + name)
        retired = {v.tags.get("model.md5") for v in versions if RETIRED in v.tags}
        candidates = [
            candidate
            for variant, block in variants.items()
            if f"evaluate@{variant}" in pipeline.current
            and competes(block, rule)
            and (candidate := _candidate(pipeline.outputs, variant, rule["metric"]))
            and candidate.md5 not in retired
        ]
        if candidates:
            best = max(candidates, key=lambda c: _rank(c.data_source, c.value, rule))
            _promote(store, PREFIX + name, best, rule, echo)


def _candidate(outputs: Path, variant: str, metric: str) -> _Candidate | None:
    metrics, model = record.read_json(outputs / layout.metrics(variant)), layout.model(variant)
    if metric not in metrics or not (outputs / model).is_file():
        return None
    md5, source = record.md5(outputs / model), str(metrics.get("data_source"))
    return _Candidate(variant, md5, float(metrics[metric]), source)


def competes(block: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    """Whether a variant's metrics compare with those of a rule: same data, task and pixels."""
    defaults = {"dataset": None, "task": None, "split": "page-disjoint", "binarise": False}
    same = all(block.get(key, value) == rule.get(key, value) for key, value in defaults.items())
    noisy = block.get("task") == "reconstruction" and any((block.get("noise") or {}).values())
    return same and not noisy


def _rank(data_source: str, value: float, rule: Mapping[str, str]) -> tuple[bool, float]:
    return data_source == REAL, value if rule["best"] == "max" else -value


def _promote(
    store: Store, name: str, best: _Candidate, rule: Mapping[str, str], echo: Callable[[str], None]
) -> None:
    model = store.model(best.md5)
    if model is None:
        return
    leader = champion(store, name)
    previous = "the first"
    if leader:
        tags = leader.tags
        previous = f"version {leader.version} ({tags.get('variant')}) had {tags.get('value')}"
        if tags.get("metric") == rule["metric"]:
            rank = _rank(tags.get("data_source", ""), float(tags["value"]), rule)
            if _rank(best.data_source, best.value, rule) <= rank:
                return
    registered = [v for v in _versions(store, name) if v.tags.get("model.md5") == best.md5]
    version = registered[0] if registered else _register(name, model)
    why = f"{rule['best']} {rule['metric']} = {best.value} on {best.data_source} data; {previous}"
    tags = {
        "variant": best.variant,
        "model.md5": best.md5,
        "data_source": best.data_source,
        "metric": rule["metric"],
        "value": repr(best.value),
        "why": why,
    }
    for key, text in tags.items():
        store.client.set_model_version_tag(name, str(version.version), key, text)
    store.client.set_registered_model_alias(name, CHAMPION, str(version.version))
    echo(f"champion   {name} version {version.version}: {best.variant}, {why}")


def _register(name: str, model: Any) -> "ModelVersion":
    import mlflow

    with contextlib.redirect_stderr(io.StringIO()):  # it prints to stderr
        return mlflow.register_model(f"models:/{model.model_id}", name, await_registration_for=30)


def _versions(store: Store, name: str) -> "list[ModelVersion]":
    return sorted(
        store.client.search_model_versions(f"name = '{name}'"), key=lambda v: int(v.version)
    )


def champion(store: Store, name: str) -> "ModelVersion | None":
    """The version of a registered model with the alias ``champion``; None if there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return store.client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def roll_back(store: Store, name: str, version: str | None = None) -> str:
    """Give the alias to an earlier version, and retire the later ones.

    Parameters
    ----------
    store
        Open store.
    name
        Registered model, with or without ``inkbench-``.
    version
        The new champion; by default the newest version before the present one.

    Returns
    -------
    str
        A line that names the new champion.

    Raises
    ------
    InkbenchError
        If there is no such model or version.
    """
    name = PREFIX + name.removeprefix(PREFIX)
    versions = {str(v.version): v for v in _versions(store, name)}
    if not versions:
        known = sorted(model.name for model in store.client.search_registered_models())
        raise InkbenchError(f"{name} is not registered; there are: {', '.join(known) or 'none'}")
    if version is None:
        leader = champion(store, name)
        earlier = [v for v in versions if leader and int(v) < int(leader.version)]
        usable = [v for v in earlier if RETIRED not in versions[v].tags]
        if not usable:
            raise InkbenchError(f"{name} has no version before its champion to go back to")
        version = usable[-1]
    if version not in versions:
        raise InkbenchError(
            f"{name} has no version {public(version)}; there are: {', '.join(versions)}"
        )
    for number, other in versions.items():
        if int(number) > int(version) and RETIRED not in other.tags:
            store.client.set_model_version_tag(name, number, RETIRED, f"rolled back to {version}")
    if RETIRED in versions[version].tags:
        store.client.delete_model_version_tag(name, version, RETIRED)
    store.client.set_registered_model_alias(name, CHAMPION, version)
    return f"{name}: champion is version {version} ({versions[version].tags.get('variant')})"
