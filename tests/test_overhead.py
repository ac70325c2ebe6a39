"""`benchmarks/overhead.py` accounts for every second of a run once."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from inkbench.errors import InkbenchError


@pytest.fixture
def overhead(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
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


def parallel(overhead: ModuleType) -> list:
    """Two chains at the same time; a long training ends long after the last short stage began."""
    return [
        overhead.StageTimes("train", 100, 300, 190),
        overhead.StageTimes("train", 101, 120, 10),
        overhead.StageTimes("evaluate", 121, 130, 0),
        overhead.StageTimes("report", 301, 305, 0),
    ]


def test_longest_keeps_stages_together_that_ran_beside_a_long_one(overhead):
    stages = parallel(overhead)
    assert overhead.longest(stages) == stages


def test_shares_refuses_stages_that_ran_in_parallel(overhead):
    with pytest.raises(InkbenchError, match="dvc repro"):
        overhead.shares(parallel(overhead), start_up=5)


def test_tracking_counts_the_wall_time_of_parallel_stages_once(
    overhead, root, tmp_path, monkeypatch
):
    spec = importlib.util.spec_from_file_location("tracking", root / "benchmarks/tracking.py")
    tracking = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tracking)
    counted = {}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/mnist-vae").mkdir(parents=True)
    (tmp_path / "models/mnist-vae/train.json").touch()
    monkeypatch.setattr("sys.argv", ["tracking.py", "mnist-vae"])
    monkeypatch.setattr(tracking, "executions", lambda: parallel(overhead))
    monkeypatch.setattr(tracking, "copy_repository", lambda folder: None)
    monkeypatch.setattr(tracking, "report", lambda *_, **facts: counted.update(facts))
    tracking.main()
    assert counted == {"stages": 4, "seconds": 305 - 100}
