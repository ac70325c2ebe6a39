"""Turn the raw archives of one dataset into arrays: data/raw/<dataset> → data/processed/<dataset>.

Archives are read in place. All copies of an image stay in one part of the split.
"""

from inkbench import params
from inkbench.errors import run_stage


def preprocess(dataset: str) -> None:
    """Process one dataset and record its counts."""
    settings = params.load().dataset(dataset)

    from inkbench import datasets, tracking

    block = {"data": {dataset: settings.model_dump(mode="json", exclude_unset=True)}}
    with tracking.stage_run("preprocess", dataset=dataset, params=block):
        datasets.module(dataset).preprocess(settings)


if __name__ == "__main__":
    run_stage(preprocess, __doc__, "dataset")
