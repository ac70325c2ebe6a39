"""The machine: what results depend on beside code and data, and what Ray needs."""

import contextlib
import importlib.metadata
import os
import platform
import re
import socket
from collections.abc import Mapping
from pathlib import Path

_GPUS = Path("/proc/driver/nvidia/gpus")


def facts(lock: str) -> dict[str, str]:
    """Python, CPU, GPUs, and the installed versions of the packages in the text of a lock file."""
    found = {"Python": platform.python_version(), "machine": platform.machine()}
    with contextlib.suppress(OSError):
        for word in re.findall(r"\b(?:avx|amx|fma|sse)\w*", Path("/proc/cpuinfo").read_text()):
            found[f"CPU flag {word}"] = "there"
    if os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1"):
        for file in _GPUS.glob("*/information"):
            for name in re.findall(r"Model:\s*(.+)", file.read_text()):
                found["GPU"] = name
    for name in re.findall(r"^([\w.-]+)==", lock, re.M):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """In what another machine differs from this one; empty if in nothing."""
    keys = [key for key in sorted({*here, *there}) if here.get(key) != there.get(key)]
    pairs = [f"{key} {there.get(key, 'missing')}, not {here.get(key, 'missing')}" for key in keys]
    return "; ".join(pairs[:3]) + (" …" if len(pairs) > 3 else "")


def share_gpu() -> None:
    """Have TensorFlow take the memory of a GPU as it needs it, not all of it at once."""
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


def check_loopback() -> None:
    """`OSError` if processes of this machine cannot connect: Ray would try for minutes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
