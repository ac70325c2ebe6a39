"""What a stage writes into its journal, and that tracking never harms the stage."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inkbench import tracking
from inkbench.tracking import runs, sync
from inkbench.tracking.journal import Journal


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No store and no uploader: only the journal, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("DVC_STAGE", "a stage")  # whose end does not wait for the upload
    monkeypatch.setattr(runs, "start_uploader", lambda: None)
    monkeypatch.setattr(runs, "_WAIT_LAST_STAGE", 0)


def events() -> list[dict[str, Any]]:
    (journal,) = Journal.waiting()
    return journal.read()[0]


def test_stage_run_writes_events_in_order():
    with tracking.stage_run("train", variant="v", dataset="d", params={"a": {"b": 1}}) as run:
        run.log_metrics({"loss": 0.5}, step=1)
        run.sync()
    assert [event["do"] for event in events()] == ["start", "metrics", "sync", "end"]
    assert events()[0]["params"] == {"a": {"b": 1}}
    assert events()[0]["state"]["key"].startswith("tree:")
    assert events()[-1]["status"] == "FINISHED"


def test_sync_leaves_the_journal_of_a_running_stage():
    lines: list[str] = []
    with tracking.stage_run("train"):
        sync._upload_waiting(None, False, lines.append)
    assert lines == []
    assert [event["do"] for event in events()] == ["start", "end"]


def test_log_metrics_takes_numpy_numbers_and_skips_the_rest():
    with tracking.stage_run("evaluate") as run:
        run.log_metrics({"a": np.float32(0.5), "b": np.int64(3), "c": "text", "d": None})
    assert events()[1]["values"] == {"a": 0.5, "b": 3.0}


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError(), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(2), "FAILED")],
)
def test_stage_run_records_an_error_and_passes_it_on(error, status):
    with pytest.raises(type(error)), tracking.stage_run("train"):
        raise error
    assert events()[-1]["status"] == status


def test_stage_run_warns_once_if_nothing_can_be_written(tmp_path, capsys):
    (tmp_path / ".tracking").write_text("a file instead of the folder")
    with tracking.stage_run("train") as run:
        run.log_metrics({"loss": 1})
    assert capsys.readouterr().err.count("inkbench: warning") == 1


def test_stage_run_writes_nothing_if_tracking_is_off(tmp_path, monkeypatch):
    monkeypatch.setenv("INKBENCH_TRACKING", "off")
    with tracking.stage_run("train") as run:
        run.log_metrics({"loss": 1})
    assert list(tmp_path.iterdir()) == []


def test_stage_run_of_a_temporary_copy_writes_to_the_main_repository(tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    copy.mkdir()
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with tracking.stage_run("train"):
        pass
    assert list((tmp_path / ".tracking").glob("*/events.jsonl"))


def test_journal_skips_a_line_that_is_cut(tmp_path):
    with tracking.stage_run("train"):
        pass
    (journal,) = Journal.waiting()
    with (journal.folder / "events.jsonl").open("a") as file:
        file.write('{"do": "met')
    assert [event["do"] for event in journal.read()[0]] == ["start", "end"]


def test_log_metrics_costs_milliseconds():
    with tracking.stage_run("train") as run:
        started = time.process_time()
        for step in range(200):
            run.log_metrics({"loss": 1.0}, step=step)
        assert (time.process_time() - started) / 200 < 0.005
