"""Restore Kaggle's pages without answers: models/VARIANT → submission/submission.csv.gz.

Upload it: `kaggle competitions submit -c denoising-dirty-documents -f FILE -m NOTE`.
"""

from inkbench import disk, layout
from inkbench.errors import one_line_errors, stage_parser


def main() -> None:
    """Run the stage."""
    arguments = stage_parser(__doc__, "variant").parse_args()
    with one_line_errors(arguments.debug):
        submit(arguments.variant)


def submit(name: str) -> None:
    """Write the submission of one variant and record it."""
    from inkbench import hardware, submission, tracking

    with tracking.stage_run("submission", variant=name, dataset="documents") as run:
        hardware.set_up("float32", seed=0)  # repeatable to the last bit
        with disk.new_version(layout.SUBMISSION) as fresh:
            card = submission.make(name, fresh)
        run.set_tags({"data_source": card["data_source"]})
        run.log_artifact(layout.SUBMISSION / "submission.json")
    print(submission.told(card, layout.SUBMISSION))


if __name__ == "__main__":
    main()
