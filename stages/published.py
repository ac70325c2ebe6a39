"""Run one published claim again as it was: data/raw/<dataset> → metrics/published/CLAIM.json.

The arrays and tables behind its picture go to evaluations/published/CLAIM.
"""

from inkbench import layout, params
from inkbench.errors import run_stage


def published(claim: str) -> None:
    """Run one claim again and record it."""
    settings = params.load().claim(claim)

    from inkbench import tracking
    from inkbench.published import rerun

    block = {"published": {claim: settings.model_dump(mode="json", exclude_unset=True)}}
    with tracking.stage_run("published", variant=claim, dataset=settings.dataset, params=block):
        results = rerun.audit(claim, settings)
        results.write(layout.claim(claim))


if __name__ == "__main__":
    run_stage(published, __doc__, "claim")
