"""The two stages as a person runs them."""

from pathlib import Path

import pytest

from helpers import ROOT, stage


@pytest.mark.parametrize("name", ["download", "preprocess"])
def test_an_unknown_dataset_is_one_line_and_exit_code_2(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert stage(name, "emnist") == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "dataset: 'emnist' is not known; allowed: notmnist, mnist, documents" in said


def test_preprocess_without_raw_data_says_how_to_fetch_them(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    assert stage("preprocess", "mnist") == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "dvc repro --force --single-item download@mnist" in said
