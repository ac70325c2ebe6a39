"""What is to be run: the stages that neither dvc.lock nor DVC's run-cache knows, in chains."""

import contextlib
import csv
import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inkbench import layout
from inkbench.errors import InkbenchError
from inkbench.pipeline import results
from inkbench.pipeline.results import Entry


@dataclass(eq=False)
class Chain:
    """Stages that share a foreach key; they run one after another on one worker."""

    name: str
    stages: list[str] = field(default_factory=list)
    inputs: set[str] = field(default_factory=set)  # the other stages that they depend on


@dataclass
class Plan:
    """The stages of a run, by address.

    Attributes
    ----------
    known
        Entries of the stages that need not run.
    first
        Stages that the run-cache cannot hold (downloads); they run on the head before the chains.
    chains
        Chains to run, the longest first.
    last
        Stages that run on the head after the chains.
    """

    known: dict[str, Entry] = field(default_factory=dict)
    first: list[str] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    last: list[str] = field(default_factory=list)


def plan(folder: Path, targets: Sequence[str] = (), cache: str = "") -> Plan:
    """Plan a run of the targets of ``dvc repro`` (default: all) in a tree, with another cache."""
    from dvc.exceptions import DvcException
    from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

    with contextlib.chdir(folder):  # DVC reads ./dvc.yaml
        try:
            with results.open_repo(cache) as repo:
                graph = get_active_graph(repo.index.graph)
                stages = plan_repro(graph, collect_stages(repo, targets or ["dvc.yaml"]))
                return _plan(repo, {stage: list(graph.successors(stage)) for stage in stages})
        except (DvcException, OSError) as error:  # OSError: a clone that is read-only
            raise InkbenchError(f"DVC: {' '.join(str(error).split())}") from None


def _plan(repo: Any, graph: dict[Any, list[Any]]) -> Plan:
    locked = results.locked()
    writers = {out.def_path: stage.addressing for stage in graph for out in stage.outs}
    plan, hashes = Plan(), dict[str, Any]()
    for stage, upstream in graph.items():
        name, names = stage.addressing, {other.addressing for other in upstream}
        key, ready = name.partition("@")[2], plan.known.keys() | set(plan.first)
        entry, is_cacheable = None, bool(stage.cmd and stage.deps and stage.outs)
        if is_cacheable and names <= plan.known.keys():
            outs = {out["path"]: out for other in names for out in plan.known[other]["outs"]}
            entry = _find(repo, stage, outs, locked.get(name), hashes)
        read = {writers[dep.def_path] for dep in stage.deps if dep.def_path in writers}
        if entry:
            plan.known[name] = entry
        elif not is_cacheable or stage.always_changed or any(out.persist for out in stage.outs):
            (plan.first if names <= ready else plan.last).append(name)
        elif not key or names & set(plan.last) or read != names:  # it reads a part of an output
            plan.last.append(name)
        else:
            new, fits = names - ready, (chain for chain in plan.chains if chain.name == key)
            # No further input, so that chains do not wait for each other.
            chain = next((c for c in fits if new <= c.inputs | set(c.stages)), None)
            if chain is None:
                plan.chains.append(chain := Chain(key))
            chain.stages.append(name)
            chain.inputs |= names - set(chain.stages)
    costs = _costs()
    plan.chains.sort(key=lambda chain: -costs.get(chain.name, math.inf))
    return plan


def _find(
    repo: Any, stage: Any, made: dict[str, Entry], locked: Entry | None, hashes: dict[str, Any]
) -> Entry | None:
    """The entry of a stage with its present inputs, if its outputs are there.

    ``made`` are outputs of other stages, ``hashes`` those of files so far.
    """
    from dvc.dependency import ParamsDependency
    from dvc.exceptions import DvcException
    from dvc.stage.loader import StageLoader
    from dvc.stage.serialize import to_single_stage_lockfile

    for dep in stage.deps:
        is_file = not isinstance(dep, ParamsDependency)  # which has the same path, and values
        if is_file and dep.def_path in hashes:
            dep.hash_info, dep.meta = hashes[dep.def_path]
        elif dep.def_path not in made:
            try:
                dep.save()
            except (DvcException, OSError):  # it is missing: DVC will say so
                return None
            if is_file:
                hashes[dep.def_path] = dep.hash_info, dep.meta
    inputs = to_single_stage_lockfile(stage)
    inputs["deps"] = [made.get(dep["path"], dep) for dep in inputs["deps"]]
    key = results.run_key(inputs)
    entries = [locked] if locked and results.run_key(locked) == key else []
    for entry in [*entries, *results.recorded(repo, key)]:
        StageLoader.fill_from_lock(stage, entry)
        if results.as_stage(repo, entry).outs_cached() or stage.outs_cached():
            return entry
    return None


def _costs() -> dict[str, float]:
    """Seconds that the training of each variant takes."""
    with contextlib.suppress(OSError), layout.COSTS.open(encoding="utf-8", newline="") as file:
        return {row["variant"]: float(row["seconds"]) for row in csv.DictReader(file)}
    return {}


def predict(plan: Plan, jobs: int = 0) -> str:
    """Say what runs, and how long training takes on some numbers of workers."""
    trained = {c.name for c in plan.chains if any(s.startswith("train@") for s in c.stages)}
    costs = {name: seconds for name, seconds in _costs().items() if name in trained}
    known = sorted((costs.get(chain.name, 0) for chain in plan.chains), reverse=True)
    lines = [f"first      {name}" for name in plan.first]
    for chain in plan.chains:
        cost = f"  ({costs[chain.name]:.0f} s)" if chain.name in costs else ""
        lines.append(f"chain      {' '.join(chain.stages)}{cost}")
    lines += [f"last       {name}" for name in plan.last]
    for workers in [1, jobs] if jobs else [1, 2, 4, 8]:
        loads = [0.0] * workers
        for seconds in known:
            heapq.heapreplace(loads, loads[0] + seconds)
        lines.append(f"{workers} at a time: {max(loads):.0f} s of training")
    lines.append(f"any number: at least {max(known, default=0):.0f} s, the longest chain")
    return "\n".join([*lines, f"Times are from {layout.COSTS}; all else counts as 0 s."])
