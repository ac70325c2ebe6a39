"""The head: starts or joins Ray, gives chains to workers, and collects their results."""

import contextlib
import io
import json
import os
import socket
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inkbench import layout
from inkbench.cluster import results, worker
from inkbench.cluster.plan import Chain, Plan, plan
from inkbench.cluster.progress import Progress
from inkbench.errors import InkbenchError
from inkbench.tracking import state, store
from inkbench.tracking.journal import outbox
from inkbench.tracking.state import State, files_in_git

_MEMORY = 1.5e9  # bytes that a chain needs: the largest training takes 1.2e9
_HELD = "held.jsonl"  # a journal that waits for dvc.lock


@dataclass
class Options:
    """See `inkbench repro --help`."""

    jobs: int = 0
    address: str = ""
    retries: int = 3
    allow_mixed: bool = False


@dataclass
class Tree:
    """The working tree, or with ``params`` (its text) a version with another params.yaml.

    ``name`` tells versions apart in messages, and MLflow shows their runs below ``state``.
    """

    name: str = ""
    params: str = ""
    targets: tuple[str, ...] = ()
    state: State | None = None
    plan: Plan = field(default_factory=Plan)


@dataclass(eq=False)
class Node:
    """A machine; one without slots is refused."""

    name: str
    slots: int
    label: str = ""  # in what it differs from the head


@dataclass(eq=False)
class Task:
    """A chain of a tree, and what has become of it."""

    tree: Tree
    chain: Chain
    status: str = "waits"  # then: runs, done, failed
    node: "Node | None" = None
    started: float = 0
    seconds: float = 0
    attempts: int = 0
    error: str = ""
    log: str = ""

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"{self.tree.name} {self.chain.name}".strip()

    @property
    def where(self) -> str:
        """Name of its node."""
        return self.node.name if self.node else ""


class Head:
    """Runs chains of trees side by side, as a context manager.

    With an address, data travel by DVC's default remote. Without one, Ray is started here and
    workers share the repository's cache.
    """

    def __init__(self, options: Options, progress: Progress) -> None:
        self.tasks: list[Task] = []
        self._options, self._progress = options, progress
        progress.tasks = self.tasks
        self._open = contextlib.ExitStack()
        self._nodes: dict[str, Node] = {}
        self._running: dict[Any, Task] = {}
        self._remote: dict[str, Any] = {}

    def __enter__(self) -> "Head":
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        import ray
        from ray import cloudpickle

        self._repo = self._open.enter_context(results.open_repo())
        self._state = state.of_folder(Path.cwd())
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL"}
        if self._options.address:
            self._remote = results.remote_settings(self._repo)
            secrets = {key: v for key, v in os.environ.items() if key.startswith("AWS_")}
            secrets["INKBENCH_REMOTE"] = json.dumps(self._remote)
            settings |= {"address": self._options.address, "runtime_env": {"env_vars": secrets}}
        else:
            settings |= {"address": "local", "num_cpus": self._options.jobs or None}
            settings |= {"include_dashboard": False, "object_store_memory": 10**8}
        self._open.callback(ray.shutdown)
        with _quiet():
            ray.init(**settings)
        cloudpickle.register_pickle_by_value(worker)
        self._run_chain = ray.remote(num_cpus=1, max_retries=0)(worker.run_chain)
        self._archive = ray.put(_archive())
        self._find_nodes()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, tree: Tree) -> list[Task]:
        """Plan a tree and queue its chains; also while others run."""
        cache = str(self._repo.cache.local_cache_dir)
        if not tree.params:
            tree.plan = plan(Path.cwd(), tree.targets)
        else:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                with tarfile.open(fileobj=io.BytesIO(_archive())) as tar:
                    tar.extractall(folder, filter="tar")
                (folder / layout.PARAMS).write_text(tree.params, encoding="utf-8")
                tree.plan = plan(folder, tree.targets, cache)
        tasks = [Task(tree, chain) for chain in tree.plan.chains]
        self.tasks += tasks
        return tasks

    def results(self) -> Iterator[Task]:
        """Run what is queued; yields tasks as they end, done or failed."""
        import ray

        while True:
            yield from self._start()
            if not self._running:
                return
            ready, _ = ray.wait(list(self._running), timeout=1)
            ended = [task for ref in ready for task in [self._end(ref)] if task]
            yield from [*ended, *self._start()]  # no worker waits for the caller

    def _start(self) -> list[Task]:
        """Give waiting chains to free nodes; returns those that cannot run any more."""
        ended = []
        waiting = [task for task in self.tasks if task.status == "waits"]
        for task in waiting:
            needed = [t for t in self.tasks if t.tree is task.tree and t.chain in task.chain.needs]
            if lost := [other for other in needed if other.status == "failed"]:
                task.status, task.error = "failed", f"it needs {lost[0].title}, which failed"
                self._progress.changed(task)
                ended.append(task)
            elif all(other.status == "done" for other in needed):
                node_id, node = max(self._nodes.items(), key=lambda item: self._free(item[1]))
                if self._free(node) > 0:
                    self._submit(task, node_id, node)
        return ended

    def _free(self, node: Node) -> int:
        """Free slots of a node."""
        jobs = self._options.jobs or len(self._running) + 1
        busy = sum(task.node is node for task in self._running.values())
        return min(node.slots - busy, jobs - len(self._running))

    def _submit(self, task: Task, node_id: str, node: Node) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        tree, chain = task.tree, task.chain
        inputs = [tree.plan.known[name] for name in sorted(chain.upstream)]
        if self._remote:
            results.transfer("push", self._repo, inputs)
        here = str(Path.cwd())
        version = results.digest({"params": tree.params})[:8] if tree.params else ""
        own = {
            "state": vars(tree.state or self._state),
            "store": store.digest(),
            "project_run": os.environ.get("MLFLOW_RUN_ID"),
            "user": os.environ.get("USER"),
            "host": socket.gethostname(),
            "cwd": here,
            "tags": {"worker.differs": node.label},
        }
        job = {
            "chain": chain.name,
            "stages": chain.stages,
            "inputs": inputs,
            "files": {str(layout.PARAMS): tree.params} if tree.params else {},
            "node": "" if self._remote else f"{here}/.dvc/tmp/cluster",
            "cache": "" if self._remote else str(self._repo.cache.local_cache_dir),
            "checkpoints": "" if self._remote else f"{here}/{layout.CHECKPOINTS / version}",
            "project": results.digest({"on": socket.gethostname(), "in": here})[:8] + version,
            "environment": {
                "INKBENCH_HEAD": json.dumps(own),
                "INKBENCH_TRACKING": os.environ.get("INKBENCH_TRACKING", "on"),
            },
        }
        strategy = NodeAffinitySchedulingStrategy(node_id, soft=False)
        started = self._run_chain.options(scheduling_strategy=strategy).remote(self._archive, job)
        task.status, task.node, task.started = "runs", node, time.monotonic()
        self._running[started] = task
        self._progress.changed(task)

    def _end(self, ref: Any) -> Task | None:
        """Take in what a task has returned; None if it will be tried again."""
        import ray

        task = self._running.pop(ref)
        task.seconds = time.monotonic() - task.started
        try:
            result = ray.get(ref)
        except ray.exceptions.RayError as error:  # the worker or its node has died
            task.attempts += 1
            reason = " ".join(str(error).split())[:200]
            if task.attempts <= self._options.retries:
                self._progress.say(f"{task.title}: lost its worker on {task.where}; it runs again")
                task.status = "waits"
                self._find_nodes()
                return None
            result = {"error": f"lost its worker {task.attempts} times: {reason}"}
        for name, entry in result.get("entries", {}).items():
            if self._remote:
                results.transfer("pull", self._repo, [entry])
                results.save(self._repo, entry, result["objects"])
            task.tree.plan.known[name] = entry
        for name, text in result.get("journals", {}).items():
            (outbox() / name).mkdir(exist_ok=True)
            (outbox() / name / _HELD).write_text(text, encoding="utf-8")
        task.error, task.log = result["error"], result.get("log", "")
        task.status = "failed" if task.error else "done"
        self._progress.changed(task)
        return task

    def _find_nodes(self) -> None:
        """Look for living nodes, and compare new ones with the head."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        alive = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        lock = Path("requirements.lock")
        text = lock.read_text(encoding="utf-8") if self._remote and lock.is_file() else ""
        here = worker.facts(text)
        self._nodes = {node_id: node for node_id, node in self._nodes.items() if node_id in alive}
        for node_id, node in alive.items():
            name, resources = node["NodeManagerHostname"], node["Resources"]
            if node_id in self._nodes:
                continue
            label, slots = "", int(resources.get("CPU", 0))
            if self._remote or not self._options.jobs:
                slots = min(slots, max(1, int(resources.get("memory", 0) / _MEMORY)))
            if self._remote and slots:
                strategy = NodeAffinitySchedulingStrategy(node_id, soft=False)
                probe = ray.remote(num_cpus=0)(worker.facts).options(scheduling_strategy=strategy)
                there = ray.get(probe.remote(text))
                differing = [key for key in sorted(here | there) if here.get(key) != there.get(key)]
                differences = [f"{k} {there.get(k)}, not {here.get(k)}" for k in differing]
                label = "; ".join(differences[:3])
                if label:
                    verb = "accepted" if self._options.allow_mixed else "refused"
                    self._progress.say(f"{name} is {verb}, because it differs: {label}")
                    slots = slots if self._options.allow_mixed else 0
            self._nodes[node_id] = Node(name, slots, label)
        if not any(node.slots for node in self._nodes.values()):
            raise InkbenchError("no worker can be used; docs/cluster.md says what must be the same")


def release_journals() -> None:
    """Let the uploader see the journals that have come from workers."""
    for held in outbox().glob(f"*/{_HELD}"):
        held.rename(held.with_name("events.jsonl"))


def _archive() -> bytes:
    """A tar of all files that git tracks or would track."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in files_in_git(Path.cwd()):
            if os.path.lexists(name):
                tar.add(name, recursive=False)
    return buffer.getvalue()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Discard what Ray's C++ code writes to file descriptor 2."""
    saved = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
