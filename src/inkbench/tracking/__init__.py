"""What each stage reports to MLflow, and `inkbench sync`, which completes the store.

A stage only appends events to a journal on disk, which a detached process uploads. So no tracking
server can delay it or make it fail. docs/tracking.md says what each module does.
"""

from inkbench.tracking.runs import StageRun, stage_run

__all__ = ["StageRun", "stage_run"]
