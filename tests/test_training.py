"""A training repeats itself to the byte, survives a kill, and fails in one line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from inkbench.checkpoints import Checkpoint, DamagedCheckpoint, Progress
from inkbench.datasets import store

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
from inkbench import params, training
from inkbench.errors import one_line_errors
with one_line_errors():
    name = sys.argv[1]
    say = lambda row, epoch: print(epoch, flush=True)
    training.train(name, params.load().variant(name), on_epoch=say)
"""


@pytest.fixture
def work(tmp_path, monkeypatch, root) -> Path:
    """A folder with 200 made letters and one small variant of each kind."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    folder = tmp_path / "data/processed/notmnist"
    folder.mkdir(parents=True)
    for part, count in (("train", 200), ("valid", 20), ("test", 20)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = rng.integers(0, 120, (count, 28, 28), np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 6] += 120
        store.save_images(folder, part, store.Images(images, labels, np.arange(count)))
    store.save_card(folder, {"data_source": "stand-in", "classes": list("ABCDEFGHIJ")})
    tree = yaml.safe_load((root / "params.yaml").read_text())
    small = {"epochs": 3, "batch_size": 20, "learning_rate": 0.001, "precision": "float32"}
    for variant in tree["train"].values():
        variant.update(small)
    tree["train"]["notmnist-stacked-logreg"].update(
        pretrain_epochs=2, model={"hidden": [32], "code": 16, "dropout": 0.2}
    )
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path


def _train(variant: str, poison: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", poison + SCRIPT, variant],
        capture_output=True,
        text=True,
        check=False,
    )


def _contents(variant: str) -> dict[str, bytes]:
    folder = Path("models", variant)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


class SavesWeights:
    """As much of a model as a checkpoint needs."""

    def save_weights(self, path: Path) -> None:
        """Write something."""
        path.write_bytes(b"weights")


def test_a_killed_training_ends_with_the_same_bytes_as_a_whole_one(work):
    """Three phases, dropout and Adam's moments all have to survive."""
    variant = "notmnist-stacked-logreg"
    assert _train(variant).returncode == 0
    whole = _contents(variant)
    assert not (work / ".checkpoints" / variant).exists()
    Path("models", variant, "model.keras").unlink()

    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, variant], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.strip() == "6":  # two pretraining and two logistic epochs, two of three at the end
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (work / ".checkpoints" / variant / "state.json").exists()

    resumed = _train(variant)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.split()[0] in ("6", "7")  # not from the start
    assert _contents(variant) == whole


def test_two_trainings_end_with_the_same_bytes(work):
    """Convolutions, dropout and augmentation on all threads: what is prone to differ."""
    variant = "notmnist-cnn"
    assert _train(variant).returncode == 0
    once = _contents(variant)
    shutil.rmtree(Path("models", variant))
    assert _train(variant).returncode == 0
    assert _contents(variant) == once


def test_a_damaged_checkpoint_costs_time_and_nothing_else(work):
    variant = "notmnist-dense-ae"
    assert _train(variant).returncode == 0
    whole = _contents(variant)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, variant], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.strip() == "1":
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for weights in (work / ".checkpoints" / variant).glob("*.h5"):
        weights.write_bytes(b"damaged")
    again = _train(variant)
    assert again.returncode == 0, again.stderr
    assert "damaged checkpoint; training starts afresh" in again.stderr
    assert _contents(variant) == whole


def test_a_diverging_loss_is_named_and_leaves_no_model(work):
    poison = (
        "import keras\n"
        "from inkbench.models import losses\n"
        "losses.loss = lambda name: lambda labels, outputs: keras.ops.sum(outputs) * float('nan')\n"
    )
    ran = _train("notmnist-cnn", poison)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1] == (
        "inkbench: error: train.notmnist-cnn: the loss is no longer finite in epoch 1 at "
        "learning_rate 0.001; try a smaller one"
    )
    assert not Path("models/notmnist-cnn").exists()


def test_out_of_memory_is_one_line_and_leaves_no_model(work):
    poison = (
        "import keras\n"
        "def fit(*_, **__):\n"
        "    import tensorflow as tf\n"
        "    raise tf.errors.ResourceExhaustedError(None, None, 'OOM when allocating tensor')\n"
        "keras.Model.fit = fit\n"
    )
    ran = _train("notmnist-cnn", poison)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1] == (
        "inkbench: error: train.notmnist-cnn: out of memory in epoch 1 at batch_size 20; "
        "try a smaller one"
    )
    assert not Path("models/notmnist-cnn").exists()


def test_a_checkpoint_of_other_settings_or_code_is_not_used(tmp_path):
    progress = Progress(phase=0, done=1, history=[{"epoch": 1, "loss": 0.5}])
    Checkpoint(tmp_path, "fingerprint").save(SavesWeights(), progress)
    assert Checkpoint(tmp_path, "fingerprint").progress() == progress
    assert Checkpoint(tmp_path, "another").progress() == Progress()


@pytest.mark.parametrize("file", ["state.json", "epoch-1.npz"])
def test_a_damaged_checkpoint_is_known_as_such(tmp_path, file):
    Checkpoint(tmp_path, "fingerprint").save(SavesWeights(), Progress(history=[{"epoch": 1}]))
    (tmp_path / file).write_bytes(b"damaged")
    with pytest.raises(DamagedCheckpoint):
        Checkpoint(tmp_path, "fingerprint").progress()


def test_what_a_training_leaves(work):
    assert _train("notmnist-conv-ae").returncode == 0
    folder = Path("models/notmnist-conv-ae")
    assert sorted(path.name for path in folder.iterdir()) == [
        "history.csv",
        "model.keras",
        "snapshots.npz",
        "train.json",
    ]
    facts = json.loads((folder / "train.json").read_text())
    assert facts["parameters"] == 314_625
    assert facts["data_source"] == "stand-in"
    assert facts["n_train"] == 200
    rows = (folder / "history.csv").read_text().splitlines()
    assert rows[0].startswith("epoch,") and len(rows) == 4
    with np.load(folder / "snapshots.npz") as snapshots:
        assert {"inputs", "targets", "outputs_1", "outputs_2", "outputs_3"} == set(snapshots)
        assert snapshots["outputs_3"].shape == (8, 28, 28)


def test_missing_data_is_named(work):
    (work / "data/processed/notmnist/train.npz").unlink()
    ran = _train("notmnist-cnn")
    assert ran.returncode == 2
    assert "data/processed/notmnist/train.npz" in ran.stderr.splitlines()[-1]


def test_training_learns(work):
    started = time.perf_counter()
    assert _train("notmnist-cnn").returncode == 0
    assert time.perf_counter() - started < 120
    rows = Path("models/notmnist-cnn/history.csv").read_text().splitlines()
    column = rows[0].split(",").index("loss")
    losses = [float(row.split(",")[column]) for row in rows[1:]]
    assert losses[-1] < losses[0]
