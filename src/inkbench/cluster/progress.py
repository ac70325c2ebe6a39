"""What the user sees of running tasks: a live table on a terminal, otherwise plain lines."""

import contextlib
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inkbench.cluster.head import Task


class Progress(contextlib.ExitStack):
    """Shows the tasks in ``tasks``, a list that may grow."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: Sequence[Task] = ()
        self._is_live = sys.stdout.isatty()

    def __enter__(self) -> "Progress":
        if self._is_live:
            from rich.live import Live

            self.enter_context(Live(get_renderable=self._table, refresh_per_second=1))
        return self

    def say(self, text: str) -> None:
        """Print a line, above the table if there is one."""
        print(f"inkbench: {text}", flush=True)

    def changed(self, task: "Task") -> None:
        """Show that a task has started or ended."""
        ended = [other for other in self.tasks if other.status in ("done", "failed")]
        count = f"{len(ended)} of {len(self.tasks)}"
        if task.status == "failed":
            self.say(f"{task.title}: failed: {task.error} ({count})")
            for line in task.log.splitlines()[-20:]:
                print(f"  {line}", flush=True)
        elif not self._is_live and task.status == "done":
            self.say(f"{task.title}: done in {task.seconds:.0f} s ({count})")
        elif not self._is_live:
            self.say(f"{task.title}: {', '.join(task.chain.stages)} on {task.where}")

    def _table(self) -> Any:
        from rich.table import Table

        table = Table("chain", "stages", "status", "where", "seconds", box=None)
        now = time.monotonic()
        for task in self.tasks:
            seconds = now - task.started if task.status == "runs" else task.seconds
            kinds = " ".join(name.partition("@")[0] for name in task.chain.stages)
            shown = f"{seconds:.0f}" if task.started else ""
            table.add_row(task.title, kinds, task.status, task.where, shown)
        return table
