"""Any stage of the toy pipeline: takes its own name from its file name.

It notes every execution, and pauses or fails where a file beside these notes asks for it.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path

from inkbench import tracking

STAGE = Path(sys.argv[0]).stem
SUBJECT = sys.argv[1] if len(sys.argv) > 1 else ""
NOTES = Path(os.environ["TOY_NOTES"])


def main() -> None:
    """Run the stage."""
    subject = {"variant" if STAGE in ("train", "evaluate", "plot") else "dataset": SUBJECT or None}
    with tracking.stage_run(STAGE, **subject) as run:
        with (NOTES / "executed").open("a") as file:
            file.write(f"{STAGE}@{SUBJECT}\n")
        _pause("start")
        if (NOTES / f"fail-{STAGE}-{SUBJECT}").exists():
            sys.exit("failed as requested")
        globals()[STAGE](run)


def _pause(where: str) -> None:
    """Wait while a file asks for it."""
    while (NOTES / f"pause-{STAGE}-{SUBJECT}-{where}").exists():
        (NOTES / f"at-{STAGE}-{SUBJECT}").write_text(str(os.getpid()))
        time.sleep(0.05)


def _write(folder: str, name: str, content: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / name).write_text(content)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def download(_: object) -> None:
    """Write "raw data"."""
    _write(f"data/raw/{SUBJECT}", "raw.txt", SUBJECT * 9)


def preprocess(_: object) -> None:
    """Write "data"."""
    raw = Path(f"data/raw/{SUBJECT}/raw.txt").read_text()
    _write(f"data/processed/{SUBJECT}", "data.txt", _digest(raw))


def train(run: tracking.StageRun) -> None:
    """Write a "model", in three epochs with checkpoints."""
    (NOTES / "growth").write_text(os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH", "not set"))
    settings = next(
        line for line in Path("params.yaml").read_text().splitlines() if SUBJECT in line
    )
    dataset = SUBJECT.partition("-")[0]
    data = Path(f"data/processed/{dataset}/data.txt").read_text()
    checkpoint = Path(".checkpoints") / SUBJECT / "epoch"
    epoch = int(checkpoint.read_text()) if checkpoint.exists() else 0
    while epoch < 3:
        epoch += 1
        with (NOTES / "epochs").open("a") as file:
            file.write(f"{SUBJECT} {epoch}\n")
        run.log_metrics({"loss": 1 / epoch}, step=epoch)
        _write(f".checkpoints/{SUBJECT}", "epoch", str(epoch))
        _pause(f"epoch{epoch}")
    checkpoint.unlink()
    size = int(os.environ.get("TOY_BYTES", "64"))
    _write(f"models/{SUBJECT}", "model.txt", _digest(settings, data) * (size // 64))
    _write(f"models/{SUBJECT}", "train.json", json.dumps({"data_source": "synthetic"}))


def evaluate(_: object) -> None:
    """Write test metrics."""
    model = Path(f"models/{SUBJECT}/model.txt").read_text()
    _write("metrics", f"{SUBJECT}.json", json.dumps({"test_bce": _digest(model)[:5]}))
    _write(f"evaluations/{SUBJECT}", "table.csv", _digest(model, "table"))


def plot(_: object) -> None:
    """Write a figure."""
    _write(
        f"plots/{SUBJECT}",
        "curve.svg",
        _digest(Path(f"evaluations/{SUBJECT}/table.csv").read_text()),
    )


def report(run: tracking.StageRun) -> None:
    """Write a report."""
    files = sorted(path for folder in ("metrics", "plots") for path in Path(folder).rglob("*.*"))
    _write("reports", "index.html", _digest(*(path.read_text() for path in files)))
    run.sync()


if __name__ == "__main__":
    main()
