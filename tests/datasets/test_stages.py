"""The command lines of the stages download and preprocess."""

import pytest

from helpers import ROOT, stage


@pytest.mark.parametrize("name", ["download", "preprocess"])
def test_stage_refuses_unknown_dataset_in_one_line(name, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert stage(name, "emnist") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'emnist'" in line and "notmnist" in line


def test_preprocess_without_raw_data_names_the_command(workplace, capsys):
    (workplace / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    assert stage("preprocess", "mnist") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "dvc repro --force --single-item download@mnist" in line
