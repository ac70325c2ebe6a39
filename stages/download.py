"""Fetch the raw archives of one dataset: mirror or official hosts → data/raw/<dataset>.

INKBENCH_MIRROR names a folder or base URL that is tried first. Where no source can be reached and
params.yaml allows it (data.<dataset>.source: auto), synthetic data is generated instead, with a
warning.
"""

from inkbench import params
from inkbench.errors import run_stage


def download(dataset: str) -> None:
    """Fetch one dataset and record where it came from."""
    settings = params.load().dataset(dataset)

    from inkbench import tracking
    from inkbench.datasets.fetching import fetch

    block = {"data": {dataset: settings.model_dump(mode="json", include={"source", "subset"})}}
    with tracking.stage_run("download", dataset=dataset, params=block):
        fetch.fetch(dataset, settings)


if __name__ == "__main__":
    run_stage(download, __doc__, "dataset")
