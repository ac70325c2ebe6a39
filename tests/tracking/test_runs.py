"""What a stage writes down, and that it never suffers for it."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inkbench import tracking
from inkbench.tracking import runs
from inkbench.tracking.journal import Journal, session


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No store, no courier: only the journal, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(runs, "_start_courier", lambda journal: None)


def written() -> list[dict[str, Any]]:
    (journal,) = Journal.waiting()
    return journal.read()[0]


def test_a_run_is_written_down_in_order() -> None:
    with tracking.stage_run("train", variant="v", dataset="d", params={"a": {"b": 1}}) as run:
        run.log_metrics({"loss": 0.5}, step=1)
        run.set_tags({"data_source": "real"})
    kinds = [event["do"] for event in written()]
    assert kinds == ["start", "metrics", "tags", "end"]
    assert written()[0]["params"] == {"a": {"b": 1}}
    assert written()[-1]["status"] == "FINISHED"


def test_numpy_numbers_are_metrics_and_texts_are_not() -> None:
    with tracking.stage_run("evaluate") as run:
        run.log_metrics({"a": np.float32(0.5), "b": np.int64(3), "c": "text", "d": None})
    assert written()[1]["values"] == {"a": 0.5, "b": 3.0}


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError(), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(2), "FAILED")],
)
def test_an_error_of_the_stage_is_noted_and_goes_through(error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), tracking.stage_run("train"):
        raise error
    assert written()[-1]["status"] == status


def test_an_artifact_is_kept_as_it_was_when_it_was_logged(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("then")
    with tracking.stage_run("plot") as run:
        run.log_artifact("a.txt")
        (tmp_path / "a.txt").write_text("now")
    (journal,) = Journal.waiting()
    assert (journal.folder / written()[1]["file"]).read_text() == "then"


def test_an_artifact_that_is_missing_is_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    with tracking.stage_run("plot") as run:
        run.log_artifact("nowhere.png")
        run.log_artifact("nowhere.png")
    assert capsys.readouterr().err.count("inkbench: warning") == 1


def test_a_disk_where_nothing_can_be_written_is_one_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".tracking").write_text("in the way")
    with tracking.stage_run("train") as run:
        run.log_metrics({"loss": 1})
        run.log_model(np.zeros((1, 2, 2)))
    assert capsys.readouterr().err.count("inkbench: warning") == 1


def test_tracking_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKBENCH_TRACKING", "off")
    with tracking.stage_run("train") as run:
        run.log_metrics({"loss": 1})
    assert list(tmp_path.iterdir()) == []


def test_experiments_in_temporary_copies_write_to_the_main_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with tracking.stage_run("train"):
        pass
    assert list((tmp_path / ".tracking").glob("*/events.jsonl"))


@pytest.mark.parametrize(("name", "shared"), [("DVC_STAGE", True), ("MLFLOW_TRACKING_URI", False)])
def test_stages_of_one_store_share_a_session(
    monkeypatch: pytest.MonkeyPatch, name: str, shared: bool
) -> None:
    before = session()
    monkeypatch.setenv(name, "other")
    assert (session() == before) == shared


def test_a_line_that_a_full_disk_cut_is_not_read(tmp_path: Path) -> None:
    with tracking.stage_run("train"):
        pass
    (journal,) = Journal.waiting()
    with (journal.folder / "events.jsonl").open("a") as file:
        file.write('{"do": "met')
    assert [event["do"] for event in journal.read()[0]] == ["start", "end"]


def test_noting_costs_milliseconds_at_most() -> None:
    with tracking.stage_run("train") as run:
        started = time.process_time()
        for step in range(200):
            run.log_metrics({"loss": 1.0}, step=step)
        assert (time.process_time() - started) / 200 < 0.005
