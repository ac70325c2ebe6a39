"""The static report: every page and every image in one folder."""

import shutil
from pathlib import Path
from typing import Any

from inkbench import datasets
from inkbench.data_source import REAL
from inkbench.datasets.common import store
from inkbench.reporting import claims, collect, data, drawings, leaderboard, seeds
from inkbench.reporting.collect import Image, Result

_HERO_FIGURES = ("close-up", "samples", "reconstructions", "misclassified", "code")
_TEMPLATES = Path(__file__).with_name("templates")


def render(folder: Path) -> list[str]:
    """Write the report into an empty folder; return the pages' paths relative to it.

    The folder gets ``index.html``, ``published.html``, ``variants/``, ``datasets/``, ``figures/``
    and ``data/``. `InkbenchError` if an input is missing or broken.
    """
    results = collect.results()
    cards = collect.dataset_cards()
    for result in results:
        if result.dataset not in cards:
            store.load_card(result.dataset)  # raises, naming the file
    reproduced = claims.reproductions()
    published = claims.claims(results, reproduced)
    boards = leaderboard.boards(results)
    figures = folder / "figures"
    figures.mkdir(parents=True)
    tables = data.write(results, folder / "data")
    synthetic = {name for name, card in cards.items() if card.get("data_source") != REAL}
    synthetic |= {result.dataset for result in results if result.is_synthetic}
    synthetic |= {value.dataset for value in reproduced.values() if value.is_synthetic}
    environment = _environment()
    environment.globals |= {
        "results": results,
        "cards": cards,
        "words": leaderboard.wording(),
        "show": leaderboard.show,
        "label": leaderboard.label,
        "text": leaderboard.text,
        "spread": leaderboard.spread,
        "legend": " ".join(leaderboard.LEGEND).replace("`", ""),
        "meaning": leaderboard.meaning,
        "dataset_title": datasets.title,
        "synthetic_names": sorted(synthetic),
    }
    pages: list[str] = []

    def write(page: str, template: str, **facts: object) -> None:
        text = environment.get_template(template).render(up="../" * page.count("/"), **facts)
        path = folder / page
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        pages.append(page)

    by_name = {result.name: result for result in results}
    blocks = {result.name: result.block for result in results}
    best_first = [by_name[row.entry.name] for board in boards for row in board.rows]

    def hero(name: str) -> tuple[Result, Image] | None:
        """A figure of the best variant that has it."""
        shown = ((r, image) for r in best_first for image in r.images if image.name == name)
        return next(shown, None)

    write(
        "index.html",
        "index.html.jinja",
        boards=[*boards, *leaderboard.comparisons(results)],
        claims=published,
        sweeps=[i for name in seeds.names() for i in drawings.of_sweep(name, blocks, figures)],
        pareto=drawings.of_boards(boards, figures),
        curves=[image for name in cards for image in drawings.of_training(results, name, figures)],
        heroes=[*filter(None, map(hero, _HERO_FIGURES))],
    )
    pictures = {
        name: drawings.of_reproduction(value, figures) for name, value in reproduced.items()
    }
    write(claims.PAGE, "published.html.jinja", claims=published, pictures=pictures)
    for name, card in cards.items():
        write(
            f"datasets/{name}.html",
            "dataset.html.jinja",
            name=name,
            card=card,
            images=drawings.of_dataset(name, card, figures),
        )
    for result in results:
        (figures / result.name).mkdir()
        for image in result.images:
            shutil.copyfile(image.path, figures / result.name / image.path.name)
        write(
            f"variants/{result.name}.html",
            "variant.html.jinja",
            result=result,
            tables=tables[result.name],
            claims=[
                claim
                for claim in published
                if result.name in {n.name for n in (claim.ours, claim.recommended) if n}
            ],
        )
    return pages


def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
