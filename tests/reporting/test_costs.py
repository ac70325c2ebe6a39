"""What trainings cost: read from the committed table, and missed without harm."""

from pathlib import Path

import pytest

from inkbench.errors import InkbenchError
from inkbench.figures import comparison
from inkbench.reporting import collect, drawings, leaderboard


def pareto(folder: Path) -> list[collect.Image]:
    folder.mkdir()
    return drawings.of_boards(leaderboard.boards(collect.results()), folder)


def test_seconds_are_those_of_the_committed_table(mine: Path):
    result = collect.result("notmnist-dense-ae")
    assert result.metrics["seconds"] == result.card["seconds"] == 30.5
    assert result.card["peak_memory_mb"] == 1904


def test_a_variant_that_the_table_does_not_know_has_no_point(mine: Path):
    table = mine / "benchmarks/costs.csv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join(row for row in rows if not row.startswith("mnist-vae,")))
    assert "seconds" not in collect.result("mnist-vae").metrics
    known = comparison.Contender("known", 0.9, 1000, 20)
    figure = comparison.pareto(
        {"": [known, comparison.Contender("new", 0.8, 2000)]}, "accuracy", True, True, "Title"
    )
    points = [len(axes.collections[0].get_offsets()) for axes in figure.axes]
    assert points == [2, 1]


def test_without_the_table_there_is_no_panel_of_seconds(mine: Path):
    with_seconds = {image.name: image for image in pareto(mine / "with")}
    (mine / "benchmarks/costs.csv").unlink()
    without = pareto(mine / "without")
    assert without and {image.name for image in without} == set(with_seconds)
    for image in without:
        assert image.width < with_seconds[image.name].width
        assert "seconds" in with_seconds[image.name].alt and "seconds" not in image.alt


def test_a_broken_table_is_named(mine: Path):
    (mine / "benchmarks/costs.csv").write_text("variant,seconds\nmnist-vae\n")
    with pytest.raises(InkbenchError, match=r"benchmarks/costs.csv cannot be read .*costs.py"):
        collect.result("mnist-vae")
