"""The head: starts or joins Ray, gives chains to workers, and collects their results."""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from inkbench import layout, state
from inkbench.cluster import worker
from inkbench.cluster.connection import connected
from inkbench.errors import InkbenchError
from inkbench.pipeline import machine, results
from inkbench.pipeline.plan import plan
from inkbench.pipeline.results import Entry
from inkbench.pipeline.tasks import Node, Progress, Task, Tree
from inkbench.tracking import journal, runs

_MEMORY = 2.2e9  # bytes for a chain: one training takes 3.1e9, beside others of at most 1.3e9
_ANSWER = 60  # seconds that Ray may take for what is at hand; without its raylet it never answers


@dataclass
class Options:
    """See `inkbench repro --help`."""

    jobs: int = 0
    address: str = ""
    retries: int = 3
    allow_mixed: bool = False


class Head:
    """Runs chains of trees in parallel, as a context manager.

    With an address, data travel by DVC's default remote. Without one, Ray is started here and
    workers share the repository's cache.
    """

    def __init__(self, options: Options, progress: Progress) -> None:
        self.tasks = progress.tasks = list[Task]()
        self._options, self._progress = options, progress
        self._nodes: dict[str, Node] = {}
        self._running: dict[Any, Task] = {}
        self._remote: dict[str, Any] = {}
        self._environment = {"INKBENCH_TRACKING": "on" if runs.is_possible() else "off"}
        self._shared: set[str] = set()  # digests of entries whose outputs are here and there
        self._state = state.of_folder(Path.cwd())

    def __enter__(self) -> "Head":
        with contextlib.ExitStack() as opened:  # is closed if something fails here
            self._start(opened)
            self._open = opened.pop_all()
        return self

    def _start(self, opened: contextlib.ExitStack) -> None:
        self._repo = opened.enter_context(results.open_repo())
        address, here = self._options.address, str(Path.cwd())
        if address:
            self._remote = results.default_remote(self._repo)
            self._places = {"checkpoints": results.digest({"root": here})[:8]}  # of this clone
            # Keys travel with a job: Ray would write those in a `runtime_env` into its logs.
            self._environment |= {k: v for k, v in os.environ.items() if k.startswith("AWS_")}
            self._environment["INKBENCH_REMOTE"] = json.dumps(self._remote)
        else:
            self._places = {"node": f"{here}/.dvc/tmp/cluster"}
            self._places |= {"checkpoints": f"{here}/{layout.CHECKPOINTS}"}
            self._places |= {"cache": str(self._repo.cache.local_cache_dir)}
        ray = opened.enter_context(connected(self._options.jobs or None, address))
        for module in (machine, worker):  # nodes need not have this package
            ray.cloudpickle.register_pickle_by_value(module)
        self._archive = ray.put(state.snapshot(Path.cwd()))

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, tree: Tree) -> list[Task]:
        """Plan a tree and queue its chains, also while others run."""
        if not tree.params:
            tree.plan = plan(Path.cwd(), tree.targets)
        else:
            with tempfile.TemporaryDirectory() as name:
                worker.unpack(state.snapshot(Path.cwd()), Path(name))
                (Path(name) / layout.PARAMS).write_text(tree.params, encoding="utf-8")
                tree.plan = plan(Path(name), tree.targets, self._repo.cache.local_cache_dir)
        tasks = [Task(tree, chain) for chain in tree.plan.chains]
        self.tasks += tasks
        return tasks

    def results(self) -> Iterator[Task]:
        """Run what is queued; yields tasks as they end, done or failed."""
        import ray

        ended: list[Task] = []
        while True:
            self._find_nodes()
            for task in [task for task in self.tasks if task.status == "waits"]:
                if self._has_lost_input(task):
                    ended.append(self._set(task, "failed", error="a chain that it needs failed"))
                elif task.chain.inputs <= task.tree.plan.known.keys():
                    free = {node_id: self._free(node_id) for node_id in self._nodes}
                    # What a lost chain has done is on its node.
                    own = [n for n in free if free[n] > 0 and self._nodes[n] is task.node]
                    node_id = own[0] if own else max(free, key=lambda n: free[n])
                    if free[node_id] > 0:
                        self._submit(task, node_id)
            count = len(self.tasks)
            yield from ended  # only now, so that no node is idle while the caller looks at them
            ended = []
            if self._running:
                refs = ray.wait(list(self._running), timeout=1)[0]
                tasks = [(self._running.pop(ref), ref) for ref in refs]
                ended = [task for task, ref in tasks if self._take_in(task, ref)]
            elif len(self.tasks) == count:
                return

    def _has_lost_input(self, task: Task) -> bool:
        lost = (t for t in self.tasks if t.status == "failed" and t.tree is task.tree)
        missing = task.chain.inputs - task.tree.plan.known.keys()
        return any(missing & set(other.chain.stages) for other in lost)

    def _free(self, node_id: str) -> int:
        """Chains that a node could begin now."""
        jobs, node = self._options.jobs, self._nodes[node_id]
        busy = sum(task.node is node for task in self._running.values())
        return node.slots - busy if not jobs or len(self._running) < jobs else 0

    def _set(self, task: Task, status: str, **fields: Any) -> Task:
        vars(task).update(fields, status=status)
        self._progress.changed(task)
        return task

    def _submit(self, task: Task, node_id: str) -> None:
        """Start a task on a node."""
        tree, chain, node = task.tree, task.chain, self._nodes[node_id]
        inputs = [tree.plan.known[name] for name in sorted(chain.inputs)]
        if self._remote:
            self._transfer("push", inputs)
        # Checkpoints of a variant with other parameters must not meet those of this one.
        version = results.digest({"params": tree.params})[:8] if tree.params else ""
        environment = dict(self._environment)
        if environment["INKBENCH_TRACKING"] == "on":
            tags = {"worker.differs": node.label} if node.label else {}
            of_head = runs.whereabouts(tree.state or self._state) | {"tags": tags}
            environment["INKBENCH_HEAD"] = json.dumps(of_head)
        job = self._places | {
            "chain": chain.name,
            "stages": chain.stages,
            "inputs": inputs,
            "files": {str(layout.PARAMS): tree.params} if tree.params else {},
            "checkpoints": f"{self._places['checkpoints']}/{version}",
            "environment": environment,
        }
        ref = _on(node_id, worker.run_chain, num_cpus=1).remote(self._archive, job)
        self._running[ref] = self._set(task, "runs", node=node, started=time.monotonic())

    def _transfer(self, direction: str, entries: list[Entry]) -> None:
        """Push or pull outputs, unless the remote has them from here or brought them here."""
        new = {results.digest(entry): entry for entry in entries}
        results.transfer(direction, self._repo, [new[key] for key in new.keys() - self._shared])
        self._shared |= new.keys()

    def _take_in(self, task: Task, ref: Any) -> bool:
        """Take in what a task has returned; False if it is to run again."""
        import ray

        try:
            result = ray.get(ref, timeout=_ANSWER)
        except ray.exceptions.RayTaskError as error:  # our own code failed there
            result = {"error": f"{type(error.cause).__name__} on {task.node.name}: {error.cause}"}
        except ray.exceptions.RayError as error:  # its worker or node has died
            task.attempts += 1
            if task.attempts <= self._options.retries:
                self._progress.say(f"{task.title}: lost its worker on {task.node.name}")
                task.status = "waits"
                return False
            reason = " ".join(str(error).split())[:200]
            result = {"error": f"lost its worker {task.attempts} times: {reason}"}
        for name, entry in result.get("entries", {}).items():
            if self._remote:
                self._transfer("pull", [entry])
                results.record(self._repo, entry)
            task.tree.plan.known[name] = entry
        for name, text in result.get("journals", {}).items():
            journal.hold(name, text)
        task.error, task.log = result["error"], result.get("log", "")
        task.seconds = time.monotonic() - task.started
        self._set(task, "failed" if task.error else "done")
        return True

    def _find_nodes(self) -> None:
        """Look for living nodes, and compare new ones with the head."""
        import ray

        alive = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        self._nodes = {node_id: node for node_id, node in self._nodes.items() if node_id in alive}
        for node_id in alive.keys() - self._nodes.keys():
            resources = alive[node_id]["Resources"]
            memory, cores = resources.get("memory", 0), int(resources.get("CPU", 0))
            node = Node(alive[node_id]["NodeManagerHostname"], cores)
            if not self._remote:
                memory = min(memory, psutil.virtual_memory().available)
            if self._remote or not self._options.jobs:
                node.slots = min(cores, max(1, int(memory / _MEMORY)))
            try:
                if self._remote and cores:
                    self._compare(node, node_id)
            except ray.exceptions.GetTimeoutError:
                node.slots = 0
                self._progress.say(f"{node.name} does not answer; it gets no chains")
            except ray.exceptions.RayError:  # it has died already
                continue
            self._nodes[node_id] = node
        if not any(node.slots for node in self._nodes.values()):
            raise InkbenchError("no worker is left; docs/cluster.md says what must be the same")

    def _compare(self, node: Node, node_id: str) -> None:
        """Refuse or label a node on which results could differ."""
        import ray

        lock = Path("requirements.lock")
        text = lock.read_text(encoding="utf-8") if lock.is_file() else ""
        there = ray.get(_on(node_id, machine.facts).remote(text), timeout=_ANSWER)
        node.label = machine.differences(machine.facts(text), there)
        if node.label:
            node.slots = node.slots if self._options.allow_mixed else 0
            verdict = "its results are labelled" if node.slots else "--allow-mixed would accept it"
            self._progress.say(f"{node.name} differs: {node.label}; {verdict}")


def _on(node_id: str, function: Any, num_cpus: int = 0) -> Any:
    """A remote function that runs on one node, once."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    where: Any = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return ray.remote(num_cpus=num_cpus, max_retries=0, scheduling_strategy=where)(function)
