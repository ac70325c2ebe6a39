"""Reproduce one published claim with its bugs: data/raw/<dataset> → metrics/published/CLAIM.json.

The arrays and tables of its figure are written to evaluations/published/CLAIM.
"""

from inkbench import data_source, layout, params
from inkbench.errors import run_stage


def published(claim: str) -> None:
    """Reproduce one claim and log the results."""
    known = params.load()
    settings = known.claim(claim)

    from inkbench import tracking
    from inkbench.datasets.reading import provenance
    from inkbench.published.reproduce import reproduce

    source = data_source.of(provenance.load(settings.dataset))
    settings = known.as_trained(settings, source)

    block = {"published": {claim: settings.model_dump(mode="json", exclude_unset=True)}}
    with tracking.stage_run("published", variant=claim, dataset=settings.dataset, params=block):
        reproduce(claim, settings).write(layout.claim(claim))


if __name__ == "__main__":
    run_stage(published, __doc__, "claim")
