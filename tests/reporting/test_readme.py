"""The README's results are those of metrics/, and nothing else in it changes."""

import shutil
import subprocess
from pathlib import Path

import pytest

from inkbench.errors import InkbenchError
from inkbench.reporting import readme

TEXT = f"# Title\n\nbefore\n\n{readme.START}\nOLD TABLE\n{readme.END}\n\nafter\n"


@pytest.fixture
def page(mine: Path, root: Path) -> Path:
    """A README in the made-up project."""
    shutil.copyfile(root / "params.yaml", mine / "params.yaml")
    path = mine / "README.md"
    path.write_text(TEXT)
    return path


def test_only_what_is_between_the_markers_changes(page: Path):
    assert readme.update(page)
    text = page.read_text()
    assert text.startswith(TEXT.split("OLD TABLE")[0]) and text.endswith(TEXT.split("OLD TABLE")[1])
    assert "| `notmnist-cnn` |" in text and "real data" in text and "OLD TABLE" not in text


def test_a_second_update_changes_nothing(page: Path):
    readme.update(page)
    once = page.read_bytes()
    assert not readme.update(page)
    assert page.read_bytes() == once


def test_check_writes_nothing_and_refuses_old_figures(page: Path):
    with pytest.raises(InkbenchError, match="run `inkbench readme`"):
        readme.update(page, check=True)
    assert page.read_text() == TEXT


def test_stand_in_figures_say_so(page: Path, mine: Path):
    path = mine / "metrics/notmnist-cnn.json"
    path.write_text(path.read_text().replace('"real"', '"synthetic"'))
    readme.update(page)
    assert "synthetic data, not the real dataset" in page.read_text()


def test_claims_that_were_run_again_show_that_figure(page: Path, mine: Path):
    readme.update(page)
    assert "| loss 0.1677, printed as 16.77 %; run again whole" in page.read_text()
    path = mine / "metrics/published/notmnist-basic.json"
    path.write_text(path.read_text().replace('"real"', '"synthetic"'))
    readme.update(page)
    assert "; synthetic data: run again whole" in page.read_text()


@pytest.mark.parametrize(
    "text",
    ["no marker", readme.START, readme.END + readme.START, readme.START * 2 + readme.END],
)
def test_markers_that_do_not_fit_are_refused(text: str, page: Path):
    page.write_text(text)
    with pytest.raises(InkbenchError, match="results:"):
        readme.update(page)
    assert page.read_text() == text


def test_no_metrics_is_one_clear_line(page: Path, mine: Path):
    shutil.rmtree(mine / "metrics")
    with pytest.raises(InkbenchError, match="holds no metrics"):
        readme.update(page)


def test_metrics_of_no_variant_are_passed_over(page: Path, mine: Path):
    for path in mine.glob("metrics/*.json"):
        path.rename(path.with_stem(f"{path.stem}-that-was"))
    readme.update(page)
    assert "that-was" not in page.read_text()


def test_the_readme_of_this_repository_is_up_to_date(root: Path, monkeypatch: pytest.MonkeyPatch):
    if not list(root.glob("metrics/*.json")) or not (root / "README.md").exists():
        pytest.skip("nothing was measured yet: metrics/ is empty")
    monkeypatch.chdir(root)
    changed = ["git", "status", "--porcelain", "metrics", "benchmarks/costs.csv"]
    if subprocess.run(changed, check=True, capture_output=True).stdout:
        pytest.skip("metrics/ is of a run of your own, the README's figures are the committed ones")
    readme.update(check=True)
