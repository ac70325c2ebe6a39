"""Training is repeatable to the byte, resumes after a kill, and fails in one line."""

import csv
import importlib.metadata
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

import made_letters
from helpers import contents
from inkbench import models, params
from inkbench.errors import InkbenchError
from inkbench.models.common import storage
from inkbench.training import loop, losses, runtime
from inkbench.training.checkpoints import fingerprint

pytestmark = pytest.mark.slow

SCRIPT = """
import os, signal, sys
from inkbench import params
from inkbench.training import loop
from inkbench.errors import one_line_errors
last, name = sys.argv[1:]
def say(row, epoch):
    print(epoch, flush=True)
    if epoch == int(last):
        os.kill(os.getpid(), signal.SIGKILL)
with one_line_errors():
    loop.train(name, params.load().variant(name), on_epoch=say)
"""


@pytest.fixture
def work(tmp_path, monkeypatch, root) -> Path:
    """A folder with 200 synthetic letters and small variants."""
    monkeypatch.chdir(tmp_path)
    made_letters.save(tmp_path, train=200, valid=20, test=20)
    tree = yaml.safe_load((root / "params.yaml").read_text())
    small = {"epochs": 3, "batch_size": 20, "learning_rate": 0.001, "precision": "float32"}
    for variant in tree["train"].values():
        variant.update(small)
    tree["train"]["notmnist-stacked-logreg"].update(
        pretrain_epochs=2, model={"hidden": [32], "code": 16, "dropout": 0.2}
    )
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path


def _train(variant: str, killed_after: int = 0) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", SCRIPT, str(killed_after), variant]
    return subprocess.run(command, capture_output=True, text=True)


def _train_here(variant: str) -> dict[str, float]:
    return loop.train(variant, params.load().variant(variant), on_epoch=lambda *_: None)


def _refused(variant: str) -> str:
    with pytest.raises(InkbenchError) as refused:
        _train_here(variant)
    assert not Path("models", variant).exists()
    return str(refused.value)


def test_train_is_repeatable_and_resumes_after_a_kill_with_the_same_bytes(work):
    """Three objectives, dropout, optimiser state."""
    variant = "notmnist-stacked-logreg"
    checkpoint, model = work / ".checkpoints" / variant, work / "models" / variant
    assert _train(variant).returncode == 0
    whole = contents(model)
    assert not checkpoint.exists()
    assert whole["steps/logistic_regression.keras"] != whole["model.keras"]
    shutil.rmtree(model)

    # Two pretraining and two logistic epochs, two of three at the end.
    assert _train(variant, killed_after=6).returncode == -signal.SIGKILL
    resumed = _train(variant)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.split() == ["7"]  # not from the start
    assert contents(model) == whole


def test_train_starts_over_if_its_checkpoint_is_damaged(work):
    class Stop(Exception):
        """After the first epoch."""

    def stop(_: object, epoch: int) -> None:
        epochs.append(epoch)
        if len(epochs) == 1:
            raise Stop

    epochs: list[int] = []
    variant = params.load().variant("notmnist-dense-ae")
    with pytest.raises(Stop):
        loop.train("notmnist-dense-ae", variant, on_epoch=stop)
    (weights,) = work.glob(".checkpoints/notmnist-dense-ae/*.h5")
    weights.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match=str(weights.parent.relative_to(work))):
        loop.train("notmnist-dense-ae", variant, on_epoch=stop)
    assert epochs == [1, 1, 2, 3]
    assert not weights.parent.exists()


def test_train_names_a_loss_that_is_not_finite_and_leaves_no_model(work, monkeypatch):
    monkeypatch.setattr(losses, "loss", lambda _: lambda labels, outputs: outputs[:, 0] * np.nan)
    message = _refused("notmnist-cnn")
    assert all(fact in message for fact in ("train.notmnist-cnn", "epoch 1", "learning_rate 0.001"))


def test_train_names_the_batch_size_when_out_of_memory_and_leaves_no_model(work, monkeypatch):
    def fit(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(keras.Model, "fit", fit)
    message = _refused("notmnist-cnn")
    assert all(fact in message for fact in ("train.notmnist-cnn", "epoch 1", "batch_size 20"))


def test_train_says_that_it_goes_on_after_an_interruption(work, monkeypatch, capsys):
    def fit(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        _train_here("notmnist-cnn")
    assert "same command goes on after epoch 0" in capsys.readouterr().err


def test_train_writes_model_history_snapshots_and_facts(work):
    _train_here("notmnist-dense-ae")
    folder = Path("models/notmnist-dense-ae")
    names = {path.name for path in folder.iterdir()}
    assert names == {"history.csv", "model.keras", "snapshots.npz", "train.json"}
    facts = json.loads((folder / "train.json").read_text())
    assert facts["parameters"] == 435_536
    assert facts["data_source"] == "synthetic"
    assert facts["n_train"] == 200
    with (folder / "history.csv").open() as history:
        losses = {row["epoch"]: float(row["loss"]) for row in csv.DictReader(history)}
    assert list(losses) == ["1", "2", "3"] and losses["3"] < losses["1"]
    with np.load(folder / "snapshots.npz") as snapshots:
        assert {"inputs", "targets", "outputs_1", "outputs_2", "outputs_3"} == set(snapshots)
        assert snapshots["outputs_3"].shape == (8, 28, 28)
        outputs = storage.load(folder / "model.keras").predict_on_batch(snapshots["inputs"])
        assert np.abs(outputs - snapshots["outputs_3"]).max() < 2e-3


def test_train_names_missing_data(work):
    (work / "data/processed/notmnist/train.npz").unlink()
    assert "data/processed/notmnist/train.npz" in _refused("notmnist-cnn")


def test_train_refuses_a_damaged_dataset_card_before_it_starts(work, monkeypatch):
    (work / "data/processed/notmnist/dataset.json").write_text('{"classes": ["A"]}')
    monkeypatch.setattr(runtime, "set_up", lambda *_: pytest.fail("started"))
    message = _refused("notmnist-cnn")
    assert "data/processed/notmnist/dataset.json" in message and "'data_source'" in message


def test_fingerprint_depends_on_settings_machine_cpu_libraries_data_and_code(work, monkeypatch):
    variant = params.load().variant("notmnist-cnn")
    machine = {"threads": 2}
    base = fingerprint(variant, machine)
    assert fingerprint(variant, machine) == base
    assert fingerprint(variant, {"threads": 3}) != base
    with monkeypatch.context() as patch:
        patch.setattr(runtime, "cpu_flags", lambda: {"fma"})
        assert fingerprint(variant, machine) != base
    other = variant.model_copy(update={"learning_rate": 0.5})
    assert fingerprint(other, machine) != base
    with monkeypatch.context() as patch:
        patch.setattr(importlib.metadata, "version", lambda name: "another")
        assert fingerprint(variant, machine) != base
    (work / "data/processed/notmnist/train.npz").write_bytes(b"other")
    changed = fingerprint(variant, machine)
    assert changed != base
    monkeypatch.setattr(Path, "rglob", lambda *_: iter(()))
    assert fingerprint(variant, machine) != changed


def test_compile_follows_the_variant_s_block(root):
    known = params.load(root / "params.yaml").train
    variant = known["notmnist-conv-ae"]
    network = models.build(variant.family, (28, 28), 10, variant.model_options)
    (objective,) = loop._objectives(variant, network)
    model = loop._compile(variant, objective, 7 * variant.batch_size, "cpu")
    assert type(model.optimizer).__name__ == "ConvolutionalMuon"
    assert type(model.loss).__name__ == "BinaryCrossentropy"
    rate = model.optimizer._learning_rate
    assert float(rate(7 * variant.epochs - 1)) > 0
    assert float(rate(7 * variant.epochs)) == pytest.approx(0, abs=1e-9)


def test_compile_freezes_the_encoder_for_logistic_regression(root):
    variant = params.load(root / "params.yaml").train["notmnist-stacked-logreg"]
    network = models.build(variant.family, (28, 28), 10, variant.model_options)
    _, logistic, _ = loop._objectives(variant, network)
    head = loop._compile(variant, logistic, 700, "cpu")
    assert type(head.optimizer).__name__ == "Adam"
    assert {v.path.split("/")[0] for v in head.trainable_variables} == {network.layers[-1].name}
