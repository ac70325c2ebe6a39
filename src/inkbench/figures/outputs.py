"""Outputs of earlier stages, as the figures read them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import datasets, layout, records
from inkbench.data_source import REAL
from inkbench.errors import InkbenchError
from inkbench.figures import pages, style


@dataclass(frozen=True)
class Outputs:
    """Arrays and tables of one stage; a missing or broken one raises `InkbenchError`."""

    folder: Path
    rerun: str  # command that recreates the folder, for error messages

    def has(self, file: str) -> bool:
        """Whether an optional file exists."""
        return (self.folder / file).exists()

    def arrays(self, file: str, *names: str) -> list[np.ndarray]:
        """Named arrays of an ``.npz`` file."""
        path = self.folder / file
        return records.take(records.arrays(path, self.rerun), path, self.rerun, *names)

    def by_epoch(self, file: str) -> dict[int, np.ndarray]:
        """Arrays ``outputs_<epoch>`` of an ``.npz`` file."""
        path = self.folder / file
        prefix = "outputs_"
        outputs = {
            int(name.removeprefix(prefix)): values
            for name, values in records.arrays(path, self.rerun).items()
            if name.startswith(prefix)
        }
        if not outputs:
            raise InkbenchError(f"{path} has no array '{prefix}<epoch>'; run `{self.rerun}`")
        return outputs

    def numbers(self, file: str) -> dict[str, np.ndarray]:
        """Numeric columns of a ``.csv`` file, NaN for an empty cell."""
        return records.numbers(self.folder / file, self.rerun)

    def columns(self, file: str, *names: str) -> list[np.ndarray]:
        """Named numeric columns of a ``.csv`` file."""
        columns, path = self.numbers(file), self.folder / file
        return [records.column(columns, path, self.rerun, name) for name in names]

    def texts(self, file: str, name: str) -> list[str]:
        """A text column of a ``.csv`` file."""
        path = self.folder / file
        return records.column(records.table(path, self.rerun), path, self.rerun, name)


def read_record(path: Path, stage: str, name: str, *keys: str) -> dict[str, Any]:
    """Read the JSON object of a stage; `InkbenchError` if it or a required key is missing."""
    record = records.record(path, f"dvc repro {stage}@{name}")
    for key in keys:
        if key not in record:
            rerun = records.rerun_command(stage, name)
            raise InkbenchError(f"{path} has no {key!r}; run `{rerun}`")
    return record


@dataclass(frozen=True)
class VariantOutputs:
    """Outputs of the stages of one variant."""

    name: str
    card: dict[str, Any]  # train.json

    @property
    def variant(self) -> dict[str, Any]:
        """The variant's block of ``params.yaml`` at training time."""
        return self.card["variant"]

    @property
    def source(self) -> style.Source:
        """Footer of the figures."""
        dataset = self.card["dataset"]
        is_synthetic = self.card["data_source"] != REAL
        return style.Source(f"{self.name} · {datasets.title(dataset)}", is_synthetic)

    @property
    def training(self) -> Outputs:
        """Outputs of the train stage."""
        rerun = records.rerun_command("train", self.name)
        return Outputs(layout.model_folder(self.name), rerun)

    @property
    def evaluation(self) -> Outputs:
        """Outputs of the evaluate stage."""
        rerun = records.rerun_command("evaluate", self.name)
        return Outputs(layout.evaluation(self.name), rerun)

    def example_pages(self) -> list[pages.Result]:
        """The test pages that the evaluation saved as examples."""
        path, rerun = self.evaluation.folder / "pages.npz", self.evaluation.rerun
        arrays = records.arrays(path, rerun)
        columns = records.take(arrays, path, rerun, "names", "noise", "role", "rmse")
        return [
            pages.Result(
                str(name),
                str(noise),
                str(role),
                float(rmse),
                *records.take(arrays, path, rerun, f"noisy_{i}", f"restored_{i}", f"clean_{i}"),
            )
            for i, (name, noise, role, rmse) in enumerate(zip(*columns, strict=True))
        ]

    def close_up_page(self) -> pages.Result:
        """The example for a close-up: a typical page with a coffee stain if there is one."""
        return min(self.example_pages(), key=lambda p: (p.noise != "coffee", p.atypicality))


def open_variant(name: str) -> VariantOutputs:
    """Open the outputs of a variant; `InkbenchError` if it is not trained and evaluated."""
    path = layout.training_card(name)
    card = read_record(path, "train", name, "variant", "data_source", "dataset")
    if not layout.evaluation(name).is_dir():
        raise records.missing(layout.evaluation(name), f"dvc repro evaluate@{name}")
    return VariantOutputs(name, card)
