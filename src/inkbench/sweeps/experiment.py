"""`dvc exp run --temp`, with two changes.

If an output under ``plots:`` is in dvc.lock but not in DVC's cache, DVC would fail after the last
stage, as in a clone that has never built its report: it collects these files for the experiment,
although it adds the outputs of stages anyway.

DVC stashes the user's changes. Ctrl-C waits until they are back.
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
    before = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    reproduce = TempDirExecutor.reproduce

    def interruptible(**options: Any) -> Any:
        signal.signal(signal.SIGINT, before)
        if received:
            raise KeyboardInterrupt
        return reproduce(**options)

    TempDirExecutor.reproduce = staticmethod(interruptible)
    Index._plot_sources = []
    return cli.main(["exp", "run", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
