"""Published claims that were run again: their figures, and a picture of each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkbench import layout, records
from inkbench.data_source import REAL
from inkbench.errors import InkbenchError
from inkbench.figures import published, style
from inkbench.reporting import collect, leaderboard
from inkbench.reporting.collect import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Audit:
    """One claim, run again.

    Attributes
    ----------
    name
        Of the claim in ``params.yaml``.
    metrics
        ``metrics/published/<name>.json``.
    """

    name: str
    metrics: dict[str, Any]

    @property
    def dataset(self) -> str:
        """Name of its dataset."""
        return self.metrics["dataset"]

    @property
    def is_synthetic(self) -> bool:
        """Whether it was run on generated data."""
        return self.metrics["data_source"] != REAL

    @property
    def rerun(self) -> str:
        """Command that makes its evidence anew."""
        return records.rerun_command("published", self.name)

    def fill(self, text: str) -> str:
        """Put metrics into a text: ``{test_bce:.2%}`` becomes ``16.77 %``."""
        try:
            return text.format_map(self.metrics).replace("%", " %").replace("  %", " %")
        except (KeyError, ValueError) as error:
            path = layout.metrics(layout.claim(self.name))
            raise InkbenchError(f"{path} does not fit {text!r} ({error}); {self.rerun}") from None

    @cached_property
    def folder(self) -> Path:
        """Where its arrays and tables are."""
        return layout.evaluation(layout.claim(self.name))

    def arrays(self, file: str) -> dict[str, np.ndarray]:
        """Arrays of an ``.npz`` file; `InkbenchError` if it is missing or broken."""
        return records.arrays(self.folder / file, self.rerun)

    def columns(self, file: str) -> dict[str, np.ndarray]:
        """Columns of numbers of a ``.csv`` file; `InkbenchError` if it is missing or broken."""
        return records.numbers(self.folder / file, self.rerun)


def audits() -> dict[str, Audit]:
    """All claims that were run again, by name; empty if there are none."""
    paths = sorted(layout.metrics(layout.claim("")).parent.glob("*.json"))
    found = {}
    for path in paths:
        audit = Audit(path.stem, records.record(path, f"dvc repro published@{path.stem}"))
        for key in ("data_source", "dataset"):
            if key not in audit.metrics:
                raise InkbenchError(f"{path} has no {key!r}; run `{audit.rerun}`")
        if path.stem in _DRAWINGS:
            found[path.stem] = audit
    return found


def picture(audit: Audit, folder: Path) -> Image:
    """Draw the picture of a claim into a folder.

    Raises
    ------
    InkbenchError
        If a file behind it is missing or broken.
    """
    draw, alt = _DRAWINGS[audit.name]
    try:
        figure = draw(audit)
    except KeyError as error:
        raise InkbenchError(f"{audit.folder} has no {error}; run `{audit.rerun}`") from None
    path = folder / f"published-{audit.name}.png"
    about = f"{audit.name} · {leaderboard.dataset_title(audit.dataset)}"
    style.save(figure, path, style.Source(about, audit.is_synthetic), alt)
    return collect.read_image(path)


def _misread_loss(audit: Audit) -> "Figure":
    found = audit.arrays("samples.npz")
    drawn = {
        int(key.removeprefix("outputs_")): found[key] for key in found if key.startswith("outputs_")
    }
    perfect = audit.metrics["bce_of_a_perfect_copy"]
    return published.misread_loss(audit.columns("curve.csv"), perfect, found["inputs"], drawn)


def _bytes_for_letters(audit: Audit) -> "Figure":
    found = audit.arrays("shown.npz")
    rows = {
        "what it was shown": found["tiles"],
        "what it drew": found["tiles_drawn"],
        "the softmax head": found["tiles_softmax"],
        "letters": found["letters"],
        "what it makes of them": found["letters_drawn"],
        "trained on letters": found["letters_mended"],
    }
    epochs = audit.metrics["epochs"]
    trained = f"after {epochs} epoch{'s' if epochs != 1 else ''}"
    blocks = [f"Its world: bytes, {trained}", "Letters, which it never saw"]
    return published.bytes_for_letters(rows, blocks)


def _few_images(audit: Audit) -> "Figure":
    path = audit.folder / "letters.csv"
    named = records.table(path, audit.rerun)
    letters = records.column(named, path, audit.rerun, "letter")
    by_letter = audit.columns("letters.csv")
    return published.few_images(
        audit.columns("draws.csv")["chance"],
        (audit.metrics["draws_low"], audit.metrics["draws_high"]),
        (0.625, 0.7375, 0.7625),
        letters,
        by_letter["as_published"],
        by_letter["mended"],
    )


def _clipped(audit: Audit) -> "Figure":
    found = audit.arrays("samples.npz")
    rows = {
        "digits": found["targets"],
        "as published": found["as_published"],
        "with sigmoid": found["mended"],
    }
    outputs = (found["counts"], found["counts_untrained"], found["edges"])
    return published.clipped(audit.columns("curve.csv"), *outputs, rows)


def _pair(audit: Audit) -> "Figure":
    found = audit.arrays("samples.npz")
    rows = {
        "digits": found["targets"],
        "Base": found["base"],
        "Sparse": found["sparse"],
        "in earnest": found["on"],
    }
    return published.pair(audit.columns("curve.csv"), rows)


# Claim → what draws it, its title, and a description for people who cannot see it.
_DRAWINGS: dict[str, tuple[Callable[[Audit], "Figure"], str]] = {
    "notmnist-basic": (
        _misread_loss,
        "The printed figure falls epoch by epoch while the share of right pixels rises; beside it "
        "letters drawn by the untrained network, after the first epoch and after the last.",
    ),
    "notmnist-multilayer": (
        _bytes_for_letters,
        "Noise-like squares of bytes, what the network drew of them, and the all-black squares of "
        "the softmax head; below, letters, which it never saw.",
    ),
    "notmnist-80-images": (
        _few_images,
        "Distribution of the accuracy of 80 images with the published figures marked; accuracy of "
        "each letter with and without mirrored training images.",
    ),
    "mnist-logits": (
        _clipped,
        "Test loss as published and with a sigmoid, histogram of the outputs with those the loss "
        "clips shaded, and digits drawn by both networks.",
    ),
    "mnist-sparse-pair": (
        _pair,
        "Loss curves of Base and Sparse that lie on one another, a third that does not, and digits "
        "drawn by the three networks.",
    ),
}
