"""The plot and report stages as DVC runs them."""

from pathlib import Path

import pytest

from helpers import ROOT, contents, loaded, stage

HEAVY = {"tensorflow", "keras", "mlflow", "sklearn", "matplotlib.pyplot", "pandas"}
STAGES = f"sys.path.insert(0, {str(ROOT / 'stages')!r})"


def test_plot_replaces_figures_without_heavy_imports(project_copy: Path):
    stale = project_copy / "plots/notmnist-cnn/stale.png"
    stale.write_bytes(b"")
    modules = loaded(f"{STAGES}; import plot; plot.plot('notmnist-cnn')", project_copy)
    assert HEAVY & modules == set()
    assert not stale.exists()
    assert (stale.parent / "confusion.png").exists()


def test_report_writes_pages_without_heavy_imports(small: Path):
    assert HEAVY & loaded(f"{STAGES}; import report; report.report()", small) == set()
    assert (small / "reports/index.html").exists()


@pytest.mark.parametrize(
    ("command", "folder", "broken"),
    [
        (["plot", "mnist-vae"], "plots/mnist-vae", "evaluations/mnist-vae/generated.npz"),
        (["report"], "reports", "metrics/mnist-vae.json"),
    ],
)
def test_failed_stage_keeps_its_old_outputs(
    command: list[str],
    folder: str,
    broken: str,
    project_copy: Path,
    capsys: pytest.CaptureFixture[str],
):
    (project_copy / "reports").mkdir()
    (project_copy / "reports/index.html").write_text("old")
    (project_copy / broken).write_bytes(b"{")
    before = contents(project_copy / folder)
    assert stage(*command) == 2
    (message,) = capsys.readouterr().err.splitlines()
    assert broken in message and "dvc repro" in message
    assert contents(project_copy / folder) == before


def test_picture_is_written(project_copy: Path):
    from inkbench.reporting import picture

    picture.write(project_copy / "docs/results.png")
    assert (project_copy / "docs/results.png").stat().st_size > 20_000
