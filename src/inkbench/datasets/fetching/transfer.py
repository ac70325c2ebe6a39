"""One file from one source: time-outs, retries, limits on size and speed, one-line errors.

pooch downloads. It has no limit on size, no minimum speed and no retries for a single file, and
raises what requests raises; this module adds them.
"""

import io
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit, urlunsplit

from inkbench import disk
from inkbench.datasets.specs import KAGGLE

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 15.0  # seconds without a byte
RETRIES = 2  # after the first attempt
BACKOFF = 1.0  # seconds before the first retry, doubled for the next
MIN_SPEED = 2_000  # bytes a second, on average, once a download has run for GRACE seconds
GRACE = 30.0


class Unavailable(Exception):
    """A source does not give the file; the message says why in one line."""

    def __init__(self, reason: str, *, temporary: bool = False, offline: bool = False) -> None:
        super().__init__(reason)
        self.is_temporary = temporary  # a retry may help
        self.is_offline = offline  # no name service answers, so no other host can be reached


def get(source: str, target: Path, limit: int) -> None:
    """Copy a file; temporary failures are retried from the start.

    Parameters
    ----------
    source
        ``http(s)`` URL, ``kaggle:COMPETITION``, or path of a file.
    target
        Overwritten; incomplete after an error.
    limit
        Largest size to accept, in bytes.

    Raises
    ------
    Unavailable
        If the source does not give the file.
    InkbenchError
        If the disk is full or not writable.
    """
    for retries_left in range(RETRIES, -1, -1):
        try:
            with disk.writing(target), _Sink(target, limit) as sink:
                if is_url(source):
                    _download(source, sink)
                elif source.startswith(KAGGLE):
                    _download_from_kaggle(source.removeprefix(KAGGLE), target)
                else:
                    _copy(source, sink)
            return
        except Unavailable as error:
            if not (error.is_temporary and retries_left):
                raise
            print(f"inkbench: {public(source)}: {error}; trying again", file=sys.stderr)
            time.sleep(BACKOFF * 2 ** (RETRIES - retries_left))


def is_url(source: str) -> bool:
    """Whether a source is a web address rather than a path."""
    return source.startswith(("http://", "https://"))


def public(source: str) -> str:
    """A source without user name, password or query, for messages."""
    if not is_url(source):
        return source
    parts = urlsplit(source)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class _Sink(io.BufferedWriter):
    """The file being written; refuses too much data, and a source that is too slow."""

    def __init__(self, target: Path, limit: int) -> None:
        super().__init__(io.FileIO(target, "wb"))
        self._limit, self._size, self._start = limit, 0, time.monotonic()

    def write(self, chunk: bytes) -> int:  # type: ignore[override]
        if self._size == 0 and chunk.lstrip()[:1] == b"<":
            raise Unavailable("sent a web page instead of the archive")
        self._size += len(chunk)
        if self._size > self._limit:
            raise Unavailable(f"sends more than the {self._limit:,} bytes expected at most")
        seconds = time.monotonic() - self._start
        if seconds > GRACE and self._size < MIN_SPEED * seconds:
            raise Unavailable(f"too slow: {self._size:,} bytes in {seconds:.0f} s", temporary=True)
        return super().write(chunk)


def _copy(path: str, sink: _Sink) -> None:
    try:
        source = open(path, "rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise Unavailable(f"cannot be read: {error.strerror}") from None
    with source:
        while chunk := _read(source):
            sink.write(chunk)


def _read(source: IO[bytes]) -> bytes:
    try:
        return source.read(2**20)
    except OSError as error:  # of the source, not of what is written
        raise Unavailable(f"cannot be read: {error.strerror}") from None


def _download(url: str, sink: _Sink) -> None:
    import pooch
    import requests
    import urllib3

    downloader = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(),
        chunk_size=2**12,  # small, so that a slow server is noticed
        timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
        headers={"Accept-Encoding": "identity", "User-Agent": "inkbench"},
    )
    try:
        downloader(url, sink, None)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _explained(error, url) from None


def _download_from_kaggle(competition: str, target: Path) -> None:
    """Run Kaggle's own client, which needs credentials and accepted rules."""
    command = ["kaggle", "competitions", "download", competition, "--quiet"]
    command += ["--file", target.name, "--path", str(target.parent), "--force"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except FileNotFoundError:
        install = 'pip install --editable ".[kaggle]"'
        raise Unavailable(f"Kaggle's client is not installed ({install})") from None
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).split("\n") if line.strip()]
        reason = next((line for line in lines if not line.startswith("Warning")), "no message")
        rules = f"https://www.kaggle.com/c/{competition}/rules"
        raise Unavailable(f"{reason[:200].strip()} (log in, and accept the rules at {rules})")


def _explained(error: Exception, url: str) -> Unavailable:
    """A network error in plain words, and whether a retry may help."""
    import requests
    import urllib3

    if isinstance(error, requests.HTTPError) and error.response is not None:
        code = error.response.status_code
        answer = f"answers {code} {error.response.reason}".rstrip()
        return Unavailable(answer, temporary=code >= 500 or code in (408, 429))
    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        offline = "Temporary failure" in str(reason)  # EAI_AGAIN: no name server answers
        return Unavailable("the host's name cannot be resolved", offline=offline)
    if isinstance(error, requests.ConnectTimeout):
        return Unavailable(f"the host does not answer within {CONNECT_TIMEOUT:g} s")
    if "timed out" in str(error):
        return Unavailable(f"stalled: no byte for {READ_TIMEOUT:g} s", temporary=True)
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return Unavailable("the host refuses the connection or cannot be reached")
    # Not their subclasses, which are about certificates and proxies.
    if type(error) in (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return Unavailable("the connection broke before the file was complete", temporary=True)
    text = str(reason).replace(url, public(url))
    return Unavailable(f"{type(error).__name__}: {re.sub('//[^@ ]*@', '//', text)}")
