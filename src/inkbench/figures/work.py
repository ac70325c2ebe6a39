"""What the stages left of one variant: where it is and how to read it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import datasets, layout, records
from inkbench.data_source import REAL
from inkbench.errors import InkbenchError
from inkbench.figures import pages, style


@dataclass(frozen=True)
class Work:
    """What one variant's stages left: where it is and how to read it."""

    name: str
    card: dict[str, Any]

    @property
    def variant(self) -> dict[str, Any]:
        """The variant's block of ``params.yaml`` as it was trained."""
        return self.card["variant"]

    @property
    def source(self) -> style.Source:
        """What the footer of its figures says."""
        dataset = self.card["dataset"]
        is_synthetic = self.card["data_source"] != REAL
        return style.Source(f"{self.name} · {datasets.title(dataset)}", is_synthetic)

    def path(self, file: str) -> Path:
        """An evaluation file."""
        return layout.evaluation(self.name) / file

    def has(self, file: str) -> bool:
        """Whether an optional evaluation file is there."""
        return self.path(file).exists()

    def arrays(self, file: str, *names: str) -> list[np.ndarray]:
        """Named arrays of an evaluation file."""
        path = self.path(file)
        return records.take(records.arrays(path, self.rerun), path, self.rerun, *names)

    def columns(self, file: str, *names: str, text: bool = False) -> list[Any]:
        """Named columns of an evaluation table: float64 arrays, or lists of text."""
        path = self.path(file)
        found = (records.table if text else records.numbers)(path, self.rerun)
        return [records.column(found, path, self.rerun, name) for name in names]

    @property
    def rerun(self) -> str:
        """Command that evaluates anew."""
        return records.rerun_command("evaluate", self.name)

    def shown_pages(self) -> list[pages.Result]:
        """The test pages that the evaluation chose to show."""
        path = self.path("pages.npz")
        found = records.arrays(path, self.rerun)
        about = records.take(found, path, self.rerun, "names", "noise", "role", "rmse")
        return [
            pages.Result(
                str(name),
                str(noise),
                str(role),
                float(rmse),
                *records.take(found, path, self.rerun, f"noisy_{i}", f"restored_{i}", f"clean_{i}"),
            )
            for i, (name, noise, role, rmse) in enumerate(zip(*about, strict=True))
        ]

    def page_for_close_up(self) -> pages.Result:
        """A typical page with a coffee stain if there is one: it shows best what is taken away."""
        return min(self.shown_pages(), key=lambda p: (p.noise != "coffee", p.role != "typical"))


def open_work(name: str) -> Work:
    """Find a trained variant.

    Raises
    ------
    InkbenchError
        If there is none of that name, or its card is incomplete.
    """
    path = layout.training_card(name)
    card = records.record(path, f"dvc repro train@{name}")
    for key in ("variant", "data_source", "dataset"):
        if key not in card:
            raise InkbenchError(
                f"{path} has no {key!r}; run `{records.rerun_command('train', name)}`"
            )
    if not layout.evaluation(name).is_dir():
        raise records.missing(layout.evaluation(name), f"dvc repro evaluate@{name}")
    return Work(name, card)
