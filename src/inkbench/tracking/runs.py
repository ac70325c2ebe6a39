"""What a stage holds while it runs: `stage_run` and the `StageRun` it gives."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import layout
from inkbench.tracking.journal import Journal

if TYPE_CHECKING:
    import numpy as np

# How long the end of a stage waits for its courier, in seconds. Under DVC not at all: the courier
# goes on by itself, the next stage starts, and the last one waits for all of them.
_FAREWELL = 0.0
_FAREWELL_BY_HAND = 30.0
_FAREWELL_AFTER_SYNC = 120.0


@contextlib.contextmanager
def stage_run(
    stage: str,
    *,
    dataset: str | None = None,
    variant: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> "Iterator[StageRun]":
    """Record one execution of a stage as an MLflow run.

    Tracking never raises: without a store there is one warning and the stage goes on. An exception
    of the body marks the run as failed and goes through.

    Parameters
    ----------
    stage
        Kind of stage: ``"train"``.
    dataset, variant
        What the stage works on.
    params
        Exactly the parameters the stage depends on, nested as in ``params.yaml``; logged with
        dotted keys such as ``train.epochs`` (see `params.aligned`).
    """
    run = StageRun(stage, dataset=dataset, variant=variant, params=params)
    try:
        yield run
    except BaseException as error:
        run._end(_status_of(error))
        raise
    run._end("FINISHED")


def _status_of(error: BaseException) -> str:
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


class StageRun:
    """One run, as a stage sees it: every method notes down and returns at once."""

    def __init__(
        self,
        stage: str,
        *,
        dataset: str | None,
        variant: str | None,
        params: Mapping[str, Any] | None,
    ) -> None:
        self._variant = variant
        self._journal: Journal | None = None
        self._courier: subprocess.Popen[bytes] | None = None
        self._farewell = _FAREWELL if os.environ.get("DVC_STAGE") else _FAREWELL_BY_HAND
        if os.environ.get("INKBENCH_TRACKING", "on").lower() in {"off", "0", "false", "no"}:
            return
        with self._quietly():
            self._journal = Journal.create()
            self._journal.append(
                "start",
                stage=stage,
                dataset=dataset,
                variant=variant,
                params=dict(params or {}),
                pid=os.getpid(),
                host=socket.gethostname(),
                command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
                cwd=os.getcwd(),
            )
            self._courier = _start_courier(self._journal)

    def sync(self) -> None:
        """Complete the store once this run, the last stage's, has ended (see `syncing`)."""
        self._note("sync")
        self._farewell = _FAREWELL_AFTER_SYNC

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log the numbers among some facts; with a step (an epoch), they are points of a curve."""
        values = {key: float(value) for key, value in metrics.items() if isinstance(value, Real)}
        self._note("metrics", values=values, step=step)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags such as ``data_source``."""
        self._note("tags", values={key: str(value) for key, value in tags.items()})

    def log_artifact(self, path: str | Path, folder: str | None = None) -> None:
        """Log a file or a folder, as it is now.

        Parameters
        ----------
        path
            What to log.
        folder
            Folder among the run's artifacts; top level by default.
        """
        self._note("artifact", lambda journal: {"file": journal.attach(Path(path))}, folder=folder)

    def log_dataset(self, name: str, source: str, digest: str) -> None:
        """Log a dataset by reference.

        Parameters
        ----------
        name, source
            What it is called and where it came from.
        digest
            Hash of its content, at most 36 characters (DVC's md5 of a folder fits).
        """
        self._note("dataset", name=name, source=source, digest=digest[:36])

    def log_model(self, input_example: "np.ndarray") -> None:
        """Log the variant's file under ``models/`` with signature, example and requirements.

        Parameters
        ----------
        input_example
            uint8 ``[n, h, w]``, or a restorer's ``[n, h, w, 2]``: shows the form of the input.
        """

        def attach(journal: Journal) -> dict[str, Any]:
            import numpy as np

            from inkbench.tracking.pipeline import md5_of_bytes

            path = journal.folder / "files" / "model.keras"
            shutil.copyfile(layout.model(self._variant or ""), path)
            np.save(path.with_name("example.npy"), input_example[:1])
            return {"md5": md5_of_bytes(path.read_bytes())}

        self._note("model", attach)

    def _note(
        self, kind: str, attach: Callable[[Journal], dict[str, Any]] | None = None, **fields: Any
    ) -> None:
        if self._journal is None:
            return
        with self._quietly():
            self._journal.append(kind, **fields, **(attach(self._journal) if attach else {}))

    def _end(self, status: str) -> None:
        self._note("end", status=status)
        courier, self._courier = self._courier, None
        if courier is None or courier.stdin is None:
            return
        with contextlib.suppress(OSError):
            courier.stdin.close()
        deadline = time.monotonic() + self._farewell
        while courier.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if courier.returncode is None:
            courier.returncode = 0  # it goes on alone: no ResourceWarning, no zombie to wait for

    @contextlib.contextmanager
    def _quietly(self) -> Iterator[None]:
        """Whatever goes wrong with tracking: one warning, and silence from then on."""
        try:
            yield
        except Exception as error:
            self._journal = None
            print(
                f"inkbench: warning: this stage is not tracked ({error}); "
                "run `inkbench sync` when that is mended",
                file=sys.stderr,
            )


def _start_courier(journal: Journal) -> "subprocess.Popen[bytes]":
    """Start the process that attends a journal while the stage works.

    It has a session of its own, so that Ctrl-C reaches the stage only; the end of its stdin tells
    it that the stage is over, however that came about.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "inkbench.tracking.courier", str(journal.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
