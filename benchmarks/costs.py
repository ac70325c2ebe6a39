"""What the trainings cost: the MLflow store → benchmarks/costs.csv, which is committed.

    python benchmarks/costs.py

Times differ from run to run, so they are no DVC output but metrics of the training's MLflow run.
For every variant, this script takes the newest finished training with the present settings of
params.yaml. The report reads the table; run `dvc repro report` afterwards.
"""

import argparse
import csv
from typing import TYPE_CHECKING, Any

from inkbench import disk, params
from inkbench.errors import InkbenchError, one_line_errors
from inkbench.layout import COSTS
from inkbench.params import Variant
from inkbench.reporting.collect import COST_COLUMNS

if TYPE_CHECKING:
    from inkbench.tracking.store import Store

_MACHINE = ("device", "precision", "threads")  # of train.json


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    with one_line_errors():
        write(rows(params.load().train))


def rows(variants: dict[str, Variant]) -> list[dict[str, Any]]:
    """A row for every variant, sorted by name.

    Raises
    ------
    InkbenchError
        If the store does not answer, or a variant has no such run.
    """
    from tqdm import tqdm

    from inkbench.tracking.store import Store

    store = Store.open(create=False)
    return [
        {"variant": name, **costs(store, name, variants[name])}
        for name in tqdm(sorted(variants), "costs", unit="run", disable=None)
    ]


def costs(store: "Store", name: str, variant: Variant) -> dict[str, Any]:
    """Costs of the newest finished training of a variant with these settings.

    Raises
    ------
    InkbenchError
        If there is none.
    """
    from inkbench.tracking.store import LINK, public, uri

    settings = variant.model_dump(mode="json")
    runs = store.search(
        f"tags.stage = 'train' AND tags.variant = '{name}' AND attributes.status = 'FINISHED' "
        "AND metrics.images_per_second > 0"  # a backfilled run has none
    )
    for run in reversed([run for run in runs if LINK not in run.data.tags]):
        facts = _facts(run.info.run_id)
        if facts.get("variant") == settings:
            measured = {key: run.data.metrics[key] for key in COST_COLUMNS}
            # A training that was resumed has timed only its last part.
            speed = measured["images_per_second"]
            measured["seconds"] = facts["epochs"] * facts["n_train"] / speed
            return {
                "seconds": round(measured["seconds"], 1),
                "images_per_second": round(speed),
                "peak_memory_mb": round(measured["peak_memory_mb"]),
                **{key: facts[key] for key in _MACHINE},
            }
    raise InkbenchError(
        f"{public(uri())}: no finished training of {name} on real data with its settings in "
        f"params.yaml; run `dvc repro --force train@{name}`"
    )


def _facts(run_id: str) -> dict[str, Any]:
    """``train.json`` as the run logged it; empty if it is missing."""
    import mlflow

    try:
        return mlflow.artifacts.load_dict(f"runs:/{run_id}/train.json")
    except (OSError, mlflow.exceptions.MlflowException):
        return {}


def write(table: list[dict[str, Any]]) -> None:
    """Write the table: a temporary file first, then renamed."""
    with disk.new_file(COSTS) as scratch, scratch.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["variant", *COST_COLUMNS, *_MACHINE], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    print(f"{COSTS}: {len(table)} variants, {sum(row['seconds'] for row in table):,.0f} s in total")


if __name__ == "__main__":
    main()
