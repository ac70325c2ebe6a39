"""`inkbench repro`: chains on Ray, then `dvc repro`, which finds their results in its run-cache."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from inkbench.cluster.head import Head, Options, Tree, release_journals
from inkbench.cluster.plan import plan, predict
from inkbench.cluster.progress import Progress
from inkbench.errors import InkbenchError
from inkbench.tracking import state
from inkbench.tracking.journal import locked


def repro(targets: Sequence[str], options: Options, dry_run: bool = False) -> bool:
    """Rebuild what is stale, as `dvc repro` does; returns whether everything succeeded."""
    release_journals()  # of a head that was killed
    steps = plan(Path.cwd(), targets)
    if dry_run:
        print(predict(steps, options.jobs))
        return True
    Path(".dvc/tmp").mkdir(exist_ok=True)
    with locked(Path(".dvc/tmp/inkbench.lock")) as is_alone:
        if not is_alone:
            raise InkbenchError(f"{Path.cwd()}: another `inkbench repro` is running here")
        if steps.first:
            if not _dvc("repro", "--single-item", *steps.first):
                return False
            steps = plan(Path.cwd(), targets)
        if steps.chains and not _run(Tree(targets=tuple(targets)), options):
            return False
        if steps.last:  # its journals end with a sync, which needs the others
            release_journals()
        is_done = _dvc("repro", *targets)
        release_journals()
        return is_done


def _run(tree: Tree, options: Options) -> bool:
    before = state.of_folder(Path.cwd()).inputs
    with Progress() as progress:
        try:
            head = progress.enter_context(Head(options, progress))
        except InkbenchError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            if options.address:
                raise InkbenchError(f"--address {options.address}: {reason}") from None
            print(f"inkbench: Ray cannot start here ({reason}); `dvc repro` runs instead")
            return True
        tasks = head.add(tree)
        for _ in head.results():
            pass
    failed = [task for task in tasks if task.status != "done"]
    if failed:
        print(f"inkbench: {len(failed)} of {len(tasks)} chains failed; the others are kept")
    elif state.of_folder(Path.cwd()).inputs != before:
        raise InkbenchError("the code changed while it ran; run `inkbench repro` again")
    return not failed


def _dvc(*arguments: str) -> bool:
    return subprocess.run([sys.executable, "-m", "dvc", *arguments]).returncode == 0
