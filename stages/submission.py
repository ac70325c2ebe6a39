"""Restore Kaggle's test pages with models/VARIANT and write submission/submission.csv.gz.

Upload it: `kaggle competitions submit -c denoising-dirty-documents -f FILE -m NOTE`.
"""

from inkbench import disk, layout
from inkbench.errors import run_stage


def submit(variant: str) -> None:
    """Write the submission of one variant and track it."""
    from inkbench import submission, tracking
    from inkbench.training import runtime

    submission.restorer(variant)
    with tracking.stage_run("submission", variant=variant, dataset="documents"):
        runtime.set_up("float32", seed=0)  # reproducible bytes
        with disk.new_version(layout.SUBMISSION) as folder:
            card = submission.make(variant, folder)
    print(submission.summary(card, layout.SUBMISSION))


if __name__ == "__main__":
    run_stage(submit, __doc__, "variant")
