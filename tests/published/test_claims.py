"""Every claim on tiny data: what it must show whatever the data."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from helpers import contents, stage

pytestmark = pytest.mark.slow


def _metrics(claim: str, root: Path) -> dict:
    """Run the stage of a claim with a shortened training."""
    tree = yaml.safe_load((root / "params.yaml").read_text())
    for block in tree["published"].values():
        block |= {"epochs": 1, "batch_size": 20, "train_limit": 60}
    Path("params.yaml").write_text(yaml.safe_dump(tree))
    assert stage("published", claim) == 0
    return json.loads(Path(f"metrics/published/{claim}.json").read_text())


def _arrays(claim: str, file: str) -> dict[str, np.ndarray]:
    with np.load(f"evaluations/published/{claim}/{file}") as archive:
        return dict(archive)


def test_notmnist_basic_reports_the_loss_and_is_deterministic(project, root):
    metrics = _metrics("notmnist-basic", root)
    assert (
        metrics["bce_of_a_perfect_reconstruction"] < metrics["test_bce"] < metrics["bce_untrained"]
    )
    assert metrics["data_source"] == "synthetic" and metrics["parameters"] == 435_536
    assert {"outputs_0", "outputs_1"} <= _arrays("notmnist-basic", "samples.npz").keys()
    files = contents(project)
    assert sum("/published/" in path for path in files) == 3
    _metrics("notmnist-basic", root)
    assert contents(project) == files


def test_notmnist_multilayer_softmax_outputs_one_and_learns_nothing(project, root):
    metrics = _metrics("notmnist-multilayer", root)
    assert metrics["softmax_lowest_output"] == 1
    assert metrics["softmax_largest_weight_change"] == 0
    assert metrics["parameters"] == 314_625
    shown = _arrays("notmnist-multilayer", "shown.npz")
    assert (shown["tiles_softmax"] == 1).all() and 1 < len(shown["letters"]) <= 10


def test_notmnist_80_images_interval_contains_validation_accuracy(project, root):
    metrics = _metrics("notmnist-80-images", root)
    assert metrics["draws_low"] <= metrics["validation_accuracy"] <= metrics["draws_high"]
    assert 0 < metrics["validation_in_training"] <= 1


def test_mnist_logits_are_clipped_and_a_sigmoid_is_not(project, root):
    metrics = _metrics("mnist-logits", root)
    assert metrics["outputs_without_gradient"] > 0
    assert metrics["corrected_bce"] < metrics["test_bce"]
    samples = _arrays("mnist-logits", "samples.npz")
    assert samples["as_published"].min() < 0 < samples["corrected"].min()


def test_mnist_sparse_pair_has_equal_weights_until_regularised(project, root):
    metrics = _metrics("mnist-sparse-pair", root)
    assert metrics["largest_weight_difference"] == 0
    assert metrics["weights_base"] == metrics["weights_sparse"] != metrics["weights_on"]
    assert metrics["largest_weight_difference_when_on"] > 0


def test_published_stage_rejects_unknown_claim(project, root, capsys):
    Path("params.yaml").write_text((root / "params.yaml").read_text())
    assert stage("published", "no-such") == 2
    error = capsys.readouterr().err
    assert "notmnist-basic" in error and error.count("\n") == 1
