"""The static report: `render` writes every page and copies every image into one folder."""

import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inkbench.data_source import REAL
from inkbench.datasets.common import store
from inkbench.reporting import audits, claims, collect, data, drawings, leaderboard
from inkbench.reporting.audits import Audit
from inkbench.reporting.collect import Image, Result

FIGURES, TABLES = "figures", "data"
_TELLING = ("close-up", "samples", "reconstructions", "confused", "code")
_TEMPLATES = Path(__file__).with_name("templates")


def render(folder: Path) -> list[str]:
    """Write the report into an empty folder.

    Parameters
    ----------
    folder
        Where ``index.html``, ``published.html``, ``variants/``, ``datasets/`` and ``figures/`` go.

    Returns
    -------
    list of str
        Paths of the pages, relative to ``folder``.

    Raises
    ------
    InkbenchError
        If an input is missing or broken.
    """
    results = collect.results()
    cards = collect.dataset_cards()
    for result in results:
        if result.dataset not in cards:
            store.load_card(result.dataset)  # raises, naming the file
    site = _Site(folder, results, cards)
    site.index()
    site.published()
    for name, card in cards.items():
        site.dataset(name, card)
    for result in results:
        site.variant(result)
    return site.pages


class _Site:
    """Pages being written: what they share, and where they are."""

    def __init__(
        self, folder: Path, results: Sequence[Result], cards: dict[str, dict[str, Any]]
    ) -> None:
        self.folder = folder
        self.results = results
        self.cards = cards
        self.pages: list[str] = []
        self.figures = folder / FIGURES
        self.figures.mkdir(parents=True)
        self.boards = leaderboard.boards(results)
        self.audits = audits.audits()
        self.claims = claims.claims(results, self.audits)
        self.tables = data.write(results, folder / TABLES)
        self.environment = _environment()
        self.environment.globals |= {
            "results": results,
            "cards": cards,
            "words": leaderboard.wording(),
            "show": leaderboard.show,
            "label": leaderboard.label,
            "meaning": leaderboard.meaning,
            "dataset_title": leaderboard.dataset_title,
            "synthetic_names": _stand_ins(cards, [*results, *self.audits.values()]),
        }

    def index(self) -> None:
        """Front page: leaderboards, published figures, costs, curves."""
        self._write(
            "index.html",
            boards=[*self.boards, *leaderboard.comparisons(self.results)],
            claims=self.claims,
            pareto=drawings.of_boards(self.boards, self.figures),
            curves=[
                image
                for name in self.cards
                for image in drawings.of_training(self.results, name, self.figures)
            ],
            heroes=self._heroes(),
        )

    def published(self) -> None:
        """The claims, each with what became of it when it was run again as it was."""
        self._write(
            claims.PAGE,
            claims=self.claims,
            pictures={
                name: audits.picture(audit, self.figures) for name, audit in self.audits.items()
            },
        )

    def dataset(self, name: str, card: dict[str, Any]) -> None:
        """A data card."""
        self._write(
            f"datasets/{name}.html",
            "dataset.html",
            name=name,
            card=card,
            images=drawings.of_dataset(name, card, self.figures),
            mine=[result for result in self.results if result.dataset == name],
        )

    def variant(self, result: Result) -> None:
        """A model card with its figures."""
        target = self.figures / result.name
        target.mkdir()
        for image in result.images:
            shutil.copyfile(image.path, target / image.path.name)
        self._write(
            f"variants/{result.name}.html",
            "variant.html",
            result=result,
            tables=self.tables[result.name],
            claims=[
                claim
                for claim in self.claims
                if any(mine and mine.name == result.name for mine in (claim.same, claim.ours))
            ],
        )

    def _heroes(self) -> list[tuple[Result, Image]]:
        """The most telling pictures, each of the best variant that has it."""
        known = {result.name: result for result in self.results}
        leaders = [known[row.entry.name] for board in self.boards for row in board.rows]
        found: list[tuple[Result, Image]] = []
        for name in _TELLING:
            shown = ((r, i) for r in leaders for i in r.images if i.name == name)
            found += list(itertools.islice(shown, 1))
        return found

    def _write(self, page: str, template: str | None = None, **facts: object) -> None:
        found = self.environment.get_template(f"{template or page}.jinja")
        text = found.render(up="../" * page.count("/"), **facts)
        path = self.folder / page
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.pages.append(page)


def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _stand_ins(cards: dict[str, dict[str, Any]], found: Sequence[Result | Audit]) -> list[str]:
    """Datasets that are not the real ones, or on which something generated was measured."""
    generated = {name for name, card in cards.items() if card.get("data_source") != REAL}
    return sorted(generated | {one.dataset for one in found if one.is_synthetic})
