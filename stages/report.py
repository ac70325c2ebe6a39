"""Write the static report: metrics, models, plots and data cards → reports/index.html."""

from inkbench import disk, layout
from inkbench.errors import one_line_errors, stage_parser


def main() -> None:
    """Command line."""
    arguments = stage_parser(__doc__).parse_args()
    with one_line_errors(arguments.debug):
        report()


def report() -> None:
    """Render all pages and record them."""
    from inkbench import tracking
    from inkbench.reporting import site

    with tracking.stage_run("report") as run:
        with disk.new_version(layout.REPORTS) as fresh:
            pages = site.render(fresh)
        run.log_artifact(layout.REPORTS)
        tracking.sync()
    print(f"{layout.REPORTS / 'index.html'}: {len(pages)} pages")


if __name__ == "__main__":
    main()
