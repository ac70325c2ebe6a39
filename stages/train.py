"""Train one variant: data/processed/<dataset> → models/<variant>.

A stopped training resumes after its last epoch; checkpoints are in .checkpoints/.
"""

import sys

from inkbench import params
from inkbench.errors import run_stage


def train(variant: str) -> None:
    """Train one variant and track it."""
    known = params.load()
    asked = known.variant(variant)

    from inkbench import tracking
    from inkbench.datasets.common import store
    from inkbench.training import loop

    settings = known.as_trained(asked, store.load_card(asked.dataset)["data_source"])
    if settings.epochs < asked.epochs:
        told = f"{settings.epochs} of {asked.epochs} epochs (synthetic.epochs in params.yaml)"
        print(f"inkbench: train.{variant}: synthetic data: {told}", file=sys.stderr)

    block = {"train": {variant: settings.model_dump(mode="json", exclude_unset=True)}}
    with tracking.stage_run(
        "train", variant=variant, dataset=settings.dataset, params=block
    ) as run:
        costs = loop.train(variant, settings, on_epoch=run.log_metrics)
        run.log_metrics(costs)


if __name__ == "__main__":
    run_stage(train, __doc__, "variant")
