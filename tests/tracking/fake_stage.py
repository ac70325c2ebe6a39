"""Any stage of the miniature pipeline: takes its own name from its file name."""

import json
import os
import sys
import time
from pathlib import Path

import yaml

from inkbench import tracking

STAGE = Path(sys.argv[0]).stem
SUBJECT = sys.argv[1] if len(sys.argv) > 1 else None


def pause(where: str) -> None:
    """Wait where a test asked for it: FAKE_PAUSE=train:epoch, until the file FAKE_GO exists."""
    if os.environ.get("FAKE_PAUSE") == f"{STAGE}:{where}":
        Path(os.environ["FAKE_HERE"]).touch()
        deadline = time.monotonic() + 600
        while not Path(os.environ["FAKE_GO"]).exists():
            assert time.monotonic() < deadline, "the test did not let it continue"
            time.sleep(0.05)


def main() -> None:
    """Run the stage."""
    tree = yaml.safe_load(Path("params.yaml").read_text())
    variant = tree["train"].get(SUBJECT)
    data = tree["data"].get(SUBJECT)
    params = {"train": {SUBJECT: variant}} if STAGE == "train" else {}
    if data:
        params = {"data": {SUBJECT: data}}
    with tracking.stage_run(
        STAGE,
        dataset=SUBJECT if data else (variant or {}).get("dataset"),
        variant=SUBJECT if variant else None,
        params=params,
    ) as run:
        pause("start")
        globals()[STAGE](run, variant)
        pause("end")


def preprocess(run: tracking.StageRun, _: None) -> None:
    """Write "data"."""
    folder = Path("data/processed") / SUBJECT
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.npz").write_bytes(b"data")
    counts = {"train": {"total": 4}, "test": {"total": 2}}
    card = {"counts": counts, "skipped": [], "content_digest": "0" * 64}
    (folder / "dataset.json").write_text(json.dumps({**card, "data_source": "synthetic"}))


def train(run: tracking.StageRun, variant: dict) -> None:
    """Write a "model" and its curve."""
    import numpy as np  # only here: most stages are not trainings

    folder = Path("models") / SUBJECT
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["epoch,loss"]
    for epoch in range(1, variant["epochs"] + 1):
        run.log_metrics({"epoch": epoch, "loss": 1 / epoch}, step=epoch)
        rows.append(f"{epoch},{1 / epoch}")
        pause("epoch")
    if os.environ.get("FAKE_FAIL") == SUBJECT:
        raise ValueError("as requested")
    (folder / "history.csv").write_text("\n".join(rows) + "\n")
    facts = {"variant": variant, "data_source": "synthetic", "parameters": 7}
    (folder / "train.json").write_text(json.dumps(facts))
    (folder / "model.keras").write_text(json.dumps(variant) + os.environ.get("FAKE_CPU", ""))
    np.savez(folder / "snapshots.npz", inputs=np.zeros((2, 28, 28), np.uint8))
    run.log_metrics({"seconds": 1.5})


def evaluate(run: tracking.StageRun, variant: dict) -> None:
    """Write test metrics."""
    metrics = {"test_bce": variant["model"]["code"] / 100, "n_test": 10}
    Path("metrics").mkdir(exist_ok=True)
    text = json.dumps({**metrics, "data_source": "synthetic"})
    (Path("metrics") / f"{SUBJECT}.json").write_text(text)


def plot(run: tracking.StageRun, _: dict) -> None:
    """Write a figure."""
    folder = Path("plots") / SUBJECT
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "curve.png").write_bytes(b"figure")


def report(run: tracking.StageRun, _: None) -> None:
    """Write a report."""
    Path("reports").mkdir(exist_ok=True)
    Path("reports/index.html").write_text("<p>report</p>")
    run.sync()


if __name__ == "__main__":
    main()
