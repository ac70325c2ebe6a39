"""`benchmarks/overhead.py` accounts for every second of a run once."""

from pathlib import Path

import pytest


@pytest.fixture
def overhead(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(root / "benchmarks")
    import overhead

    return overhead


def test_shares_account_for_every_second(overhead):
    run = [
        overhead.StageTimes("preprocess", 100, 104, 0),
        overhead.StageTimes("train", 106, 136, 22),
        overhead.StageTimes("evaluate", 139, 150, 0),
        overhead.StageTimes("plot", 151, 155, 0),
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


def test_longest_is_the_series_with_most_trainings(overhead):
    whole = [overhead.StageTimes("train", start, start + 5, 4) for start in (100, 110, 120)]
    later = [overhead.StageTimes("train", 500, 505, 4), overhead.StageTimes("report", 506, 510, 0)]
    assert overhead.longest([*whole, *later]) == whole
