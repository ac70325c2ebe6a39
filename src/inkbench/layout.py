"""Where everything is that stages read and write: the one place that spells those paths.

Paths are relative to the repository's root, which is the working directory of every stage
(DVC sees to that; by hand, run stages from the root).
"""

from pathlib import Path

PARAMS = Path("params.yaml")
METRICS = Path("metrics")
REPORTS = Path("reports")
CHECKPOINTS = Path(".checkpoints")
SUBMISSION = Path("submission")
SUBMISSION_CARD = SUBMISSION / "submission.json"
README = Path("README.md")
PICTURE = Path("docs/results.png")  # of the README
COSTS = Path("benchmarks/costs.csv")  # committed, so that all clones write the same report


def raw(dataset: str) -> Path:
    """Folder of a dataset's archives as fetched, with ``provenance.json``."""
    return Path("data/raw") / dataset


def provenance(dataset: str) -> Path:
    """Where a dataset's raw files came from (see `inkbench.datasets.fetching`)."""
    return raw(dataset) / "provenance.json"


def processed(dataset: str) -> Path:
    """Folder of a dataset's arrays: ``{train,valid,test}.npz`` and ``dataset.json``."""
    return Path("data/processed") / dataset


def dataset_card(dataset: str) -> Path:
    """Counts, splits, skipped files and provenance of a processed dataset."""
    return processed(dataset) / "dataset.json"


def model_folder(variant: str) -> Path:
    """Everything that training a variant leaves."""
    return Path("models") / variant


def model(variant: str) -> Path:
    """The trained Keras model, written canonically."""
    return model_folder(variant) / "model.keras"


def steps(variant: str) -> Path:
    """Models that a training passed through on its way, one ``.keras`` file a step."""
    return model_folder(variant) / "steps"


def history(variant: str) -> Path:
    """Training curves, one row an epoch."""
    return model_folder(variant) / "history.csv"


def training_card(variant: str) -> Path:
    """Settings of a training, what it was made of, precision and threads."""
    return model_folder(variant) / "train.json"


def snapshots(variant: str) -> Path:
    """Outputs for a few validation images at the first, a middle and the last epoch."""
    return model_folder(variant) / "snapshots.npz"


def metrics(variant: str) -> Path:
    """Flat test metrics of a variant (git-tracked)."""
    return METRICS / f"{variant}.json"


def evaluation(variant: str) -> Path:
    """Arrays and tables behind a variant's metrics and figures."""
    return Path("evaluations") / variant


def plots(variant: str) -> Path:
    """Figures of a variant."""
    return Path("plots") / variant


def claim(name: str) -> str:
    """Where a published claim is filed among `metrics` and `evaluation`: beside the variants."""
    return f"published/{name}"
