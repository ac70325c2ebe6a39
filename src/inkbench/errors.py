"""Errors that the user can fix, shown as one line on stderr."""

import argparse
import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import PurePath


class InkbenchError(Exception):
    """Bad input. The message names the file, the value and the remedy; the exit code is 2."""


@contextlib.contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end this process as Ctrl-C does, with all that it has started; exit code 143."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def end(number: int, _: object) -> None:
        received.append(number)
        sys.exit()

    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except SystemExit:
        if received:  # Ray replaces the exit code
            sys.exit(128 + signal.SIGTERM)
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextlib.contextmanager
def one_line_errors(debug: bool = False) -> Iterator[None]:
    """Turn an `InkbenchError` into one line on stderr and exit code 2, except to debug it."""
    try:
        yield
    except InkbenchError as error:
        if debug:
            raise
        print_error(error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `inkbench classify … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def escape_unencodable() -> None:
    """Print characters that the terminal's encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2, also by C++ code."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def shown(path: PurePath | str) -> str:
    """A path as one printable line, with other characters escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def print_error(error: object) -> None:
    """Print an error on stderr, as one line."""
    print(f"inkbench: error: {' '.join(str(error).split())}", file=sys.stderr)


def run_stage(work: Callable[..., None], description: str | None, *subjects: str) -> None:
    """Run the command line of a script in ``stages/``, described by its docstring.

    ``work`` receives the subjects (``"dataset"``, ``"variant"`` or ``"claim"``) by name.
    """
    escape_unencodable()
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for subject in subjects:
        parser.add_argument(subject, help=f"name of a {subject} in params.yaml")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = vars(parser.parse_args())
    with one_line_errors(options.pop("debug")):
        work(**options)
