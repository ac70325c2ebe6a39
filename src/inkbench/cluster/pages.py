"""Work through a list in many processes: Ray actors, each of which loads what it needs once.

Ray replaces an actor that dies, and retries the item that it was working on. Each actor holds one
item at a time, so no more items are worked on twice than were in flight.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from inkbench.cluster.connection import connected
from inkbench.errors import InkbenchError

RETRIES = 3  # of an item whose process died

Work = Callable[[Any], Any]


class Killed(InkbenchError):
    """The process that worked on an item died, and so did those that tried again."""


class _Worker:
    """One process."""

    _work: Work | None = None

    def start(self, prepare: Callable[[], Work]) -> None:
        self._work = self._work or prepare()

    def work(self, prepare: Callable[[], Work], item: Any) -> Any:
        self.start(prepare)  # again in the replacement of a process that died
        assert self._work
        return self._work(item)


def run(
    prepare: Callable[[], Work], items: Sequence[Any], jobs: int | None, address: str | None = None
) -> Iterator[tuple[int, Any]]:
    """Apply a function to all items, in as many processes as there are jobs.

    Parameters
    ----------
    prepare
        Called once in each process, returns the function. Both must be picklable.
    jobs
        Number of processes; None for one per CPU of the cluster.
    address
        ``HOST:PORT`` of a Ray cluster, or ``auto``. None runs Ray on this machine, for this call.

    Yields
    ------
    index, result
        In the order of completion. The result is `Killed` if the process died in all tries.

    Raises
    ------
    InkbenchError
        If Ray cannot be reached or started (`NotStarted`), or ``prepare`` fails.
    """
    with connected(jobs, address) as ray:
        jobs = jobs or int(ray.cluster_resources().get("CPU", 1))
        options = {"num_cpus": 1, "max_restarts": -1, "max_task_retries": RETRIES}
        worker = ray.remote(**options, scheduling_strategy="SPREAD")(_Worker)
        shared, todo, left = ray.put(prepare), iter(enumerate(items)), len(items)
        running: dict[Any, tuple[Any, int | None]] = {}
        # An actor without a free CPU never starts, and gets no item.
        for actor in [worker.remote() for _ in range(min(jobs, left))]:
            running[actor.start.remote(shared)] = actor, None
        while left:
            (ready,), _ = ray.wait(list(running), num_returns=1)
            actor, index = running.pop(ready)
            result = _result(ready)
            if index is None and isinstance(result, Killed):
                raise result
            if (following := next(todo, None)) is not None:
                running[actor.work.remote(shared, following[1])] = actor, following[0]
            if index is not None:
                left -= 1
                yield index, result


def _result(reference: Any) -> Any:
    """What an actor returned, or `Killed`."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, InkbenchError):
            raise cause from None
        raise InkbenchError(f"{type(cause).__name__} in a process of Ray: {cause}") from None
    except RayError:
        return Killed(f"it was killed {RETRIES + 1} times; if memory is short, lower --jobs")
