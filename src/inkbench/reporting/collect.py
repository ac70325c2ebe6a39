"""Everything that the report is about, read from the files that the stages left."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import layout, records
from inkbench.data_source import REAL
from inkbench.datasets.common.store import PAGE_DISJOINT
from inkbench.errors import InkbenchError

COST_COLUMNS = ("seconds", "images_per_second", "peak_memory_mb")
# In which the report shows figures.
ORDER = (
    "close-up",
    "pages",
    "reconstructions",
    "denoising",
    "samples",
    "interpolations",
    "manifold",
    "confused",
    "confusion",
    "code",
    "per-page",
    "per-class",
    "reliability",
    "network",
    "curves",
    "progress",
    "filters",
    "units",
    "activations",
    "weights",
)
_SPLITS = {"mlebench": "MLE-bench's"}


@dataclass(frozen=True)
class Image:
    """A PNG figure and what it says about itself."""

    path: Path
    alt: str
    width: int
    height: int

    @property
    def name(self) -> str:
        """File name without suffix."""
        return self.path.stem


@dataclass(frozen=True)
class Entry:
    """One variant: enough for a line of a leaderboard.

    Attributes
    ----------
    name
        Of the variant.
    block
        Its block of ``params.yaml``.
    metrics
        ``metrics/V.json``, plus ``seconds`` of training where `layout.COSTS` tells them.
    """

    name: str
    block: dict[str, Any]
    metrics: dict[str, Any]

    @property
    def task(self) -> str:
        """``reconstruction``, ``classification`` or ``restoration``."""
        return self.block["task"]

    @property
    def dataset(self) -> str:
        """Name of its dataset."""
        return self.block["dataset"]

    @property
    def conditions(self) -> tuple[str, ...]:
        """What sets its figures apart from others on the same dataset: never compare across."""
        said = {
            "pixels cut at one half": self.block.get("binarise"),
            "from noisy input": any(self.block.get("noise", {}).values()),
        }
        split = self.block.get("split", PAGE_DISJOINT)
        named = () if split == PAGE_DISJOINT else (f"{_SPLITS.get(split, split)} split",)
        return (*(text for text, holds in said.items() if holds), *named)

    @property
    def is_synthetic(self) -> bool:
        """Whether its figures are of generated data."""
        return self.metrics["data_source"] != REAL


@dataclass(frozen=True)
class Result(Entry):
    """One variant with all that its card shows.

    Attributes
    ----------
    card
        ``train.json``, plus what the training cost where `layout.COSTS` tells it.
    images
        Its figures.
    """

    card: dict[str, Any]
    images: list[Image]

    @cached_property
    def history(self) -> dict[str, np.ndarray]:
        """Columns of ``history.csv``."""
        path, rerun = layout.history(self.name), records.rerun_command("train", self.name)
        found = records.numbers(path, rerun)
        records.column(found, path, rerun, "epoch")
        return found

    @property
    def accuracy(self) -> str:
        """Name of the metric beside the loss in its history."""
        return "accuracy" if self.task == "classification" else "binary_accuracy"

    @property
    def final_phase(self) -> np.ndarray:
        """Rows of ``history`` after a pretraining, which has another loss: bool ``[epochs]``."""
        return np.isfinite(self.history.get(self.accuracy, self.history["epoch"]))


def metrics_of(name: str) -> dict[str, Any]:
    """``metrics/V.json``; `InkbenchError` if it is missing, broken or does not name its data."""
    path = layout.metrics(name)
    found = records.record(path, f"dvc repro evaluate@{name}")
    if "data_source" not in found:
        raise InkbenchError(
            f"{path} has no 'data_source'; run `{records.rerun_command('evaluate', name)}`"
        )
    return found


def measured() -> list[str]:
    """Names of all variants with metrics, sorted; `InkbenchError` if there are none."""
    names = sorted(path.stem for path in layout.METRICS.glob("*.json"))
    if not names:
        raise InkbenchError(f"{layout.METRICS}/ holds no metrics yet; run `dvc repro`")
    return names


def results() -> list[Result]:
    """All variants that were trained, evaluated and plotted.

    Raises
    ------
    InkbenchError
        If something of a variant with metrics is missing.
    """
    return [result(name) for name in measured()]


def result(name: str) -> Result:
    """One variant, see `results`."""
    path = layout.training_card(name)
    if not path.is_file():
        raise InkbenchError(
            f"{path} not found; run `dvc repro plot@{name}`, "
            f"or delete {layout.metrics(name)} if that variant is gone"
        )
    card = records.record(path, f"dvc repro train@{name}")
    block = card.get("variant")
    if not isinstance(block, dict) or not {"task", "dataset"} <= block.keys():
        raise InkbenchError(
            f"{path} has no complete 'variant'; run `{records.rerun_command('train', name)}`"
        )
    costs = costs_of(name)
    seconds = {key: costs[key] for key in ("seconds",) if key in costs}
    figures = images(layout.plots(name), name)
    return Result(name, block, seconds | metrics_of(name), card | costs, figures)


def costs_of(name: str) -> dict[str, float]:
    """What a variant's training cost, by `layout.COSTS`; empty where that file does not tell.

    Raises
    ------
    InkbenchError
        When the file is broken.
    """
    rerun = "python benchmarks/costs.py"
    if not layout.COSTS.exists():
        return {}
    names = records.column(records.table(layout.COSTS, rerun), layout.COSTS, rerun, "variant")
    columns = records.numbers(layout.COSTS, rerun)
    known = {key: records.column(columns, layout.COSTS, rerun, key) for key in COST_COLUMNS}
    if name not in names:
        return {}
    row = {key: float(values[names.index(name)]) for key, values in known.items()}
    found = {key: cost for key, cost in row.items() if np.isfinite(cost)}
    return {key: int(cost) if cost.is_integer() else cost for key, cost in found.items()}


def images(folder: Path, name: str) -> list[Image]:
    """Figures of a variant in the order in which one looks at them."""
    paths = sorted(folder.glob("*.png"), key=lambda path: _rank(path.stem))
    if not paths:
        raise InkbenchError(f"{folder} holds no figures; run `dvc repro plot@{name}`")
    return [read_image(path) for path in paths]


def read_image(path: Path) -> Image:
    """A figure with its description and size; `InkbenchError` if it is no PNG."""
    from PIL import Image as Pillow
    from PIL.PngImagePlugin import PngImageFile

    try:
        with Pillow.open(path) as picture:
            if not isinstance(picture, PngImageFile):
                raise ValueError("not a PNG file")
            text = picture.text  # after loading, as the chunks may follow the pixels
            width, height = picture.size
    except (OSError, ValueError) as error:
        raise records.corrupt(path, error, "dvc repro plot") from None
    return Image(path, text.get("Description", path.stem), width, height)


def _rank(stem: str) -> tuple[int, str]:
    """Place in the order; ``pages-coffee`` goes with ``pages``."""
    for candidate in (stem, stem.split("-")[0]):
        if candidate in ORDER:
            return ORDER.index(candidate), stem
    return len(ORDER), stem


def dataset_cards() -> dict[str, dict[str, Any]]:
    """``dataset.json`` of every processed dataset, by name."""
    paths = sorted(layout.processed("").glob(f"*/{layout.dataset_card('').name}"))
    return {
        path.parent.name: records.record(path, f"dvc repro preprocess@{path.parent.name}")
        for path in paths
    }
