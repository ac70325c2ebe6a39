"""Write the static report: metrics, models, plots and data cards → reports/index.html."""

from inkbench import disk, layout
from inkbench.errors import run_stage


def report() -> None:
    """Render all pages and track them."""
    from inkbench import tracking
    from inkbench.reporting import site

    with tracking.stage_run("report") as run:
        with disk.new_version(layout.REPORTS) as scratch:
            pages = site.render(scratch)
        run.sync()
    print(f"{layout.REPORTS / 'index.html'}: {len(pages)} pages")


if __name__ == "__main__":
    run_stage(report, __doc__)
