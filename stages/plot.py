"""Draw a trained variant's figures: models/VARIANT, evaluations/VARIANT → plots/VARIANT/*.png."""

from inkbench import disk, layout
from inkbench.errors import run_stage


def plot(variant: str) -> None:
    """Draw all figures of one variant and track them."""
    from inkbench import tracking
    from inkbench.figures.outputs import open_variant
    from inkbench.figures.variant import write

    outputs = open_variant(variant)
    folder = layout.plots(variant)
    with (
        tracking.stage_run("plot", variant=variant, dataset=outputs.card["dataset"]),
        disk.new_version(folder) as scratch,
    ):
        names = [path.name for path in write(outputs, scratch)]
    print(f"{folder}: {len(names)} figures")


if __name__ == "__main__":
    run_stage(plot, __doc__, "variant")
