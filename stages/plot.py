"""Draw a trained variant's figures: models/VARIANT, evaluations/VARIANT → plots/VARIANT/*.png."""

from inkbench import disk, layout
from inkbench.errors import run_stage


def plot(variant: str) -> None:
    """Draw all figures of one variant and record them."""
    from inkbench import tracking
    from inkbench.figures.variant import write
    from inkbench.figures.work import open_work

    work = open_work(variant)
    folder = layout.plots(variant)
    with (
        tracking.stage_run("plot", variant=variant, dataset=work.card["dataset"]),
        disk.new_version(folder) as fresh,
    ):
        drawn = [path.name for path in write(work, fresh)]
    print(f"{folder}: {len(drawn)} figures")


if __name__ == "__main__":
    run_stage(plot, __doc__, "variant")
