"""Chains as tasks, and what the user sees of them: a live table on a terminal, otherwise lines."""

import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from inkbench.pipeline.plan import Chain, Plan
from inkbench.state import State


@dataclass
class Tree:
    """The working tree or, if ``params`` is the text of another params.yaml, a version of it.

    ``name`` tells versions apart in messages; MLflow shows the runs of this one below ``state``.
    """

    name: str = ""
    params: str = ""
    targets: tuple[str, ...] = ()
    state: State | None = None
    plan: Plan = field(default_factory=Plan)


@dataclass(eq=False)
class Node:
    """A machine. It has no slots if it is refused, and a label if it differs from the head."""

    name: str
    slots: int
    label: str = ""


@dataclass(eq=False)
class Task:
    """A chain of a tree, and what has become of it."""

    tree: Tree
    chain: Chain
    status: str = "waits"  # then: runs, done, failed
    node: Node = field(default_factory=lambda: Node("", 0))
    started: float = 0
    seconds: float = 0
    attempts: int = 0
    error: str = ""
    log: str = ""

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"{self.tree.name} {self.chain.name}".strip()


class Progress(contextlib.ExitStack):
    """Shows the tasks in ``tasks``, a list that may grow."""

    tasks: Sequence[Task] = ()

    def __enter__(self) -> "Progress":
        self._is_live = sys.stdout.isatty()
        if self._is_live:
            from rich.live import Live

            self.enter_context(Live(get_renderable=self._table, refresh_per_second=1))
        return self

    def say(self, text: str) -> None:
        """Print a line, above the table if there is one."""
        print(f"inkbench: {text}", flush=True)

    def changed(self, task: Task) -> None:
        """Show that a task has started or ended."""
        ended = sum(other.status in ("done", "failed") for other in self.tasks)
        count = f"{ended} of {len(self.tasks)}"
        if task.status == "failed":
            log = "".join(f"\n  {line}" for line in task.log.splitlines()[-20:])
            self.say(f"{task.title}: failed: {task.error} ({count}){log}")
        elif task.status == "done" and not self._is_live:
            self.say(f"{task.title}: done in {task.seconds:.0f} s ({count})")
        elif not self._is_live:
            self.say(f"{task.title}: {', '.join(task.chain.stages)} on {task.node.name}")

    def _table(self) -> Any:
        from rich.table import Table

        table = Table("chain", "stages", "status", "where", "seconds", box=None)
        for task in self.tasks:
            runs = time.monotonic() - task.started if task.status == "runs" else task.seconds
            kinds = " ".join(name.partition("@")[0] for name in task.chain.stages)
            seconds = f"{runs:.0f}" if task.started else ""
            table.add_row(task.title, kinds, task.status, task.node.name, seconds)
        return table
