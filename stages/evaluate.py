"""Evaluate a trained variant on its test data: models/VARIANT → metrics/VARIANT.json, evaluations/.

docs/metrics.md defines the metrics.
"""

from inkbench import layout
from inkbench.errors import run_stage


def evaluate(variant: str) -> None:
    """Evaluate one variant and log the results."""
    from inkbench import tracking
    from inkbench.evaluation import suite
    from inkbench.prediction import Predictor
    from inkbench.training import runtime

    settings, card = suite.load_training_card(variant)
    with tracking.stage_run("evaluate", variant=variant, dataset=settings.dataset):
        runtime.set_up("float32", seed=0)  # float32 whatever the training used
        model = Predictor.load(layout.model(variant))
        steps = {
            path.stem: Predictor.load(path)
            for path in sorted(layout.steps(variant).glob("*.keras"))
        }
        results = suite.evaluate(settings, card, model, steps)
        results.write(variant)


if __name__ == "__main__":
    run_stage(evaluate, __doc__, "variant")
