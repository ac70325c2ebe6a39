"""Turn the raw archives of one dataset into arrays: data/raw/<dataset> → data/processed/<dataset>.

Archives are read in place. Copies of one picture never stand on two sides of a split.
"""

import importlib

from inkbench import params
from inkbench.errors import run_stage


def preprocess(dataset: str) -> None:
    """Process one dataset and record its counts."""
    settings = params.load().dataset(dataset)

    from inkbench import tracking

    block = {"data": {dataset: settings.model_dump(mode="json", exclude_unset=True)}}
    with tracking.stage_run("preprocess", dataset=dataset, params=block):
        importlib.import_module(f"inkbench.datasets.{dataset}").preprocess(settings)


if __name__ == "__main__":
    run_stage(preprocess, __doc__, "dataset")
