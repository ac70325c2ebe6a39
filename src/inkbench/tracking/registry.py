"""The registry: the best model of every task is a version with the alias ``champion``."""

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inkbench import layout
from inkbench.data_source import REAL
from inkbench.errors import InkbenchError
from inkbench.tracking import backfill, cache
from inkbench.tracking.pipeline import Execution, Files
from inkbench.tracking.store import Store, public

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
RETIRED = "retired"
PREFIX = "inkbench-"


@dataclass(frozen=True)
class Candidate:
    """A trained and evaluated variant that may become champion."""

    variant: str
    md5: str
    value: float
    data_source: str


def crown(
    store: Store,
    lock: Mapping[str, Execution],
    fresh: Sequence[Execution],
    files: Files,
    say: Callable[[str], None],
) -> None:
    """Register the best model of every line of ``registry:`` if it beats the champion.

    A figure on real data counts more than any on synthetic data, and one on another split of the
    pages or on other pixels is not compared at all (`competes`). A version that was rolled back
    never returns by itself.

    Parameters
    ----------
    store
        Open store.
    lock, fresh
        Executions of ``dvc.lock``, and those of them that hold.
    files
        Files of the same revision.
    say
        Takes a line for every new champion.
    """
    for name, rule in (files.yaml("params.yaml").get("registry") or {}).items():
        versions = _versions(store, PREFIX + name)
        retired = {v.tags.get("model.md5") for v in versions if RETIRED in v.tags}
        candidates = [
            candidate
            for execution in fresh
            if execution.kind == "evaluate"
            and (candidate := _candidate(execution, lock, files, rule))
            and candidate.md5 not in retired
        ]
        if candidates:
            best = max(candidates, key=lambda c: _rank(c.data_source, c.value, rule))
            _promote(store, PREFIX + name, best, rule, say)


def _candidate(
    execution: Execution, lock: Mapping[str, Execution], files: Files, rule: Mapping[str, str]
) -> Candidate | None:
    variant = execution.subject
    block = files.yaml("params.yaml")["train"].get(variant, {})
    facts = backfill.test_facts(files, execution)
    trained = lock.get(f"train@{variant}")
    if not competes(block, rule) or trained is None or rule["metric"] not in facts:
        return None
    md5 = cache.file_md5(trained, str(layout.model(variant)))
    value, source = float(facts[rule["metric"]]), str(facts.get("data_source"))
    return Candidate(variant, md5, value, source) if md5 else None


def competes(block: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    """Whether a variant's figures are of what a rule ranks: the same data, task and pixels."""
    usual = {"dataset": None, "task": None, "split": "page-disjoint", "binarise": False}
    alike = all(block.get(key, value) == rule.get(key, value) for key, value in usual.items())
    noisy = block.get("task") == "reconstruction" and any((block.get("noise") or {}).values())
    return alike and not noisy


def _rank(data_source: str, value: float, rule: Mapping[str, str]) -> tuple[bool, float]:
    return data_source == REAL, value if rule["best"] == "max" else -value


def _promote(
    store: Store, name: str, best: Candidate, rule: Mapping[str, str], say: Callable[[str], None]
) -> None:
    model = store.model(best.md5)
    leader = champion(store, name)
    versions = _versions(store, name)
    known = [version for version in versions if version.tags.get("model.md5") == best.md5]
    if model is None:
        return
    before = "the first"
    if leader:
        tags = leader.tags
        value = _value(store, leader, rule["metric"])
        rank = None if value is None else _rank(tags.get("data_source", ""), value, rule)
        if rank is not None and _rank(best.data_source, best.value, rule) <= rank:
            return
        before = f"version {leader.version} ({tags.get('variant')}) had {value}"
    version = known[0] if known else _register(name, model)
    reason = {
        "variant": best.variant,
        "model.md5": best.md5,
        "data_source": best.data_source,
        "metric": rule["metric"],
        "value": repr(best.value),
        "why": f"{rule['best']} {rule['metric']} = {best.value} on {best.data_source} data; "
        + before,
    }
    for key, text in reason.items():
        store.client.set_model_version_tag(name, str(version.version), key, text)
    store.client.set_registered_model_alias(name, CHAMPION, str(version.version))
    say(f"champion   {name} version {version.version}: {best.variant}, {reason['why']}")


def _register(name: str, model: Any) -> "ModelVersion":
    import mlflow

    with contextlib.redirect_stderr(io.StringIO()):  # it tells the world
        return mlflow.register_model(f"models:/{model.model_id}", name, await_registration_for=30)


def _versions(store: Store, name: str) -> "list[ModelVersion]":
    return sorted(
        store.client.search_model_versions(f"name = '{name}'"), key=lambda v: int(v.version)
    )


def champion(store: Store, name: str) -> "ModelVersion | None":
    """The version of a registered model that has the alias; None if there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return store.client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def _value(store: Store, champion: "ModelVersion", metric: str) -> float | None:
    """A champion's figure, also when another metric is asked for than the one that made it."""
    if champion.tags.get("metric") == metric:
        return float(champion.tags["value"])
    model = store.model(champion.tags.get("model.md5", ""))
    figures = {point.key: point.value for point in (model.metrics or [])} if model else {}
    return figures.get(metric)


def roll_back(store: Store, name: str, version: str | None = None) -> str:
    """Give the alias back to an earlier version, for good.

    Parameters
    ----------
    store
        Open store.
    name
        Registered model, with or without ``inkbench-``.
    version
        Version that becomes champion; by default the newest one below the present champion.

    Returns
    -------
    str
        What was done.

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
    leader = champion(store, name)
    if version is None:
        below = [v for v in versions if leader and int(v) < int(leader.version)]
        usable = [v for v in below if RETIRED not in versions[v].tags]
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
