"""Result tables of README.md and docs/results.md, generated from ``metrics/``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from inkbench import disk, layout
from inkbench.errors import InkbenchError
from inkbench.reporting import claims, collect, leaderboard, seeds
from inkbench.reporting.claims import Claim, Number, Reproduction
from inkbench.reporting.collect import Entry
from inkbench.reporting.leaderboard import Board

START, END = "<!-- results:start -->", "<!-- results:end -->"


def update(check: bool = False) -> None:
    """Rewrite the text between the two markers of README.md and docs/results.md.

    With ``check``, write nothing and raise `InkbenchError` if the tables are out of date.
    """
    variants, reproduced = entries(), claims.reproductions()
    texts = {layout.README: summary(variants, reproduced), layout.RESULTS: tables(variants)}
    pages = [(path, *_split(path), f"\n{text}\n") for path, text in texts.items()]
    for path, before, old, after, new in pages:
        if new != old and check:
            raise InkbenchError(f"{path}: results differ from metrics/; run `inkbench readme`")
        if new != old:
            disk.write_text(path, before + START + new + END + after)


def _split(path: Path) -> tuple[str, str, str]:
    """Text before, between and after the markers."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InkbenchError(f"{path} cannot be read: {error}") from None
    parts = re.split(f"({START}|{END})", text)
    if parts[1::2] != [START, END]:
        raise InkbenchError(f"{path} must contain `{START}` and below it `{END}`, each once")
    return parts[0], parts[2], parts[4]


def entries() -> list[Entry]:
    """Variants of ``params.yaml`` that have metrics."""
    found = []
    for name, block in collect.measured().items():
        metrics = collect.metrics_of(name)
        trials = seeds.of_variant(name, block.seed, metrics)
        found.append(Entry(name, block.model_dump(mode="json"), metrics, seeds=trials))
    return found


def summary(variants: Sequence[Entry], reproduced: Mapping[str, Reproduction]) -> str:
    """Markdown of the best variants and the published results."""
    rows = []
    for board in leaderboard.boards(variants):
        best, lead = board.rows[0], board.lead
        result = f"{board.columns[lead][0]} {best.cells[lead].text}"
        of_best = replace(board, rows=[best])
        measured = board.measured + _seeds(of_best) if board.measured else _data(of_best)
        rows.append([board.title, f"`{best.entry.name}`", result, measured])
    heads = ["task and data", "best variant", "its result", "measured on"]
    parts = [_markdown(heads, rows, "---"), *_legend(variants)[:1]]
    published = claims.claims(variants, reproduced)
    if published:
        parts += ["**Published results**", _published(published)]
    return "\n\n".join(parts)


def tables(variants: Sequence[Entry]) -> str:
    """Markdown of the leaderboards, the comparisons and the costs."""
    parts = []
    for board in [*leaderboard.boards(variants), *leaderboard.comparisons(variants)]:
        words = f"columns whose name says *{board.measured}*: synthetic; others: "
        lead = words if board.measured else ""
        parts += [f"**{board.title}** ({lead}{_data(board)})", _leaderboard(board)]
    return "\n\n".join(parts + _legend(variants) + _costs(variants))


def _legend(variants: Sequence[Entry]) -> list[str]:
    """What ± means, and what bold and ≈ do, if there are seeds."""
    return [*leaderboard.LEGEND] if any(entry.seeds for entry in variants) else []


def _costs(variants: Sequence[Entry]) -> list[str]:
    """Training times, if they are known for all variants."""
    costs = [collect.costs_of(entry.name) for entry in variants]
    seconds = [cost["seconds"] for cost in costs if "seconds" in cost]
    if not seconds or len(seconds) < len(costs):
        return []
    return [
        f"Training all {len(seconds)} variants took {sum(seconds) / 60:.0f} minutes in total "
        f"(longest: {max(seconds) / 60:.0f} minutes), several at a time (`{layout.COSTS}`)."
    ]


def _data(board: Board) -> str:
    source = "**synthetic data, not the real dataset**" if board.is_synthetic else "real data"
    count = board.rows[0].entry.metrics.get("n_test")
    unit = "pages" if board.task in ("restoration", "cleaning") else "images"
    source += _seeds(board)
    return f"{source}, {count:,} test {unit}" if count else source


def _seeds(board: Board) -> str:
    counts = sorted({max(1, len(row.entry.seeds)) for row in board.rows})
    return f", {' or '.join(map(str, counts))} seeds" if counts[-1] > 1 else ""


def _leaderboard(board: Board) -> str:
    rows = [
        [f"`{row.entry.name}`", *(f"**{c.text}**" if c.best else c.text for c in row.cells)]
        for row in board.rows
    ]
    return _markdown(["variant", *(name for name, _ in board.columns)], rows, "---:")


def _published(published: Sequence[Claim]) -> str:
    heads = ["claim", "published", "what it measured", "our reproduction", "recommended metric"]
    rows = []
    for claim in published:
        ours, recommended = _number(claim.ours, claim.reproduction), _number(claim.recommended)
        rows.append([claim.claim, claim.published, claim.measured, ours, recommended])
    return _markdown(heads, rows, "---")


def _number(number: Number | None, reproduction: Reproduction | None = None) -> str:
    if not number:
        return leaderboard.NOTHING
    return f"{number.text}; {number.note}" if reproduction else f"{number.text} (`{number.name}`)"


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]], alignment: str) -> str:
    lines = [heads, ["---", *[alignment] * (len(heads) - 1)], *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )
