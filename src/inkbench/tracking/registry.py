"""The model registry: the best model of each task is a version with the alias ``champion``."""

import contextlib
import io
from collections.abc import Callable, Mapping
from typing import Any

from inkbench import layout
from inkbench.data_source import REAL
from inkbench.errors import InkbenchError
from inkbench.tracking import record
from inkbench.tracking.executions import Pipeline
from inkbench.tracking.store import ModelVersion, Store, public

CHAMPION = "champion"
PREFIX = "inkbench-"
_RETIRED = "retired"


def promote_best(store: Store, pipeline: Pipeline, echo: Callable[[str], None]) -> None:
    """Register the best model of every block under ``registry:`` if it beats the champion.

    A metric on real data beats any on synthetic data. A champion measured on another version of the
    data is replaced. A version that was rolled back stays retired.
    """
    import mlflow

    variants = pipeline.params.get("train") or {}
    for block, rule in (pipeline.params.get("registry") or {}).items():
        name = PREFIX + block
        versions = _versions(store, name)
        retired = {v.tags.get("model.md5") for v in versions.values() if _RETIRED in v.tags}
        candidates = [
            tags
            for variant, settings in variants.items()
            if f"evaluate@{variant}" in pipeline.current
            and competes(settings, rule)
            and (tags := _candidate(pipeline, variant, rule))
            and tags["model.md5"] not in retired
        ]
        if not candidates:
            continue
        best = max(candidates, key=lambda tags: rank(tags, rule))
        models, leader = store.models(best["model.md5"]), champion(store, name)
        tags, previous = leader.tags if leader else {}, "the first"
        if leader:
            previous = f"version {leader.version} ({tags.get('variant')}) had {tags.get('value')}"
        same = leader and all(tags.get(k, best[k]) == best[k] for k in ("metric", "data.md5"))
        new, old = rank(best, rule), rank(tags, rule) if leader else None
        is_better = not old or (new > old if same else new[0] >= old[0])  # never less real
        if not models or not is_better:
            continue
        why = f"{rule['best']} {best['metric']} = {best['value']} on {best['data_source']} data; "
        registered = {version.tags.get("model.md5"): n for n, version in versions.items()}
        number = registered.get(best["model.md5"])
        if number is None:
            with contextlib.redirect_stderr(io.StringIO()):  # it prints to stderr
                number = mlflow.register_model(f"models:/{models[0].model_id}", name).version
        for key, text in {**best, "why": why + previous}.items():
            store.client.set_model_version_tag(name, number, key, text)
        store.client.set_registered_model_alias(name, CHAMPION, number)
        echo(f"champion   {name} version {number}: {best['variant']}, {why}{previous}")


def _candidate(pipeline: Pipeline, variant: str, rule: Mapping[str, str]) -> dict[str, str]:
    """Tags of a variant as a version; empty if it is not trained and evaluated."""
    outputs, metric, model = pipeline.outputs, rule["metric"], layout.model(variant)
    metrics = record.read_json(outputs / layout.metrics(variant))
    deps = pipeline.current[f"evaluate@{variant}"].deps
    if metric not in metrics or not (outputs / model).is_file():
        return {}
    return {
        "variant": variant,
        "model.md5": record.md5(outputs / model),
        "data_source": str(metrics.get("data_source")),
        "data.md5": str(deps.get(str(layout.processed(rule["dataset"])))),
        "metric": metric,
        "value": repr(float(metrics[metric])),
    }


def competes(block: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    """Whether a variant's metrics compare with those of a rule: same data, split, task, pixels."""
    defaults = {"dataset": None, "task": None, "split": "page-disjoint", "binarise": False}
    same = all(block.get(key, value) == rule.get(key, value) for key, value in defaults.items())
    noisy = block.get("task") == "reconstruction" and any((block.get("noise") or {}).values())
    return same and not noisy


def rank(tags: Mapping[str, str], rule: Mapping[str, str]) -> tuple[bool, float]:
    """What orders versions by a rule: real data beats synthetic data, then the metric counts."""
    value = float(tags["value"])
    return tags.get("data_source") == REAL, value if rule["best"] == "max" else -value


def _versions(store: Store, name: str) -> dict[str, ModelVersion]:
    """All versions of a registered model by number, oldest first."""
    versions = store.client.search_model_versions(f"name = '{name}'")
    return {str(v.version): v for v in sorted(versions, key=lambda v: int(v.version))}


def champion(store: Store, name: str) -> ModelVersion | None:
    """The version of a registered model with the alias ``champion``; None if there is none."""
    models = store.client.search_registered_models(f"name = '{name}'")
    number = models[0].aliases.get(CHAMPION) if models else None
    return number and store.client.get_model_version(name, number)


def roll_back(store: Store, name: str, number: str | None = None) -> str:
    """Give the alias to a version, by default the one before, and retire the later ones.

    Returns a line about it. `InkbenchError` if there is no such model or version.
    """
    name = PREFIX + name.removeprefix(PREFIX)
    versions = _versions(store, name)
    if not versions:
        known = sorted(model.name for model in store.client.search_registered_models())
        raise InkbenchError(f"{name} is not registered; there are: {', '.join(known) or 'none'}")
    if number is None:
        leader = champion(store, name)
        last = int(leader.version) if leader else 0
        usable = [n for n, v in versions.items() if int(n) < last and _RETIRED not in v.tags]
        if not usable:
            raise InkbenchError(f"{name} has no version before its champion to go back to")
        number = usable[-1]
    if number not in versions:
        numbers = ", ".join(versions)
        raise InkbenchError(f"{name} has no version {public(number)}; there are: {numbers}")
    for later in (n for n in versions if int(n) > int(number)):
        store.client.set_model_version_tag(name, later, _RETIRED, f"rolled back to {number}")
    if _RETIRED in versions[number].tags:
        store.client.delete_model_version_tag(name, number, _RETIRED)
    store.client.set_registered_model_alias(name, CHAMPION, number)
    return f"{name}: champion is version {number} ({versions[number].tags.get('variant')})"
