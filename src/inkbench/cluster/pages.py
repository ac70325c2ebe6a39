"""Work through a list in many processes: Ray actors, each of which loads what it needs once.

Ray replaces an actor that dies, and retries the item that it was working on. Each actor holds one
item at a time, so no more items are worked on twice than were in flight.
"""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from inkbench.errors import InkbenchError, quiet_stderr
from inkbench.pipeline import machine

RETRIES = 3  # of an item whose process died
_TIMEOUT = 5  # seconds for a connection to a cluster
_OWN: dict[str, Any] = {
    "_node_ip_address": "127.0.0.1",
    "include_dashboard": False,
    "num_gpus": 0,
    "object_store_memory": 80 * 2**20,  # bytes, Ray's minimum
}
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # no warning about GPUs
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # no messages about processes that died; we count them
}

Work = Callable[[Any], Any]


class Killed(InkbenchError):
    """The process that worked on an item died, and so did those that tried again."""


class NotStarted(InkbenchError):
    """Ray cannot start on this machine, for example without shared memory."""


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
    with _connected(jobs, address) as ray:
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
        return Killed(f"it was killed {RETRIES + 1} times; if memory is short, use fewer --jobs")


@contextlib.contextmanager
def _connected(jobs: int | None, address: str | None) -> Iterator[Any]:
    """Connect to a cluster, or run one of our own for this block."""
    os.environ.update({k: v for k, v in _ENVIRONMENT.items() if k not in os.environ})
    import ray

    handler = signal.getsignal(signal.SIGTERM)  # Ray replaces it
    with contextlib.ExitStack() as ending:
        try:
            if address:
                _reach(address)
                ray.init(address, **_QUIET)
            else:
                scratch = tempfile.TemporaryDirectory("-ray", ignore_cleanup_errors=True)
                folder = ending.enter_context(scratch)
                machine.check_loopback()
                ray.init("local", num_cpus=jobs, _temp_dir=folder, **_OWN, **_QUIET)
                ending.enter_context(_guard(folder))
        except Exception as error:  # Ray raises many kinds
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            if address:
                way_out = "start one with `ray start --head`"
                raise InkbenchError(f"no Ray cluster at {address} ({reason}); {way_out}") from None
            raise NotStarted(f"Ray cannot start on this machine ({reason})") from None
        finally:
            ending.callback(_end, ray)
            signal.signal(signal.SIGTERM, handler)
        yield ray


def _end(ray: Any) -> None:
    with quiet_stderr():  # it complains about work that it cancels
        ray.shutdown()


def _reach(address: str) -> None:
    """Raise an error at once where Ray itself would try for a minute."""
    host, _, port = address.rpartition(":")
    if address != "auto":
        if not host or "/" in host or not port.isdigit():
            raise ValueError("expected HOST:PORT or auto")
        socket.create_connection((host, int(port)), _TIMEOUT).close()


@contextlib.contextmanager
def _guard(folder: str) -> Iterator[None]:
    """If this process is killed, end Ray's agents, which would wait for it for a minute."""
    from psutil import Process

    agents = [str(p.pid) for p in Process().children(recursive=True) if "Agent" in p.name()]
    script = 'folder=$1; shift; cat; sleep 2; kill -s KILL "$@"; rm -rf "$folder"'
    guard = subprocess.Popen(
        ["sh", "-c", script, "sh", folder, *agents],
        stdin=subprocess.PIPE,  # ends with this process
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        guard.kill()
        guard.communicate()
