"""`inkbench repro`: chains on Ray, then `dvc repro`, which runs what is left."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from inkbench import disk, state
from inkbench.cluster.connection import NotStarted
from inkbench.cluster.head import Head, Options
from inkbench.errors import InkbenchError
from inkbench.pipeline import results
from inkbench.pipeline.plan import plan, predict
from inkbench.pipeline.tasks import Progress, Tree
from inkbench.tracking import journal, runs


def repro(targets: Sequence[str], options: Options, dry_run: bool = False) -> bool:
    """Rebuild what is stale, as `dvc repro` does; returns whether everything succeeded."""
    if dry_run:
        print(predict(plan(Path.cwd(), targets), options.jobs))
        return True
    held = False
    with alone():
        try:
            steps = plan(Path.cwd(), targets)
            if steps.first:
                if not results.dvc_repro("--single-item", *steps.first):
                    return False
                steps = plan(Path.cwd(), targets)
            tree = Tree(targets=tuple(targets))
            if steps.chains and not _run(tree, options):
                return False
            with disk.writing(Path("dvc.lock")):
                results.restore(steps.known | tree.plan.known)
            if steps.last:  # a sync at its end needs the journals of all others
                held = journal.release()
            return results.dvc_repro(*targets)
        finally:
            if (journal.release() or held) and runs.is_possible():
                runs.start_uploader()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the lock of a clone, in which one `inkbench repro` or sweep can run at a time."""
    with contextlib.ExitStack() as stack:
        with disk.writing(Path.cwd()):
            lock = journal.locked(journal.outbox() / "repro.lock")
            is_alone = stack.enter_context(lock)
        if not is_alone:
            raise InkbenchError(f"{Path.cwd()}: another `inkbench repro` or sweep is running here")
        yield


def _run(tree: Tree, options: Options) -> bool:
    """Run the chains; returns whether all succeeded, or Ray could not start."""
    before = state.of_folder(Path.cwd()).inputs
    with Progress() as progress:
        try:
            head = progress.enter_context(Head(options, progress))
        except NotStarted as reason:
            progress.say(f"{reason}; `dvc repro` runs instead")
            return True
        tasks = head.add(tree)
        failed = [task for task in head.results() if task.status == "failed"]
    if failed:
        progress.say(f"{len(failed)} of {len(tasks)} chains failed; what the others made is kept")
    elif state.of_folder(Path.cwd()).inputs != before:
        raise InkbenchError("the code changed during the run; run `inkbench repro` again")
    return not failed
