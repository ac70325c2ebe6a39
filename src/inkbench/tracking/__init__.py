"""What each stage reports to MLflow, and `inkbench sync`, which completes the store.

A stage never talks to MLflow. It appends events to a journal on disk (`runs`, `journal`). One
detached process per repository, the `uploader`, reads the journals and uploads them. A stage
therefore pays milliseconds and never fails because of a tracking server. If the server is down,
the journal stays in ``.tracking/`` until the next `inkbench sync` (`sync`). `sync` also links or
backfills the runs of stages that DVC skipped.
"""

from inkbench.tracking.runs import StageRun, stage_run

__all__ = ["StageRun", "stage_run"]
