"""Results on disk: rounded, sorted, deterministic and atomic."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers import contents
from inkbench.errors import InkbenchError
from inkbench.evaluation.results import Results, Table, rounded

RESULTS = Results(
    {"test_bce": 0.123456789, "data_source": "real", "n_test": np.int64(7)},
    {"codes.npz": {"codes": np.arange(3)}},
    {"per_class.csv": Table(("class", "f1"), [("A", np.float64(1 / 3)), ("B", "")])},
)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_rounded_keeps_six_significant_digits():
    metrics = rounded({"a": 1234567.8, "b": 0.000012345678, "c": np.float32(0.1), "d": 12345678})
    assert metrics == {"a": 1234570.0, "b": 1.23457e-05, "c": 0.1, "d": 12345678}


def test_numbers_excludes_strings():
    assert RESULTS.numbers == {"test_bce": 0.123457, "n_test": 7}


def test_write_replaces_results_with_the_same_bytes(project):
    old_file = project / "evaluations/v/denoising.npz"
    old_file.parent.mkdir(parents=True)
    old_file.touch()
    RESULTS.write("v")
    files = contents(project)
    assert {*files} == {"metrics/v.json", "evaluations/v/codes.npz", "evaluations/v/per_class.csv"}
    metrics = json.loads(files["metrics/v.json"])
    assert list(metrics.items()) == [("data_source", "real"), ("n_test", 7), ("test_bce", 0.123457)]
    assert list(np.load(project / "evaluations/v/codes.npz")["codes"]) == [0, 1, 2]
    assert files["evaluations/v/per_class.csv"] == b"class,f1\nA,0.333333\nB,\n"
    RESULTS.write("v")
    assert contents(project) == files


def test_write_keeps_old_results_if_disk_is_full(project):
    class FullDisk:
        columns = ("a",)

        @property
        def rows(self):
            raise OSError(28, "No space left on device")

    RESULTS.write("v")
    before = contents(project)
    with pytest.raises(InkbenchError, match=r"evaluations/v: .*MB free"):
        Results({"test_bce": 9.0}, RESULTS.arrays, {"z.csv": FullDisk()}).write("v")
    assert contents(project) == before


def test_write_rejects_nan_before_writing(project):
    with pytest.raises(ValueError, match="JSON"):
        Results({"test_bce": float("nan")}).write("v")
    assert not contents(project)
