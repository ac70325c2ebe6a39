"""The plot and report stages as DVC runs them."""

import os
import subprocess
import sys
from pathlib import Path

QUIET = os.environ | {"INKBENCH_TRACKING": "off"}
HEAVY = ("tensorflow", "keras", "mlflow", "sklearn", "matplotlib.pyplot", "pandas")


def run(root: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, root / arguments[0], *arguments[1:]]
    return subprocess.run(command, cwd=cwd, env=QUIET, capture_output=True, text=True, check=False)


def imports(root: Path, cwd: Path, call: str) -> set[str]:
    """Heavy modules that a stage's function leaves imported."""
    code = f"import sys; sys.path.insert(0, {str(root / 'stages')!r}); {call}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=QUIET, capture_output=True, text=True, check=True
    )
    return {name for name in HEAVY if name in done.stdout.split()}


def test_plot_replaces_the_figures_and_imports_nothing_heavy(root: Path, mine: Path):
    stale = mine / "plots/notmnist-cnn/stale.png"
    stale.write_bytes(b"")
    assert imports(root, mine, "import plot; plot.plot('notmnist-cnn')") == set()
    assert not stale.exists()
    assert (stale.parent / "confusion.png").exists()


def test_report_is_written_and_imports_nothing_heavy(root: Path, small: Path):
    assert imports(root, small, "import report; report.report()") == set()
    assert (small / "reports/index.html").exists()


def test_a_failed_plot_leaves_the_old_figures(root: Path, mine: Path):
    (mine / "evaluations/mnist-vae/generated.npz").write_bytes(b"garbage")
    before = sorted(path.name for path in (mine / "plots").rglob("*"))
    done = run(root, mine, "stages/plot.py", "mnist-vae")
    assert done.returncode == 2
    assert done.stderr.startswith("inkbench: error: evaluations/mnist-vae/generated.npz")
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in (mine / "plots").rglob("*")) == before


def test_a_failed_report_leaves_the_old_one(root: Path, mine: Path):
    (mine / "reports").mkdir()
    (mine / "reports/index.html").write_text("old")
    (mine / "metrics/mnist-vae.json").write_text("{")
    done = run(root, mine, "stages/report.py")
    assert done.returncode == 2 and "metrics/mnist-vae.json" in done.stderr
    assert (mine / "reports/index.html").read_text() == "old"


def test_the_picture_for_the_readme_is_drawn(mine: Path):
    from inkbench.reporting import picture

    picture.write(mine / "docs/results.png")
    assert (mine / "docs/results.png").stat().st_size > 20_000
