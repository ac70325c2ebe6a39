"""`dvc exp run --temp`, with two changes.

If an output under ``plots:`` is in dvc.lock but not in DVC's cache, DVC would fail after the last
stage, as in a clone that has never built its report: it collects these files for the experiment,
although it adds the outputs of stages anyway.

DVC stashes the user's changes. Ctrl-C and SIGTERM wait until they are back.
"""

import signal
import sys
from typing import Any


def main() -> int:
    """Run it; returns the exit code."""
    from dvc import cli
    from dvc.repo.experiments.executor.local import TempDirExecutor
    from dvc.repo.index import Index

    received: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    reproduce = TempDirExecutor.reproduce

    def interruptible(**options: Any) -> Any:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in received:
            signal.raise_signal(number)
        return reproduce(**options)

    TempDirExecutor.reproduce = staticmethod(interruptible)
    Index._plot_sources = []
    return cli.main(["exp", "run", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
