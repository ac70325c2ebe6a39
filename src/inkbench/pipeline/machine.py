"""The machine: what results depend on beside code and data, and what Ray needs."""

import contextlib
import importlib.metadata
import platform
import re
import socket
from collections.abc import Mapping
from pathlib import Path


def facts(lock: str) -> dict[str, str]:
    """Python, CPU, and the installed versions of the packages in the text of a lock file."""
    found = {"Python": platform.python_version(), "machine": platform.machine()}
    with contextlib.suppress(OSError):
        for word in re.findall(r"\b(?:avx|amx|fma|sse)\w*", Path("/proc/cpuinfo").read_text()):
            found[f"CPU flag {word}"] = "there"
    for name in re.findall(r"^([\w.-]+)==", lock, re.M):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """In what another machine differs from this one; empty if in nothing."""
    keys = [key for key in sorted({*here, *there}) if here.get(key) != there.get(key)]
    pairs = [f"{key} {there.get(key, 'missing')}, not {here.get(key, 'missing')}" for key in keys]
    return "; ".join(pairs[:3]) + (" …" if len(pairs) > 3 else "")


def check_loopback() -> None:
    """`OSError` if processes of this machine cannot connect: Ray would try for minutes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
