"""The README's results: tables between two markers, written from ``metrics/`` and nowhere else."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from inkbench import disk, layout, params
from inkbench.errors import InkbenchError
from inkbench.reporting import audits, claims, collect, leaderboard
from inkbench.reporting.audits import Audit
from inkbench.reporting.collect import Entry

START, END = "<!-- results:start -->", "<!-- results:end -->"


def update(path: Path = layout.README, check: bool = False) -> bool:
    """Rewrite what stands between the two markers of a README.

    Parameters
    ----------
    path
        The README; everything outside the markers stays as it is.
    check
        Write nothing; raise if the tables are not those of ``metrics/``.

    Returns
    -------
    bool
        Whether the file changed.

    Raises
    ------
    InkbenchError
        If the file or a marker is missing, ``metrics/`` is empty, or, with ``check``, the tables
        are out of date.
    """
    before, old, after = _split(path)
    new = f"\n{tables(entries(), reruns())}\n"
    if new == old:
        return False
    if check:
        raise InkbenchError(f"{path}: its results are not those of metrics/; run `inkbench readme`")
    disk.write_text(path, before + START + new + END + after)
    return True


def _split(path: Path) -> tuple[str, str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InkbenchError(f"{path} cannot be read: {error}") from None
    for marker in (START, END):
        if text.count(marker) != 1:
            raise InkbenchError(
                f"{path} must have `{marker}` exactly once, not {text.count(marker)} times"
            )
    before, rest = text.split(START)
    if END not in rest:
        raise InkbenchError(f"{path}: `{END}` stands before `{START}`; put it after")
    old, after = rest.split(END)
    return before, old, after


def entries() -> list[Entry]:
    """Variants of ``params.yaml`` that have metrics."""
    known = params.load().train
    found = set(collect.measured())
    return [
        Entry(name, block.model_dump(mode="json"), collect.metrics_of(name))
        for name, block in known.items()
        if name in found
    ]


def reruns() -> dict[str, Audit]:
    """Claims of ``params.yaml`` that were run again."""
    known = params.load().published
    return {name: audit for name, audit in audits.audits().items() if name in known}


def tables(variants: Sequence[Entry], rerun: Mapping[str, Audit]) -> str:
    """Markdown: a leaderboard for each task and dataset, then published beside measured figures."""
    parts = []
    for board in [*leaderboard.boards(variants), *leaderboard.comparisons(variants)]:
        parts += [
            f"**{board.title}** ({_data(board.rows[0].entry, board.is_synthetic)})",
            _board(board),
        ]
    found = claims.claims(variants, rerun)
    if found:
        parts += ["**Published and measured**", _claims(found)]
    parts += _costs(variants)
    return "\n\n".join(parts)


def _costs(variants: Sequence[Entry]) -> list[str]:
    """How long the trainings took, if that was measured for all of them."""
    costs = [collect.costs_of(entry.name) for entry in variants]
    seconds = [cost["seconds"] for cost in costs if "seconds" in cost]
    if not seconds or len(seconds) < len(costs):
        return []
    minutes, longest = sum(seconds) / 60, max(seconds) / 60
    return [
        f"Training all {len(seconds)} variants took {minutes:.0f} minutes, the longest "
        f"{longest:.1f} (`{layout.COSTS}`)."
    ]


def _data(entry: Entry, is_synthetic: bool) -> str:
    count = entry.metrics.get("n_test")
    size = (
        f", {count:,} test {'pages' if entry.task == 'restoration' else 'images'}" if count else ""
    )
    return ("**synthetic data, not the real dataset**" if is_synthetic else "real data") + size


def _board(board: leaderboard.Board) -> str:
    rows = [
        [f"`{row.entry.name}`", *(_bold(cell.text, cell.best) for cell in row.cells)]
        for row in board.rows
    ]
    heads = ["variant", *(name for name, _ in board.columns)]
    return _markdown(heads, rows, numeric=True)


def _claims(found: Sequence[claims.Claim]) -> str:
    rows = [
        [c.claim, c.published, c.short, _figure(c.same, bool(c.audit)), _figure(c.ours, False)]
        for c in found
    ]
    heads = ["claim", "published", "which is", "the same quantity, here", "what we would look at"]
    return _markdown(heads, rows, numeric=False)


def _figure(figure: claims.Figure | None, rerun: bool) -> str:
    if not figure:
        return leaderboard.NOTHING
    return f"{figure.text}; {figure.note}" if rerun else f"{figure.text} (`{figure.name}`)"


def _bold(text: str, best: bool) -> str:
    return f"**{text}**" if best else text


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: bool) -> str:
    rule = ["---", *(["---:" if numeric else "---"] * (len(heads) - 1))]
    lines = [heads, rule, *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )
