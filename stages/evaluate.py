"""Measure a trained variant on its test data: models/VARIANT → metrics/VARIANT.json, evaluations/.

What each metric means is in docs/metrics.md.
"""

from inkbench import layout
from inkbench.errors import one_line_errors, stage_parser


def main() -> None:
    """Run the stage."""
    arguments = stage_parser(__doc__, "variant").parse_args()
    with one_line_errors(arguments.debug):
        evaluate(arguments.variant)


def evaluate(name: str) -> None:
    """Evaluate one variant and record it."""
    from inkbench import hardware, tracking
    from inkbench.evaluation import suite
    from inkbench.prediction import KerasPredictor

    variant, card = suite.load_training_card(name)
    with tracking.stage_run("evaluate", variant=name, dataset=variant.dataset) as run:
        hardware.set_up("float32", seed=0)  # repeatable to the last bit
        model = KerasPredictor.load(layout.model(name))
        steps = {
            path.stem: KerasPredictor.load(path)
            for path in sorted(layout.steps(name).glob("*.keras"))
        }
        results = suite.evaluate(variant, card, model, steps)
        results.write(name)
        run.set_tags({"data_source": card["data_source"]})
        run.log_metrics(results.numbers)
        for path in (layout.metrics(name), *sorted(layout.evaluation(name).glob("*.csv"))):
            run.log_artifact(path)


if __name__ == "__main__":
    main()
