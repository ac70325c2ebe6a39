"""What is to be run: the stages that neither dvc.lock nor DVC's run-cache knows, in chains."""

import contextlib
import csv
import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from inkbench import layout
from inkbench.cluster import results
from inkbench.cluster.results import Entry
from inkbench.errors import InkbenchError


@dataclass(eq=False)
class Chain:
    """Stages that share a foreach key; they run one after another on one worker."""

    name: str
    stages: list[str] = field(default_factory=list)
    upstream: set[str] = field(default_factory=set)  # stages of others that its own depend on
    needs: "set[Chain]" = field(default_factory=set)

    def reaches(self, other: "Chain") -> bool:
        """Whether it is the other one or needs it, directly or not."""
        return self is other or any(chain.reaches(other) for chain in self.needs)


@dataclass
class Plan:
    """The stages of a run. Those that have nothing to do are in ``known`` only.

    Attributes
    ----------
    known
        Address of a stage → its entry in dvc.lock, of all stages that need not be run.
    first
        Stages that the run-cache cannot hold (downloads), which run on the head before the chains.
    chains
        Chains to run, longest first.
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

    with contextlib.chdir(folder), results.open_repo(cache) as repo:  # DVC reads ./dvc.yaml
        try:
            graph = get_active_graph(repo.index.graph)
            stages = plan_repro(graph, collect_stages(repo, targets or ["dvc.yaml"]))
            return _Planner(repo).plan({s: list(graph.successors(s)) for s in stages})
        except DvcException as error:
            raise InkbenchError(f"DVC: {' '.join(str(error).split())}") from None


class _Planner:
    def __init__(self, repo: Any) -> None:
        self._repo = repo
        lock = Path("dvc.lock")
        tree = yaml.safe_load(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
        self._locked: dict[str, Entry] = (tree or {}).get("stages", {})
        self._hashes: dict[str, Any] = {}

    def plan(self, upstreams: dict[Any, list[Any]]) -> Plan:
        plan = Plan()
        chain_of: dict[str, Chain] = {}
        writers = {out.def_path: stage for stage in upstreams for out in stage.outs}
        for stage, upstream in upstreams.items():
            name, names = stage.addressing, {other.addressing for other in upstream}
            key = name.partition("@")[2]
            outs = [out for n in names & plan.known.keys() for out in plan.known[n]["outs"]]
            entry = self._find(stage, outs) if names <= plan.known.keys() else None
            exact = {writers[dep.def_path] for dep in stage.deps if dep.def_path in writers}
            if entry:
                plan.known[name] = entry
            elif not _can_cache(stage):
                is_ready = names <= plan.known.keys() | set(plan.first)
                (plan.first if is_ready else plan.last).append(name)
            elif not key or exact != set(upstream) or names & set(plan.last):
                plan.last.append(name)
            else:
                needs = {chain_of[n] for n in names if n in chain_of}
                chain = next((c for c in needs if c.name == key), None)
                if chain is None or any(n.reaches(chain) for n in needs - {chain}):
                    chain = Chain(key)
                    plan.chains.append(chain)
                chain.stages.append(name)
                chain.needs |= needs - {chain}
                chain.upstream |= names - set(chain.stages)
                chain_of[name] = chain
        costs = read_costs()
        plan.chains.sort(key=lambda chain: -costs.get(chain.name, math.inf))
        return plan

    def _find(self, stage: Any, outs: Iterable[Entry]) -> Entry | None:
        """The entry of a stage with these inputs, if its outputs are there."""
        from dvc.dependency import ParamsDependency
        from dvc.exceptions import DvcException
        from dvc.stage.loader import StageLoader
        from dvc.stage.serialize import to_single_stage_lockfile

        made = {out["path"]: out for out in outs}
        for dep in stage.deps:
            path = dep.def_path
            if path in made:
                continue
            try:
                if path not in self._hashes or isinstance(dep, ParamsDependency):
                    dep.save()
                    self._hashes[path] = dep.hash_info, dep.meta
                dep.hash_info, dep.meta = self._hashes[path]
            except (DvcException, OSError):  # it is missing: DVC will say so
                return None
        inputs = to_single_stage_lockfile(stage)
        inputs["deps"] = [made.get(dep["path"], dep) for dep in inputs.get("deps", [])]
        key = results.run_key(inputs)
        locked = self._locked.get(stage.addressing, {})
        entries = [locked] if locked and results.run_key(locked) == key else []
        for entry in [*entries, *results.recorded(self._repo, key)]:
            StageLoader.fill_from_lock(stage, entry)
            if results.as_stage(self._repo, entry).outs_cached() or stage.outs_cached():
                return entry
        return None


def _can_cache(stage: Any) -> bool:
    """Whether DVC's run-cache can hold a stage."""
    is_whole = stage.cmd and stage.deps and stage.outs and not stage.always_changed
    return bool(is_whole) and not any(out.persist for out in stage.outs)


def read_costs() -> dict[str, float]:
    """Seconds that the training of each variant takes."""
    with contextlib.suppress(OSError), layout.COSTS.open(encoding="utf-8", newline="") as file:
        return {row["variant"]: float(row["seconds"]) for row in csv.DictReader(file)}
    return {}


def predict(steps: Plan, jobs: int = 0) -> str:
    """Say how long the trainings of a plan take on some numbers of workers."""
    costs = read_costs()
    lengths = {chain.name: costs.get(chain.name, 0) for chain in steps.chains}
    stages = steps.first + [name for chain in steps.chains for name in chain.stages]
    lines = [f"{len(stages)} stages to run in {len(lengths)} chains: {' '.join(stages)}"]
    if steps.last:
        lines.append(f"then `dvc repro`, with {' '.join(steps.last)}")
    if total := sum(lengths.values()):
        longest = max(lengths, key=lambda name: lengths[name])
        lines.append(f"trainings alone, by {layout.COSTS}: {total:.0f} s one after another")
        for workers in [jobs] if jobs else [2, 4, 8]:
            loads = [0.0] * workers
            for seconds in sorted(lengths.values(), reverse=True):
                heapq.heapreplace(loads, loads[0] + seconds)
            lines.append(f"on {workers} workers {max(loads):.0f} s, {total / max(loads):.2f}×")
        bound = lengths[longest]
        lines.append(f"on any number at least {bound:.0f} s, {total / bound:.2f}×: {longest}")
    return "\n".join(lines)
