"""`benchmarks/overhead.py` accounts for every second of a run, once."""

from pathlib import Path

import pytest


@pytest.fixture
def overhead(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(root / "benchmarks")
    import overhead

    return overhead


def test_every_second_of_a_run_is_accounted_for(overhead):
    run = [
        overhead.Ran("preprocess", 100, 104, 0),
        overhead.Ran("train", 106, 136, 22),
        overhead.Ran("evaluate", 139, 150, 0),
        overhead.Ran("plot", 151, 155, 0),
    ]
    spent = overhead.shares(run, start_up=5)
    assert spent == {
        "data": 4,
        "training": 22,
        "trainings: start-up, set-up, saving": 8,
        "evaluation": 6,
        "evaluations: start-up": 5,
        "plotting": 4,
        "between stages: DVC, start of Python": 2 + 3 + 1,
    }
    assert sum(spent.values()) == 155 - 100


def test_the_row_with_most_trainings_is_the_run(overhead):
    whole = [overhead.Ran("train", start, start + 5, 4) for start in (100, 110, 120)]
    later = [overhead.Ran("train", 500, 505, 4), overhead.Ran("report", 506, 510, 0)]
    assert overhead.longest([*whole, *later]) == whole
