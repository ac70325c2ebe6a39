"""Draw a trained variant's figures: models/VARIANT, evaluations/VARIANT → plots/VARIANT/*.png."""

from inkbench import disk, layout
from inkbench.errors import one_line_errors, stage_parser


def main() -> None:
    """Command line."""
    arguments = stage_parser(__doc__, "variant").parse_args()
    with one_line_errors(arguments.debug):
        plot(arguments.variant)


def plot(name: str) -> None:
    """Draw all figures of one variant and record them."""
    from inkbench import tracking
    from inkbench.figures import variant
    from inkbench.figures.work import open_work

    work = open_work(name)
    folder = layout.plots(name)
    with tracking.stage_run("plot", variant=name, dataset=work.card["dataset"]) as run:
        with disk.new_version(folder) as fresh:
            drawn = [path.name for path in variant.write(work, fresh)]
        for file in drawn:
            run.log_artifact(folder / file, folder="figures")
    print(f"{folder}: {len(drawn)} figures")


if __name__ == "__main__":
    main()
