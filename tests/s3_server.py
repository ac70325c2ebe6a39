"""An S3 server process (moto) on loopback, with one empty bucket."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers import wait_for

_DEADLINE = 60  # seconds
_LISTENS = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


@contextmanager
def serving(log: Path, bucket: str) -> Iterator[str]:
    """URL of a server on a free port, with this bucket; its output goes to ``log``."""
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        url = wait_for(lambda: _LISTENS.search(log.read_text()), _DEADLINE, process, log)[1]
        request = urllib.request.Request(f"{url}/{bucket}", method="PUT")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        direct.open(request, timeout=_DEADLINE).close()
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=_DEADLINE)
