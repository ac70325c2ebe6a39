"""Training costs: read from the committed table, and optional."""

from pathlib import Path

import pytest

from inkbench.errors import InkbenchError
from inkbench.figures import comparison
from inkbench.reporting import collect, drawings, leaderboard


def test_result_has_the_costs_of_its_row(project_copy):
    table = project_copy / "benchmarks/costs.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:2]))
    result = collect.result("notmnist-dense-ae")
    assert result.metrics["seconds"] == result.card["seconds"] == 30.5
    assert result.card["peak_memory_mb"] == 1904
    assert "seconds" not in collect.result("mnist-vae").metrics


def test_pareto_skips_points_without_costs():
    points = [comparison.Point("a", 0.9, 1000, 20), comparison.Point("b", 0.8, 2000)]
    figure = comparison.pareto({"": points}, "accuracy", True, True, "Title")
    assert [len(axes.collections[0].get_offsets()) for axes in figure.axes] == [2, 1]


def test_of_boards_without_costs_has_no_time_panel(project_copy):
    def draw(folder: str) -> dict[str, collect.Image]:
        Path(folder).mkdir()
        boards = leaderboard.boards(collect.results())
        return {image.name: image for image in drawings.of_boards(boards, Path(folder))}

    timed = draw("timed")
    (project_copy / "benchmarks/costs.csv").unlink()
    untimed = draw("untimed")
    assert untimed and untimed.keys() == timed.keys()
    for name, image in untimed.items():
        assert image.width < timed[name].width
        assert "seconds" in timed[name].alt and "seconds" not in image.alt


def test_result_names_a_broken_table(project_copy):
    (project_copy / "benchmarks/costs.csv").write_text("variant,seconds\nmnist-vae\n")
    with pytest.raises(InkbenchError, match=r"benchmarks/costs\.csv.*costs\.py"):
        collect.result("mnist-vae")
