"""The plot and report stages as DVC runs them."""

from pathlib import Path

import pytest

from helpers import ROOT, contents, loaded, stage

HEAVY = {"tensorflow", "keras", "mlflow", "sklearn", "matplotlib.pyplot", "pandas"}
STAGES = f"sys.path.insert(0, {str(ROOT / 'stages')!r})"


def test_plot_replaces_the_figures_and_imports_nothing_heavy(mine: Path):
    stale = mine / "plots/notmnist-cnn/stale.png"
    stale.write_bytes(b"")
    assert HEAVY & loaded(f"{STAGES}; import plot; plot.plot('notmnist-cnn')", mine) == set()
    assert not stale.exists()
    assert (stale.parent / "confusion.png").exists()


def test_report_is_written_and_imports_nothing_heavy(small: Path):
    assert HEAVY & loaded(f"{STAGES}; import report; report.report()", small) == set()
    assert (small / "reports/index.html").exists()


def test_a_failed_plot_leaves_the_old_figures(mine: Path, capsys: pytest.CaptureFixture[str]):
    (mine / "evaluations/mnist-vae/generated.npz").write_bytes(b"garbage")
    before = contents(mine / "plots")
    assert stage("plot", "mnist-vae") == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("inkbench: error: evaluations/mnist-vae/generated.npz")
    assert contents(mine / "plots") == before


def test_a_failed_report_leaves_the_old_one(mine: Path, capsys: pytest.CaptureFixture[str]):
    (mine / "reports").mkdir()
    (mine / "reports/index.html").write_text("old")
    (mine / "metrics/mnist-vae.json").write_text("{")
    assert stage("report") == 2
    assert "metrics/mnist-vae.json" in capsys.readouterr().err
    assert (mine / "reports/index.html").read_text() == "old"


def test_the_picture_for_the_readme_is_drawn(mine: Path):
    from inkbench.reporting import picture

    picture.write(mine / "docs/results.png")
    assert (mine / "docs/results.png").stat().st_size > 20_000
