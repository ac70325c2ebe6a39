"""The one kind of error that is a person's to mend, and how a command shows it."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator


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
        sys.exit(_fail(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `inkbench classify … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _fail(error: InkbenchError) -> int:
    print(f"inkbench: error: {error}", file=sys.stderr)
    return 2


def stage_parser(description: str | None, subject: str | None = None) -> argparse.ArgumentParser:
    """Argument parser shared by the scripts in ``stages/``.

    Parameters
    ----------
    description
        The script's docstring; it becomes the ``--help`` text.
    subject
        Name of the positional argument (``"dataset"`` or ``"variant"``); None for none.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if subject:
        parser.add_argument(subject, help=f"a {subject} of params.yaml")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of bad input")
    return parser
