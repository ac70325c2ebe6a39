"""Published results beside our reproduction of them and the metric that we recommend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inkbench import layout, params, records
from inkbench.data_source import REAL
from inkbench.errors import InkbenchError
from inkbench.figures.outputs import Outputs, read_record
from inkbench.reporting import leaderboard
from inkbench.reporting.collect import Entry

PAGE = "published.html"
_PUBLISHED = Path(__file__).with_name("published.yaml")


@dataclass(frozen=True)
class Reproduction:
    """A published result, reproduced with its bugs."""

    name: str  # in params.yaml
    metrics: dict[str, Any]  # metrics/published/<name>.json

    @property
    def dataset(self) -> str:
        """Name of its dataset."""
        return self.metrics["dataset"]

    @property
    def is_synthetic(self) -> bool:
        """Whether it ran on synthetic data."""
        return self.metrics["data_source"] != REAL

    @property
    def outputs(self) -> Outputs:
        """Its arrays and tables."""
        rerun = records.rerun_command("published", self.name)
        return Outputs(layout.evaluation(layout.claim(self.name)), rerun)

    def fill(self, text: str) -> str:
        """Insert metrics into a text: ``{test_bce:.2%}`` becomes ``16.77 %``."""
        try:
            return text.format_map(self.metrics).replace("%", " %").replace("  %", " %")
        except (KeyError, ValueError) as error:
            path = layout.metrics(layout.claim(self.name))
            raise InkbenchError(
                f"{path} does not fit {text!r} ({error}); run `{self.outputs.rerun}`"
            ) from None


@dataclass(frozen=True)
class Number:
    """A number of ours: text and note, and the variant or reproduction and page it is from."""

    name: str
    page: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """A published result, what it measured, and our numbers for it."""

    claim: str
    published: str
    measured: str  # in a few words
    explanation: str
    ours: Number | None  # for the same quantity
    recommended: Number | None
    figure: str  # on the page of the recommended variant
    reproduction: Reproduction | None
    evidence: str  # what the reproduction showed


def reproductions() -> dict[str, Reproduction]:
    """Reproduced results of ``params.yaml`` that have metrics, by name."""
    found = {}
    for name in sorted(params.load().published):
        path = layout.metrics(layout.claim(name))
        if path.is_file():
            metrics = read_record(path, "published", name, "data_source", "dataset")
            found[name] = Reproduction(name, metrics)
    return found


def claims(entries: Sequence[Entry], reproduced: Mapping[str, Reproduction]) -> list[Claim]:
    """The claims of ``published.yaml`` for which there is a variant or a reproduction."""
    by_name = {entry.name: entry for entry in entries}
    rows = yaml.safe_load(_PUBLISHED.read_text(encoding="utf-8"))
    found = [_claim(row, by_name, reproduced.get(row.get("reproduction", ""))) for row in rows]
    return [claim for claim in found if claim.ours or claim.recommended]


def _claim(
    row: dict[str, Any], entries: Mapping[str, Entry], reproduction: Reproduction | None
) -> Claim:
    ours, evidence = None, ""
    if reproduction:
        text, note = (reproduction.fill(row["ours"][key]) for key in ("text", "note"))
        page = f"{PAGE}#{reproduction.name}"
        ours = Number(reproduction.name, page, text, _label(reproduction) + note)
        evidence = reproduction.fill(row["evidence"])
    elif "reproduction" not in row:
        ours = _number(entries, row.get("ours"))
    keys = ("claim", "published", "measured", "explanation", "figure")
    texts = {key: row[key] for key in keys} | {"evidence": evidence}
    recommended = _number(entries, row.get("recommended"))
    return Claim(ours=ours, recommended=recommended, reproduction=reproduction, **texts)


def _number(entries: Mapping[str, Entry], wanted: dict[str, str] | None) -> Number | None:
    entry = entries.get(wanted["variant"]) if wanted else None
    if not wanted or entry is None or entry.metrics.get(wanted["metric"]) is None:
        return None
    key = wanted["metric"]
    text = f"{_label(entry)}{leaderboard.label(key)} {leaderboard.text(entry, key)}"
    page = f"variants/{entry.name}.html"
    return Number(entry.name, page, text, "; ".join(leaderboard.notes(entry, key)))


def _label(measured: Reproduction | Entry) -> str:
    return "synthetic data: " if measured.is_synthetic else ""
