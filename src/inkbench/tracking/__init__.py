"""What every stage tells MLflow, and what `inkbench sync` mends afterwards.

A stage never talks to MLflow itself: it writes what happens into a journal on disk (`runs`,
`journal`). A small process of its own (`courier`) looks after the journal, and one process for the
whole pipeline (`resident`) brings all of them to the store (`delivery`). So a stage pays
milliseconds, sees no exception of a tracking server, and loses nothing when there is none: the
journal waits in ``.tracking/`` for the next `inkbench sync` (`syncing`), which also links or
backfills the runs of stages that DVC skipped.
"""

from inkbench.tracking.runs import StageRun, stage_run

__all__ = ["StageRun", "stage_run"]
