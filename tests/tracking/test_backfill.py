"""Runs made afterwards tell what the stage itself would have told."""

import json
from pathlib import Path

import pytest

from inkbench.tracking import backfill
from inkbench.tracking.journal import Journal
from inkbench.tracking.pipeline import Execution, Files, md5_of_bytes

METRICS = "metrics/published/notmnist-basic.json"


def test_a_claim_run_again_has_its_figures_and_its_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    content = json.dumps({"data_source": "real", "test_bce": 0.1677}).encode()
    path = tmp_path / METRICS
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    Path("params.yaml").write_text("published: {notmnist-basic: {dataset: notmnist}}\ntrain: {}\n")
    outs = {METRICS: md5_of_bytes(content)}
    execution = Execution("published@notmnist-basic", "python x.py", {}, outs, {})
    written = Journal(tmp_path / "journal")
    written.folder.mkdir()
    events = list(backfill._events(execution, Files(tmp_path), {METRICS: content}, written))
    assert (events[0]["variant"], events[0]["dataset"]) == ("notmnist-basic", "notmnist")
    told = {event["do"]: event for event in events}
    assert told["metrics"]["values"] == {"test_bce": 0.1677}
    assert Path(told["artifact"]["file"]).name == "notmnist-basic.json"
    assert {"do": "tags", "values": {"data_source": "real"}} in events


def test_a_submission_tells_what_it_is_of_and_not_every_pixel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("train: {}\n")
    execution = Execution("submission@documents-unet", "python x.py", {}, {}, {})
    written = Journal(tmp_path / "journal")
    written.folder.mkdir()
    made = {
        "submission/submission.json": b'{"data_source": "real"}',
        "submission/submission.csv.gz": b"many rows",
    }
    events = list(backfill._events(execution, Files(tmp_path), made, written))
    assert {"do": "tags", "values": {"data_source": "real"}} in events
    files = [Path(event["file"]).name for event in events if event["do"] == "artifact"]
    assert files == ["submission.json"]
