"""Published figures beside ours for the same quantity, and beside the figure we would look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inkbench.reporting import leaderboard
from inkbench.reporting.audits import Audit
from inkbench.reporting.collect import Entry

PAGE = "published.html"
_PUBLISHED = Path(__file__).with_name("published.yaml")


@dataclass(frozen=True)
class Figure:
    """One of our figures.

    Attributes
    ----------
    name
        Of the variant, or of the claim that was run again.
    page
        The report's page on it.
    text, note
        The figure, and what belongs beside it.
    """

    name: str
    page: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """A published figure and what became of it.

    Attributes
    ----------
    same, ours
        Our figure for the same quantity, and the one that we would look at.
    picture
        Of the variant of `ours`.
    audit
        The claim as it was run again, if it was.
    evidence
        What that showed, in words.
    """

    claim: str
    published: str
    short: str
    meaning: str
    same: Figure | None
    ours: Figure | None
    picture: str
    audit: Audit | None = None
    evidence: str = ""


def claims(entries: Sequence[Entry], audits: Mapping[str, Audit]) -> list[Claim]:
    """All claims of ``published.yaml`` that a variant speaks to, or that were run again."""
    by_name = {entry.name: entry for entry in entries}
    rows = yaml.safe_load(_PUBLISHED.read_text(encoding="utf-8"))
    found = [_claim(row, by_name, audits.get(row.get("audit", ""))) for row in rows]
    return [claim for claim in found if claim.same or claim.ours]


def _claim(row: dict[str, Any], entries: dict[str, Entry], audit: Audit | None) -> Claim:
    if "audit" in row:
        same = _rerun(audit, row["same"]) if audit else None
    else:
        same = _figure(entries, row.get("same"))
    return Claim(
        row["claim"],
        row["published"],
        row["short"],
        row["meaning"].strip(),
        same,
        _figure(entries, row.get("ours")),
        row["picture"],
        audit,
        audit.fill(row["evidence"].strip()) if audit else "",
    )


def _rerun(audit: Audit, words: dict[str, str]) -> Figure:
    note = _source(audit) + audit.fill(words["note"])
    return Figure(audit.name, f"{PAGE}#{audit.name}", audit.fill(words["text"]), note)


def _source(one: Audit | Entry) -> str:
    return "synthetic data: " if one.is_synthetic else ""


def _figure(entries: dict[str, Entry], wanted: dict[str, str] | None) -> Figure | None:
    entry = entries.get(wanted["variant"]) if wanted else None
    if not wanted or entry is None or entry.metrics.get(wanted["metric"]) is None:
        return None
    key, metrics = wanted["metric"], entry.metrics
    text = f"{_source(entry)}{leaderboard.label(key)} {leaderboard.show(key, metrics[key])}"
    page = f"variants/{entry.name}.html"
    return Figure(entry.name, page, text, leaderboard.note(key, metrics))
