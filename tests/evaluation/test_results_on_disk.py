"""Results on disk: rounded, sorted, the same bytes for the same numbers, whole or not at all."""

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


def test_numbers_keep_six_significant_digits():
    found = rounded({"a": 1234567.8, "b": 0.000012345678, "c": np.float32(0.1), "d": 12345678})
    assert found == {"a": 1234570.0, "b": 1.23457e-05, "c": 0.1, "d": 12345678}


def test_metrics_are_flat_and_sorted(project):
    RESULTS.write("v")
    text = (project / "metrics/v.json").read_text()
    assert list(json.loads(text)) == ["data_source", "n_test", "test_bce"]
    assert json.loads(text)["test_bce"] == 0.123457


def test_numbers_leave_out_the_words():
    assert RESULTS.numbers == {"test_bce": 0.123457, "n_test": 7}


def test_arrays_and_tables_are_written(project):
    RESULTS.write("v")
    assert list(np.load(project / "evaluations/v/codes.npz")["codes"]) == [0, 1, 2]
    table = (project / "evaluations/v/per_class.csv").read_text()
    assert table == "class,f1\nA,0.333333\nB,\n"


def test_the_same_results_have_the_same_bytes(project):
    RESULTS.write("v")
    first = contents(project)
    RESULTS.write("v")
    assert contents(project) == first


def test_nothing_but_the_results_is_left(project):
    RESULTS.write("v")
    assert set(contents(project)) == {
        "metrics/v.json",
        "evaluations/v/codes.npz",
        "evaluations/v/per_class.csv",
    }


def test_files_of_an_older_evaluation_go(project):
    (project / "evaluations/v").mkdir(parents=True)
    (project / "evaluations/v/denoising.npz").touch()
    RESULTS.write("v")
    assert not (project / "evaluations/v/denoising.npz").exists()


def _broken() -> Results:
    """Fails in the middle of the evaluation folder."""

    class Full:
        columns = ("a",)

        @property
        def rows(self):
            raise OSError(28, "No space left on device")

    return Results({"test_bce": 9.0}, RESULTS.arrays, {"z.csv": Full()})


def test_a_full_disk_is_one_line(project):
    with pytest.raises(InkbenchError, match="evaluations/v: no room"):
        _broken().write("v")


def test_a_full_disk_leaves_the_old_results(project):
    RESULTS.write("v")
    before = contents(project)
    with pytest.raises(InkbenchError):
        _broken().write("v")
    assert contents(project) == before


def test_a_number_that_is_none_is_refused_before_anything_is_written(project):
    with pytest.raises(ValueError, match="JSON"):
        Results({"test_bce": float("nan")}).write("v")
    assert not contents(project)
