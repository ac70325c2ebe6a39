"""The one kind of error that is a person's to mend, and how a command shows it."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator


class InkbenchError(Exception):
    """Bad input: one line that names the file, the value and the way out (exit code 2)."""


@contextlib.contextmanager
def one_line_errors(debug: bool = False) -> Iterator[None]:
    """Turn an `InkbenchError` into one line on stderr and exit code 2.

    Parameters
    ----------
    debug
        Let the traceback through instead.
    """
    try:
        yield
    except InkbenchError as error:
        if debug:
            raise
        complain(error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `inkbench classify … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def complain(error: object) -> None:
    """Say on stderr, in one line, what is wrong."""
    print(f"inkbench: error: {' '.join(str(error).split())}", file=sys.stderr)


def run_stage(work: Callable[..., None], description: str | None, *subjects: str) -> None:
    """Command line of a script in ``stages/``: parse, work, say errors in one line.

    Parameters
    ----------
    work
        Called with the subjects by name.
    description
        The script's docstring; it becomes the ``--help`` text.
    subjects
        Names of positional arguments: ``"dataset"``, ``"variant"`` or ``"claim"``.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for subject in subjects:
        parser.add_argument(subject, help=f"a {subject} of params.yaml")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of bad input")
    given = vars(parser.parse_args())
    with one_line_errors(given.pop("debug")):
        work(**given)
