"""The two stages as a person runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(stage: str, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "stages" / f"{stage}.py"), *arguments]
    environment = {**os.environ, "INKBENCH_TRACKING": "off"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)


@pytest.mark.parametrize("stage", ["download", "preprocess"])
def test_an_unknown_dataset_is_one_line_and_exit_code_2(stage: str) -> None:
    done = run(stage, "emnist")
    assert done.returncode == 2
    assert "dataset: 'emnist' is not known; allowed: notmnist, mnist, documents" in done.stderr
    assert "Traceback" not in done.stderr


def test_preprocess_without_raw_data_says_how_to_fetch_them(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    done = run("preprocess", "mnist", folder=tmp_path)
    assert done.returncode == 2
    assert "dvc repro --force --single-item download@mnist" in done.stderr
    assert "Traceback" not in done.stderr
