"""The outputs of the stages, as the report reads them."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import layout, params, records
from inkbench.data_source import REAL
from inkbench.datasets.common.store import PAGE_DISJOINT
from inkbench.errors import InkbenchError
from inkbench.figures.outputs import Outputs, read_record
from inkbench.params import Variant
from inkbench.reporting import seeds
from inkbench.reporting.seeds import Trial

COST_COLUMNS = ("seconds", "images_per_second", "peak_memory_mb")
# Order of the figures on a model card.
ORDER = (
    "close-up",
    "pages",
    "reconstructions",
    "denoising",
    "samples",
    "interpolations",
    "manifold",
    "misclassified",
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
_SPLITS = {"mlebench": "MLE-bench"}


@dataclass(frozen=True)
class Image:
    """A PNG figure, its alternative text and its size in pixels."""

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
    """A row of a leaderboard: one variant."""

    name: str
    block: dict[str, Any]  # of params.yaml
    metrics: dict[str, Any]  # metrics/V.json, and the training ``seconds`` if known
    seeds: dict[int, Trial] = field(default_factory=dict, kw_only=True)  # of its seed sweep

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
        """Settings that make its metrics incomparable with others on the same dataset."""
        split = self.block.get("split", PAGE_DISJOINT)
        conditions = {
            "binarised at 0.5": self.block.get("binarise"),
            "noisy input": any(self.block.get("noise", {}).values()),
            f"{_SPLITS.get(split, split)} split": split != PAGE_DISJOINT,
        }
        return tuple(text for text, holds in conditions.items() if holds)

    @property
    def is_synthetic(self) -> bool:
        """Whether its metrics were measured on synthetic data."""
        return self.metrics["data_source"] != REAL


@dataclass(frozen=True)
class Result(Entry):
    """A variant with everything on its model card."""

    card: dict[str, Any]  # train.json, and the training costs if known
    images: list[Image]

    @cached_property
    def history(self) -> dict[str, np.ndarray]:
        """Columns of ``history.csv``."""
        path, rerun = layout.history(self.name), records.rerun_command("train", self.name)
        columns = records.numbers(path, rerun)
        records.column(columns, path, rerun, "epoch")  # is required
        return columns

    @property
    def accuracy(self) -> str:
        """Name of the accuracy in its history."""
        return "accuracy" if self.task == "classification" else "binary_accuracy"

    @property
    def final_phase(self) -> np.ndarray:
        """Rows of ``history`` after the pretraining, whose loss differs: bool ``[epochs]``."""
        return np.isfinite(self.history.get(self.accuracy, self.history["epoch"]))


def metrics_of(name: str) -> dict[str, Any]:
    """``metrics/V.json``; `InkbenchError` if it is missing, broken or has no ``data_source``."""
    return read_record(layout.metrics(name), "evaluate", name, "data_source")


def measured() -> dict[str, Variant]:
    """Variants of ``params.yaml`` that have metrics; `InkbenchError` if there are none."""
    variants = params.load().train.items()
    found = {name: block for name, block in variants if layout.metrics(name).is_file()}
    if not found:
        raise InkbenchError(f"{layout.METRICS}/ holds no metrics yet; run `dvc repro`")
    return found


def results() -> list[Result]:
    """All variants with metrics; `InkbenchError` if another output of one is missing."""
    return [result(name) for name in sorted(measured())]


def result(name: str) -> Result:
    """One variant of `results`."""
    path = layout.training_card(name)
    if not path.is_file():
        raise InkbenchError(f"{path} not found; run `dvc repro plot@{name}`")
    card = read_record(path, "train", name, "variant")
    block = card["variant"]
    if not isinstance(block, dict) or not {"task", "dataset"} <= block.keys():
        rerun = records.rerun_command("train", name)
        raise InkbenchError(f"{path} has no complete 'variant'; run `{rerun}`")
    metrics = metrics_of(name)
    costs = costs_of(name) if metrics["data_source"] == REAL else {}  # they are of real trainings
    trials = seeds.of_variant(name, block.get("seed"), metrics)
    if "seconds" in costs:
        metrics["seconds"] = costs["seconds"]
    figures = images(layout.plots(name), name)
    return Result(name, block, metrics, card | costs, figures, seeds=trials)


def costs_of(name: str) -> dict[str, float]:
    """Training costs of a variant in `layout.COSTS`, empty if unknown."""
    if not layout.COSTS.exists():
        return {}
    table = Outputs(layout.COSTS.parent, "python benchmarks/costs.py")
    names = table.texts(layout.COSTS.name, "variant")
    columns = table.columns(layout.COSTS.name, *COST_COLUMNS)
    if name not in names:
        return {}
    row = (float(values[names.index(name)]) for values in columns)
    costs = {key: cost for key, cost in zip(COST_COLUMNS, row, strict=True) if np.isfinite(cost)}
    return {key: int(cost) if cost.is_integer() else cost for key, cost in costs.items()}


def images(folder: Path, name: str) -> list[Image]:
    """Figures of a variant in the order of the model card."""
    paths = sorted(folder.glob("*.png"), key=lambda path: _rank(path.stem))
    if not paths:
        raise InkbenchError(f"{folder} holds no figures; run `dvc repro plot@{name}`")
    return [read_image(path) for path in paths]


def read_image(path: Path) -> Image:
    """Read alternative text and size of a figure; `InkbenchError` if it is not a PNG file."""
    from PIL import Image as Pillow
    from PIL.PngImagePlugin import PngImageFile

    try:
        with Pillow.open(path) as picture:
            if not isinstance(picture, PngImageFile):
                raise ValueError("not a PNG file")
            text = picture.text  # loads the pixels, which may precede the text chunks
            width, height = picture.size
    except (OSError, ValueError) as error:
        raise records.corrupt(path, error, "dvc repro plot") from None
    return Image(path, text.get("Description", path.stem), width, height)


def _rank(stem: str) -> tuple[int, str]:
    """Sorting key by `ORDER`; ``pages-coffee`` follows ``pages``."""
    for candidate in (stem, stem.split("-")[0]):
        if candidate in ORDER:
            return ORDER.index(candidate), stem
    return len(ORDER), stem


def dataset_cards() -> dict[str, dict[str, Any]]:
    """``dataset.json`` of every processed dataset, by name."""
    paths = sorted(layout.processed("").glob(f"*/{layout.dataset_card('').name}"))
    names = [path.parent.name for path in paths]
    return {name: read_record(layout.dataset_card(name), "preprocess", name) for name in names}
