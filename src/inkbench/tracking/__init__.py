"""What each stage reports to MLflow, and `inkbench sync`, which completes the store.

A stage never talks to MLflow. It appends events to a journal on disk (`runs`, `journal`), which a
detached process uploads (`uploader`, `upload`). A stage therefore pays milliseconds, and no
tracking server can make it fail. `sync` uploads later what a dead server has refused, and links or
backfills the runs of stages that DVC skipped.
"""

from inkbench.tracking.runs import StageRun, stage_run

__all__ = ["StageRun", "stage_run"]
