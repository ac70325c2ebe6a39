"""A training repeats itself to the byte, survives a kill, and fails in one line."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from inkbench import models, params, training
from inkbench.datasets import store
from inkbench.models import storage

pytestmark = pytest.mark.slow

SCRIPT = """
import os, signal, sys
from inkbench import params, training
from inkbench.errors import one_line_errors
name, last = sys.argv[1], int(sys.argv[2])
def say(row, epoch):
    print(epoch, flush=True)
    if epoch == last:
        os.kill(os.getpid(), signal.SIGKILL)
with one_line_errors():
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


def _train(variant: str, poison: str = "", killed_after: int = 0) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", poison + SCRIPT, variant, str(killed_after)],
        capture_output=True,
        text=True,
        check=False,
    )


def _contents(variant: str) -> dict[str, bytes]:
    folder = Path("models", variant)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_killed_training_ends_with_the_same_bytes_as_a_whole_one(work):
    """Three phases, dropout and Adam's moments all have to survive."""
    variant = "notmnist-stacked-logreg"
    assert _train(variant).returncode == 0
    whole = _contents(variant)
    assert not (work / ".checkpoints" / variant).exists()
    Path("models", variant, "model.keras").unlink()

    # Two pretraining and two logistic epochs, two of three at the end.
    assert _train(variant, killed_after=6).returncode == -signal.SIGKILL
    assert (work / ".checkpoints" / variant / "state.json").exists()

    resumed = _train(variant)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.split() == ["7"]  # not from the start
    assert _contents(variant) == whole
    assert whole["steps/logistic_regression.keras"] != whole["model.keras"]


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
    assert _train(variant, killed_after=1).returncode == -signal.SIGKILL
    (weights,) = (work / ".checkpoints" / variant).glob("*.h5")
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
        drawn = storage.load(folder / "model.keras").predict_on_batch(snapshots["inputs"])
        assert np.abs(drawn - snapshots["outputs_3"]).max() < 2e-3, "the trained weights, shipped"


def test_missing_data_is_named(work):
    (work / "data/processed/notmnist/train.npz").unlink()
    ran = _train("notmnist-cnn")
    assert ran.returncode == 2
    assert "data/processed/notmnist/train.npz" in ran.stderr.splitlines()[-1]


def test_training_learns(work):
    assert _train("notmnist-cnn").returncode == 0
    rows = Path("models/notmnist-cnn/history.csv").read_text().splitlines()
    column = rows[0].split(",").index("loss")
    losses = [float(row.split(",")[column]) for row in rows[1:]]
    assert losses[-1] < losses[0]


def test_a_fingerprint_depends_on_settings_machine_and_data(work):
    variant = params.load().variant("notmnist-cnn")
    machine = {"threads": 2}
    base = training._fingerprint(variant, machine)
    assert training._fingerprint(variant, machine) == base
    assert training._fingerprint(variant, {"threads": 3}) != base
    other = variant.model_copy(update={"learning_rate": 0.5})
    assert training._fingerprint(other, machine) != base
    (work / "data/processed/notmnist/train.npz").write_bytes(b"other")
    assert training._fingerprint(variant, machine) != base


def test_a_fingerprint_reads_all_code_that_dvc_names(work, root, monkeypatch):
    read, real = set(), Path.open
    monkeypatch.setattr(Path, "open", lambda p, *a, **k: (read.add(p.name), real(p, *a, **k))[1])
    training._fingerprint(params.load().variant("notmnist-cnn"), {})
    deps = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]["train"]["do"]["deps"]
    code = {Path(dep).name for dep in deps if dep.startswith("src/") and "$" not in dep}
    assert code | {"cnn.py"} <= read


def test_a_phase_is_compiled_as_its_variant_says(root):
    known = params.load(root / "params.yaml").train
    variant = known["notmnist-conv-ae"]
    network = models.build(variant.family, (28, 28), 10, variant.model_options)
    model = training._compiled(variant, training._phases(variant, network)[0], steps=7)
    assert type(model.optimizer).__name__ == "ConvolutionalMuon"
    assert type(model.loss).__name__ == "BinaryCrossentropy"
    rate = model.optimizer._learning_rate
    assert float(rate(7 * variant.epochs - 1)) > 0
    assert float(rate(7 * variant.epochs)) == pytest.approx(0, abs=1e-9)


def test_logistic_regression_leaves_its_encoder_alone(root):
    variant = params.load(root / "params.yaml").train["notmnist-stacked-logreg"]
    network = models.build(variant.family, (28, 28), 10, variant.model_options)
    head = training._compiled(variant, training._phases(variant, network)[1], 7)
    assert type(head.optimizer).__name__ == "Adam"
    assert {v.path.split("/")[0] for v in head.trainable_variables} == {network.layers[-1].name}
