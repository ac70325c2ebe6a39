"""Work through a list in many processes: Ray actors, each of which loads what it needs once.

Ray replaces an actor that dies, and gives it the item again that it had. Each actor holds one item
at a time, so no more items are worked on twice than were in flight.
"""

import contextlib
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from inkbench.errors import InkbenchError

RETRIES = 3  # of an item whose process died; also of the set-up of a process
_STORE = 80 * 2**20  # bytes of shared memory; Ray's minimum, as little passes through it
_TIMEOUT = 5  # seconds for a connection to a cluster

Work = Callable[[Any], Any]


class Killed(InkbenchError):
    """The process that worked on an item died, and so did those that tried again."""


class _Worker:
    """One process."""

    def __init__(self, prepare: Callable[[], Work]) -> None:
        self._prepare = prepare
        self._work: Work | None = None

    def start(self) -> None:
        if self._work is None:
            self._work = self._prepare()

    def work(self, item: Any) -> Any:
        self.start()  # again in the replacement of a process that died
        assert self._work
        return self._work(item)


def run(
    prepare: Callable[[], Work], items: Sequence[Any], jobs: int | None, address: str | None = None
) -> Iterator[tuple[int, Any]]:
    """Apply a function to all items, in the order in which processes are free.

    Parameters
    ----------
    prepare
        Called once in each process, returns the function. Both must be picklable.
    jobs
        Number of processes; None for one per CPU of the cluster.
    address
        ``HOST:PORT`` of a running Ray cluster, or ``auto``; None starts Ray on this machine, and
        stops it in the end.

    Yields
    ------
    index, result
        In the order of completion. The result is `Killed` if the process died in all tries.

    Raises
    ------
    InkbenchError
        If Ray cannot be reached or started, or ``prepare`` fails.
    """
    with _connected(jobs, address) as ray:
        jobs = jobs or int(ray.cluster_resources().get("CPU", 1))
        options = {"num_cpus": 1, "max_restarts": -1, "max_task_retries": RETRIES}
        worker = ray.remote(**options, scheduling_strategy="SPREAD")(_Worker)
        shared, todo = ray.put(prepare), iter(enumerate(items))
        actors = [worker.remote(shared) for _ in range(min(jobs, len(items)))]
        # An actor without a free CPU never starts, and gets no item.
        running: dict[Any, tuple[Any, int | None]] = {a.start.remote(): (a, None) for a in actors}
        left = len(items)
        while left:
            (ready,), _ = ray.wait(list(running), num_returns=1)
            actor, index = running.pop(ready)
            result = _result(ready)
            if index is None and isinstance(result, Killed):
                raise result
            if (following := next(todo, None)) is not None:
                running[actor.work.remote(following[1])] = actor, following[0]
            if index is not None:
                left -= 1
                yield index, result


def _result(reference: Any) -> Any:
    """What an actor returned, or an error if its process died too often."""
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
        return Killed(
            f"its process was killed {RETRIES + 1} times; if memory is short, use fewer --jobs"
        )


@contextlib.contextmanager
def _connected(jobs: int | None, address: str | None) -> Iterator[Any]:
    """Connect to a cluster, or run one of our own for this block."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # silences a warning
    import ray

    # Ray replaces the handler; ours runs the `finally` blocks, and its exit code says why.
    handler = signal.getsignal(signal.SIGTERM)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    with tempfile.TemporaryDirectory(prefix="inkbench-", ignore_cleanup_errors=True) as folder:
        try:
            if address:
                _reach(address)
                ray.init(address, **quiet)
            else:
                own: dict[str, Any] = {"_temp_dir": folder, "_node_ip_address": "127.0.0.1"}
                own |= {"num_cpus": jobs, "num_gpus": 0, "object_store_memory": _STORE}
                ray.init("local", include_dashboard=False, **own, **quiet)
        except (ConnectionError, OSError, RuntimeError, TimeoutError, ValueError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            where = f"no Ray cluster at {address}" if address else "Ray cannot start here"
            way_out = "start one with `ray start --head`" if address else "use --jobs 1"
            raise InkbenchError(f"{where} ({reason}); {way_out}") from None
        try:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, handler)
            yield ray
        finally:
            ray.shutdown()


def _reach(address: str) -> None:
    """Raise an error at once where Ray itself would try for a minute."""
    host, _, port = address.rpartition(":")
    if address != "auto":
        if not host or not port.isdigit():
            raise ValueError("expected HOST:PORT or auto")
        socket.create_connection((host, int(port)), _TIMEOUT).close()
