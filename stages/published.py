"""Run one published claim again as it was: data/raw/<dataset> → metrics/published/CLAIM.json.

The arrays and tables behind its picture go to evaluations/published/CLAIM.
"""

from inkbench import layout, params
from inkbench.errors import one_line_errors, stage_parser


def main() -> None:
    """Run the stage."""
    arguments = stage_parser(__doc__, "claim").parse_args()
    with one_line_errors(arguments.debug):
        name = arguments.claim
        settings = params.load().claim(name)

        from inkbench import tracking
        from inkbench.published import rerun

        block = {"published": {name: settings.model_dump(mode="json", exclude_unset=True)}}
        with tracking.stage_run(
            "published", variant=name, dataset=settings.dataset, params=block
        ) as run:
            results = rerun.audit(name, settings)
            filed = layout.claim(name)
            results.write(filed)
            run.set_tags({"data_source": results.metrics["data_source"]})
            run.log_metrics(results.numbers)
            for path in (layout.metrics(filed), *sorted(layout.evaluation(filed).glob("*.csv"))):
                run.log_artifact(path)


if __name__ == "__main__":
    main()
