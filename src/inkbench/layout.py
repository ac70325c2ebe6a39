"""Paths of everything that stages read and write, relative to the repository's root.

DVC runs every stage from the root; do the same when you run one by hand.
"""

from pathlib import Path

PARAMS = Path("params.yaml")
METRICS = Path("metrics")
REPORTS = Path("reports")
SWEEPS = Path("sweeps")  # tables of sweeps, in git; Optuna's databases beside them are not
CHECKPOINTS = Path(".checkpoints")
SUBMISSION = Path("submission")
SUBMISSION_CARD = SUBMISSION / "submission.json"
README = Path("README.md")
RESULTS = Path("docs/results.md")
PICTURE = Path("docs/results.png")  # shown in the README
COSTS = Path("benchmarks/costs.csv")  # committed: every clone writes the same report


def raw(dataset: str) -> Path:
    """Folder of a dataset's archives as downloaded, with ``provenance.json``."""
    return Path("data/raw") / dataset


def provenance(dataset: str) -> Path:
    """Sources and checksums of a dataset's raw files (see `inkbench.datasets.fetching`)."""
    return raw(dataset) / "provenance.json"


def processed(dataset: str) -> Path:
    """Folder of a dataset's arrays: ``{train,valid,test}.npz`` and ``dataset.json``."""
    return Path("data/processed") / dataset


def dataset_card(dataset: str) -> Path:
    """Counts, splits, skipped files and provenance of a processed dataset."""
    return processed(dataset) / "dataset.json"


def model_folder(variant: str) -> Path:
    """Folder of all outputs of a training."""
    return Path("models") / variant


def model(variant: str) -> Path:
    """The trained Keras model, in canonical bytes."""
    return model_folder(variant) / "model.keras"


def steps(variant: str) -> Path:
    """Intermediate models of a training in several steps, one ``.keras`` file per step."""
    return model_folder(variant) / "steps"


def history(variant: str) -> Path:
    """Training curves, one row per epoch."""
    return model_folder(variant) / "history.csv"


def training_card(variant: str) -> Path:
    """Settings of a training, and its data source, precision and threads."""
    return model_folder(variant) / "train.json"


def snapshots(variant: str) -> Path:
    """Outputs for a few validation images at the first, a middle and the last epoch."""
    return model_folder(variant) / "snapshots.npz"


def metrics(variant: str) -> Path:
    """Flat test metrics of a variant (tracked by git)."""
    return METRICS / f"{variant}.json"


def evaluation(variant: str) -> Path:
    """Arrays and tables behind a variant's metrics and figures."""
    return Path("evaluations") / variant


def plots(variant: str) -> Path:
    """Figures of a variant."""
    return Path("plots") / variant


def claim(name: str) -> str:
    """Name of a published claim, for use with `metrics` and `evaluation`."""
    return f"published/{name}"
