"""Train one variant: data/processed/<dataset> → models/<variant>.

A training that was stopped goes on where it left off; checkpoints are in .checkpoints/.
"""

from inkbench import layout, params
from inkbench.errors import one_line_errors, stage_parser


def main() -> None:
    """Run the stage."""
    arguments = stage_parser(__doc__, "variant").parse_args()
    with one_line_errors(arguments.debug):
        name = arguments.variant
        variant = params.load().variant(name)

        from inkbench import tracking, training

        block = {"train": {name: variant.model_dump(mode="json", exclude_unset=True)}}
        with tracking.stage_run(
            "train", variant=name, dataset=variant.dataset, params=block
        ) as run:
            trained = training.train(name, variant, on_epoch=run.log_metrics)
            run.set_tags({"data_source": trained.facts["data_source"]})
            run.log_metrics({"parameters": trained.facts["parameters"], **trained.costs})
            run.log_model(trained.example)
            for path in (layout.history(name), layout.training_card(name)):
                run.log_artifact(path)


if __name__ == "__main__":
    main()
