"""The plot and report stages as DVC runs them."""

import shutil

import pytest

from helpers import ROOT, contents, loaded, stage
from inkbench.figures import variant
from inkbench.figures.outputs import open_variant
from inkbench.reporting import site

HEAVY = {"tensorflow", "keras", "mlflow", "sklearn", "matplotlib.pyplot", "pandas"}
STAGES = f"sys.path.insert(0, {str(ROOT / 'stages')!r})"


def test_plot_replaces_figures_without_heavy_imports_and_with_the_same_bytes(
    project_copy, tmp_path_factory
):
    stale = project_copy / "plots/notmnist-cnn/stale.png"
    stale.write_bytes(b"")
    modules = loaded(f"{STAGES}; import plot; plot.plot('notmnist-cnn')", project_copy)
    assert HEAVY & modules == set()
    assert not stale.exists()
    again = tmp_path_factory.mktemp("again")
    variant.write(open_variant("notmnist-cnn"), again)
    assert contents(stale.parent) == contents(again)


def test_report_writes_pages_without_heavy_imports_and_with_the_same_bytes(small):
    shutil.rmtree(small / "metrics/published")
    assert HEAVY & loaded(f"{STAGES}; import report; report.report()", small) == set()
    (small / "again").mkdir()
    site.render(small / "again")
    assert contents(small / "reports") == contents(small / "again")
    text = (small / "reports/published.html").read_text()
    assert "cannot generate new images" in text and "<img" not in text


@pytest.mark.parametrize(
    ("command", "folder", "broken"),
    [
        (["plot", "mnist-vae"], "plots/mnist-vae", "evaluations/mnist-vae/generated.npz"),
        (["report"], "reports", "metrics/mnist-vae.json"),
    ],
)
def test_failed_stage_keeps_its_old_outputs(command, folder, broken, project_copy, capsys):
    (project_copy / "reports").mkdir()
    (project_copy / "reports/index.html").write_text("old")
    (project_copy / broken).write_bytes(b"{")
    before = contents(project_copy / folder)
    assert stage(*command) == 2
    (message,) = capsys.readouterr().err.splitlines()
    assert broken in message and "dvc repro" in message
    assert contents(project_copy / folder) == before


def test_picture_is_written(project_copy):
    from inkbench.reporting import picture

    picture.write(project_copy / "docs/results.png")
    assert (project_copy / "docs/results.png").stat().st_size > 20_000
