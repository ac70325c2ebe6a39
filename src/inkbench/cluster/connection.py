"""Ray: a cluster that others started, or one of our own that ends with us."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from inkbench.errors import InkbenchError, quiet_stderr
from inkbench.pipeline import machine

_OWN: dict[str, Any] = {
    "include_dashboard": False,
    "num_gpus": 0,
    "object_store_memory": 80 * 2**20,  # bytes, Ray's minimum
}
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # no warning about GPUs
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # no messages about processes that died; we count them
}


_OWN_ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # as on macOS, Ray then listens on loopback only
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),  # Ray would keep one in the home folder
}


class NotStarted(InkbenchError):
    """Ray cannot start on this machine, for example without shared memory."""


@contextlib.contextmanager
def connected(jobs: int | None, address: str | None) -> Iterator[Any]:
    """Connect to a cluster, or run one of our own (see `pages.run`); gives the module ``ray``."""
    environment = _ENVIRONMENT if address else _ENVIRONMENT | _OWN_ENVIRONMENT
    os.environ.update({k: v for k, v in environment.items() if k not in os.environ})
    import ray

    handler = signal.getsignal(signal.SIGTERM)  # Ray replaces it
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL"}
    with contextlib.ExitStack() as ending:
        try:
            if address:
                _reach(address)
                settings |= {"address": address}
            else:
                home = os.environ.get("RAY_TMPDIR")
                folder = ending.enter_context(tempfile.TemporaryDirectory("-ray", None, home, True))
                machine.check_loopback()
                settings |= _OWN | {"address": "local", "num_cpus": jobs, "_temp_dir": folder}
            with quiet_stderr():
                ray.init(**settings)
        except SystemExit:  # Ray's handler of SIGTERM, with another exit code
            sys.exit(128 + signal.SIGTERM)
        except Exception as error:  # Ray raises many kinds
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            if address:
                problem = f"no Ray cluster ({reason}); start one with `ray start --head`"
                if "Failed to connect" in reason:  # although something listens there
                    problem = f"no Ray cluster that takes this RAY_AUTH_TOKEN ({reason})"
                if "No node info" in reason:
                    problem = f"to use it from here, join it with `ray start --address={address}`"
                raise InkbenchError(f"{address}: {problem}") from None
            raise NotStarted(f"Ray cannot start on this machine ({reason})") from None
        finally:
            if "_temp_dir" in settings:  # of our own
                ending.enter_context(_guard(settings["_temp_dir"]))
            ending.callback(quiet_stderr()(ray.shutdown))  # it names the work that it cancels
            signal.signal(signal.SIGTERM, handler)
        yield ray


def _reach(address: str) -> None:
    """Raise an error at once where Ray itself would try for a minute."""
    host, _, port = address.rpartition(":")
    if address != "auto":
        if not host or "/" in host or not port.isdigit():
            raise ValueError("expected HOST:PORT or auto")
        socket.create_connection((host, int(port)), timeout=5).close()


@contextlib.contextmanager
def _guard(folder: str) -> Iterator[None]:
    """End Ray's agents, which outlive others by a minute, also if this process is killed."""
    from psutil import NoSuchProcess, Process

    agents = [p for p in Process().children(recursive=True) if "Agent" in p.name()]
    script = 'folder=$1; shift; cat; sleep 2; kill -s KILL "$@"; rm -rf "$folder"'
    guard = subprocess.Popen(
        ["sh", "-c", script, "sh", folder, *(str(agent.pid) for agent in agents)],
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
        for agent in agents:
            with contextlib.suppress(NoSuchProcess):
                agent.kill()
