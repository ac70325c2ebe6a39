"""The generated tables of the README."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import made_audits
from inkbench.errors import InkbenchError
from inkbench.reporting import readme

TEXT = f"# Title\n\nbefore\n\n{readme.START}\nOLD TABLE\n{readme.END}\n\nafter\n"


@pytest.fixture
def page(project_copy: Path, root: Path) -> Path:
    """A README in the project."""
    shutil.copyfile(root / "params.yaml", project_copy / "params.yaml")
    path = project_copy / "README.md"
    path.write_text(TEXT)
    return path


def mark_synthetic(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data_source": "synthetic"}))


def test_update_replaces_the_tables_only(page: Path):
    before, after = TEXT.split("OLD TABLE")
    assert readme.update(page)
    text = page.read_text()
    assert text.startswith(before) and text.endswith(after) and "OLD TABLE" not in text
    assert "| `notmnist-cnn` |" in text and "synthetic" not in text
    assert not readme.update(page) and page.read_text() == text


def test_update_with_check_writes_nothing(page: Path):
    with pytest.raises(InkbenchError, match=r"README\.md.*inkbench readme"):
        readme.update(page, check=True)
    assert page.read_text() == TEXT


@pytest.mark.parametrize("file", ["notmnist-cnn", "published/notmnist-basic"])
def test_update_labels_synthetic_results(file: str, page: Path, project_copy: Path):
    mark_synthetic(project_copy / f"metrics/{file}.json")
    readme.update(page)
    assert "synthetic data" in page.read_text()


def test_update_shows_the_reproduction_of_a_published_result(page: Path):
    readme.update(page)
    (row,) = [line for line in page.read_text().splitlines() if "16.77 % accuracy" in line]
    loss = made_audits.METRICS["notmnist-basic"]["test_bce"]
    assert f"loss {loss:.4f}" in row and "test images" in row


@pytest.mark.parametrize(
    "text",
    ["no marker", readme.START, readme.END + readme.START, readme.START * 2 + readme.END],
)
def test_update_refuses_wrong_markers(text: str, page: Path):
    page.write_text(text)
    with pytest.raises(InkbenchError, match=r"README\.md.*results:"):
        readme.update(page)
    assert page.read_text() == text


def test_update_refuses_missing_metrics(page: Path, project_copy: Path):
    shutil.rmtree(project_copy / "metrics")
    with pytest.raises(InkbenchError, match="metrics/"):
        readme.update(page)


def test_update_skips_metrics_of_unknown_variants(page: Path, project_copy: Path):
    path = project_copy / "metrics/notmnist-cnn.json"
    path.rename(path.with_stem("notmnist-unknown"))
    readme.update(page)
    assert "notmnist-unknown" not in page.read_text()


def test_readme_of_the_repository_is_up_to_date(root: Path, monkeypatch: pytest.MonkeyPatch):
    if not list(root.glob("metrics/*.json")) or not (root / "README.md").exists():
        pytest.skip("metrics/ is empty")
    monkeypatch.chdir(root)
    changed = ["git", "status", "--porcelain", "metrics", "benchmarks/costs.csv"]
    if subprocess.run(changed, check=True, capture_output=True).stdout:
        pytest.skip("metrics/ has uncommitted changes, the README shows the committed ones")
    readme.update(check=True)
