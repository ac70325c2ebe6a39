"""Fetch the raw archives of one dataset: mirror or official hosts → data/raw/<dataset>.

INKBENCH_MIRROR names a folder or base URL that is asked first. Where no source can be reached and
params.yaml allows it (data.<dataset>.source: auto), stand-in data is made instead, and says so.
"""

from inkbench import data_source, layout, params
from inkbench.errors import one_line_errors, stage_parser


def main() -> None:
    """Run the stage."""
    arguments = stage_parser(__doc__, "dataset").parse_args()
    with one_line_errors(arguments.debug):
        name = arguments.dataset
        settings = params.load().dataset(name)

        from inkbench import tracking
        from inkbench.datasets import fetch

        block = {"data": {name: settings.model_dump(mode="json", include={"source", "subset"})}}
        with tracking.stage_run("download", dataset=name, params=block) as run:
            provenance = fetch.fetch(name, settings)
            run.set_tags({"data_source": data_source.of(provenance)})
            for file in provenance["files"]:
                run.log_dataset(file["name"], file["url"], file["sha256"][:32])
            run.log_metrics({"raw_bytes": sum(file["bytes"] for file in provenance["files"])})
            run.log_artifact(layout.provenance(name))


if __name__ == "__main__":
    main()
