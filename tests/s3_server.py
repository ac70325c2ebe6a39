"""An S3 server process (moto) on loopback, with one empty bucket."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DEADLINE = 60  # seconds


@contextmanager
def serving(log: Path, bucket: str) -> Iterator[str]:
    """Run the server on a free port.

    Parameters
    ----------
    log
        File for the output of the server.
    bucket
        Name of the bucket to create.

    Yields
    ------
    str
        URL of the server.
    """
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        url = _address(process, log)
        request = urllib.request.Request(f"{url}/{bucket}", method="PUT")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        direct.open(request, timeout=_DEADLINE).close()
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=_DEADLINE)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait for the URL that the server prints once it listens."""
    deadline = time.monotonic() + _DEADLINE
    while not (match := re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"the S3 server did not start within {_DEADLINE} s"
        time.sleep(0.1)
    return match[1]
