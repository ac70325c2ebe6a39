"""Restore Kaggle's pages without answers: models/VARIANT → submission/submission.csv.gz.

Upload it: `kaggle competitions submit -c denoising-dirty-documents -f FILE -m NOTE`.
"""

from inkbench import disk, layout
from inkbench.errors import run_stage


def submit(variant: str) -> None:
    """Write the submission of one variant and record it."""
    from inkbench import submission, tracking
    from inkbench.training import runtime

    with tracking.stage_run("submission", variant=variant, dataset="documents"):
        runtime.set_up("float32", seed=0)  # repeatable to the last bit
        with disk.new_version(layout.SUBMISSION) as fresh:
            card = submission.make(variant, fresh)
    print(submission.told(card, layout.SUBMISSION))


if __name__ == "__main__":
    run_stage(submit, __doc__, "variant")
