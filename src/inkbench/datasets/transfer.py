"""One file from one place: time-outs, retries, size and speed limits, one line for a failure."""

import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from inkbench import disk

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 15.0  # seconds without a byte
RETRIES = 2  # after the first try
BACKOFF = 1.0  # seconds before the first retry, doubled before the next
SLOWEST = 2_000  # bytes a second, on average, once a download has had GRACE seconds
GRACE = 30.0


class Unavailable(Exception):
    """This place does not give the file: why, in one line.

    Attributes
    ----------
    offline
        The machine has no name service at all, so no other host is worth a try.
    """

    def __init__(self, why: str, *, again: bool = False, offline: bool = False) -> None:
        super().__init__(why)
        self.again = again
        self.offline = offline


def get(place: str, target: Path, limit: int) -> None:
    """Copy a file from a URL or a path, from the start, however often that takes.

    Parameters
    ----------
    place
        ``http(s)`` URL, or path of a file.
    target
        Overwritten; on an error what is there is worth nothing.
    limit
        Most bytes to accept.

    Raises
    ------
    Unavailable
        If this place does not give the file.
    InkbenchError
        If the disk is full or not writable: no other place would help.
    """
    for tries_left in range(RETRIES, -1, -1):
        try:
            with _Sink(target, limit) as sink:
                if is_url(place):
                    _download(place, sink)
                else:
                    _copy(place, sink)
            return
        except Unavailable as error:
            if not (error.again and tries_left):
                raise
            print(f"inkbench: {shown(place)}: {error}; trying again", file=sys.stderr)
            time.sleep(BACKOFF * 2 ** (RETRIES - tries_left))


def is_url(place: str) -> bool:
    """Whether a place is a web address rather than a path."""
    return place.startswith(("http://", "https://"))


def shown(place: str) -> str:
    """A place without user name, password or query, fit for a message."""
    if not is_url(place):
        return place
    parts = urlsplit(place)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class _Sink:
    """The file being written, with a limit to its size and to the patience with its source."""

    def __init__(self, target: Path, limit: int) -> None:
        self.target, self._limit = target, limit
        self._size, self._start = 0, time.monotonic()

    def __enter__(self) -> "_Sink":
        with disk.writing(self.target):
            self._file = self.target.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        with disk.writing(self.target):
            self._file.close()

    def write(self, chunk: bytes) -> int:
        if self._size == 0 and chunk.lstrip()[:1] == b"<":
            raise Unavailable("sent a web page instead of the archive")
        self._size += len(chunk)
        if self._size > self._limit:
            raise Unavailable(f"sends more than the {self._limit:,} bytes expected at most")
        seconds = time.monotonic() - self._start
        if seconds > GRACE and self._size < SLOWEST * seconds:
            raise Unavailable(f"too slow: {self._size:,} bytes in {seconds:.0f} s", again=True)
        with disk.writing(self.target):
            return self._file.write(chunk)

    def flush(self) -> None:
        """Left to the buffer: pooch asks for it after every chunk."""


def _copy(place: str, sink: _Sink) -> None:
    try:
        with open(place, "rb") as source:
            while chunk := source.read(2**20):
                sink.write(chunk)
    except FileNotFoundError:
        raise Unavailable("no such file") from None
    except OSError as error:
        raise Unavailable(f"cannot be read: {error.strerror}") from None


def _download(url: str, sink: _Sink) -> None:
    import pooch
    import requests

    downloader = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(),
        chunk_size=2**12,  # small, so that a dripping server is noticed
        timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
        headers={"Accept-Encoding": "identity", "User-Agent": "inkbench"},
    )
    try:
        downloader(url, sink, None)
    except requests.HTTPError as error:
        assert error.response is not None  # it comes from `raise_for_status`
        code = error.response.status_code
        reason = f"answers {code} {error.response.reason}".rstrip()
        raise Unavailable(reason, again=code >= 500 or code in (408, 429)) from None
    except requests.RequestException as error:
        raise explained(error) from None


def explained(error: Exception) -> Unavailable:
    """What a network error means to a person, and whether it may pass."""
    import requests
    import urllib3

    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        offline = "Temporary failure" in str(reason)  # EAI_AGAIN: no name server answers
        return Unavailable("the host's name cannot be resolved", offline=offline)
    if isinstance(error, requests.ConnectTimeout):
        return Unavailable(f"the host does not answer within {CONNECT_TIMEOUT:g} s")
    if "timed out" in str(error):
        return Unavailable(f"stalled: no byte for {READ_TIMEOUT:g} s", again=True)
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return Unavailable("the host refuses the connection or cannot be reached")
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return Unavailable(f"{type(error).__name__}: {reason}")
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.ConnectionError):
        return Unavailable("the connection broke before the file was whole", again=True)
    return Unavailable(f"{type(error).__name__}: {error}")
