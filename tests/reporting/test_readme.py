"""The generated tables of the README."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import made_audits
from inkbench.errors import InkbenchError
from inkbench.reporting import readme

TEXT = f"# Title\n\nbefore\n\n{readme.START}\nOLD TABLE\n{readme.END}\n\nafter\n"


@pytest.fixture
def pages(project_copy: Path) -> tuple[Path, Path]:
    """README.md and docs/results.md of the project."""
    (project_copy / "docs").mkdir()
    paths = project_copy / "README.md", project_copy / "docs/results.md"
    for path in paths:
        path.write_text(TEXT)
    return paths


def mark_synthetic(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data_source": "synthetic"}))


def test_update_replaces_the_tables_only(pages):
    before, after = TEXT.split("OLD TABLE")
    readme.update()
    for page in pages:
        text = page.read_text()
        assert text.startswith(before) and text.endswith(after) and "OLD TABLE" not in text
        assert " `notmnist-cnn` |" in text and "synthetic" not in text
    texts = [page.read_text() for page in pages]
    readme.update()
    assert [page.read_text() for page in pages] == texts


@pytest.mark.parametrize("stale", [0, 1])
def test_update_with_check_writes_nothing(stale, pages):
    readme.update()
    pages[stale].write_text(TEXT)
    with pytest.raises(InkbenchError, match=rf"{pages[stale].name}.*inkbench readme"):
        readme.update(check=True)
    assert pages[stale].read_text() == TEXT


def test_update_names_the_best_variant_of_each_table(pages):
    readme.update()
    summary, tables = (page.read_text() for page in pages)
    boards = re.findall(r"^\*\*(.*: .*)\*\* .*\n\n.*\n.*\n\| (\S+) \|", tables, re.M)
    best = [f"| {title} | {variant} |" for title, variant in boards if "Effect of" not in title]
    assert best and all(row in summary for row in best)


@pytest.mark.parametrize("file", ["notmnist-cnn", "published/notmnist-basic"])
def test_update_labels_synthetic_results(file, pages, project_copy):
    mark_synthetic(project_copy / f"metrics/{file}.json")
    readme.update()
    assert "synthetic data" in pages[0].read_text()


def test_update_shows_the_reproduction_of_a_published_result(pages):
    readme.update()
    (row,) = [line for line in pages[0].read_text().splitlines() if "16.77 % accuracy" in line]
    loss = made_audits.METRICS["notmnist-basic"]["test_bce"]
    assert f"loss {loss:.4f}" in row and "test images" in row


@pytest.mark.parametrize(
    "text",
    ["no marker", readme.START, readme.END + readme.START, readme.START * 2 + readme.END],
)
def test_update_refuses_wrong_markers(text, pages):
    pages[0].write_text(text)
    with pytest.raises(InkbenchError, match=r"README\.md.*results:"):
        readme.update()
    assert pages[0].read_text() == text


def test_update_refuses_missing_metrics(pages, project_copy):
    shutil.rmtree(project_copy / "metrics")
    with pytest.raises(InkbenchError, match="metrics/"):
        readme.update()


def test_update_skips_metrics_of_unknown_variants(pages, project_copy):
    path = project_copy / "metrics/notmnist-cnn.json"
    path.rename(path.with_stem("notmnist-unknown"))
    readme.update()
    assert "notmnist-unknown" not in pages[0].read_text()


def test_readme_of_the_repository_is_up_to_date(root, monkeypatch):
    if not list(root.glob("metrics/*.json")) or not (root / "README.md").exists():
        pytest.skip("metrics/ is empty")
    monkeypatch.chdir(root)
    changed = ["git", "status", "--porcelain", "metrics", "benchmarks/costs.csv"]
    if subprocess.run(changed, check=True, capture_output=True).stdout:
        pytest.skip("metrics/ has uncommitted changes, the README shows the committed ones")
    readme.update(check=True)
