"""Claims run again on tiny data: what each must show whatever the data."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from helpers import stage

pytestmark = pytest.mark.slow


def run(claim: str, root: Path) -> dict:
    """Run a claim's stage with its own settings, cut down; its metrics."""
    tree = yaml.safe_load((root / "params.yaml").read_text())
    for block in tree["published"].values():
        block |= {"epochs": 1, "batch_size": 20, "train_limit": 60}
    Path("params.yaml").write_text(yaml.safe_dump(tree))
    assert stage("published", claim) == 0
    return json.loads(Path(f"metrics/published/{claim}.json").read_text())


def arrays(claim: str, file: str) -> dict[str, np.ndarray]:
    with np.load(f"evaluations/published/{claim}/{file}") as archive:
        return dict(archive)


def test_the_printed_accuracy_is_the_loss(project: Path, root: Path):
    found = run("notmnist-basic", root)
    assert found["bce_of_a_perfect_copy"] < found["test_bce"] < found["bce_untrained"]
    assert found["data_source"] == "synthetic" and found["parameters"] == 435_536
    assert {"outputs_0", "outputs_1"} <= arrays("notmnist-basic", "samples.npz").keys()
    left = [path for path in project.glob("*/published/**/*.*") if path.is_file()]
    kept = {path: path.read_bytes() for path in left}
    run("notmnist-basic", root)
    assert {path: path.read_bytes() for path in kept} == kept and len(kept) == 3


def test_a_softmax_of_one_channel_says_one_and_learns_nothing(project: Path, root: Path):
    found = run("notmnist-multilayer", root)
    assert found["softmax_lowest_output"] == 1
    assert found["softmax_largest_weight_change"] == 0
    assert found["parameters"] == 314_625
    shown = arrays("notmnist-multilayer", "shown.npz")
    assert (shown["tiles_softmax"] == 1).all() and 1 < len(shown["letters"]) <= 10


def test_eighty_images_come_with_their_interval(project: Path, root: Path):
    found = run("notmnist-80-images", root)
    assert found["draws_low"] <= found["validation_accuracy"] <= found["draws_high"]
    assert 0 < found["validation_in_training"] <= 1


def test_with_a_sigmoid_no_pixel_is_clipped_that_was_before(project: Path, root: Path):
    found = run("mnist-logits", root)
    assert found["outputs_without_gradient"] > 0
    assert found["mended_bce"] < found["test_bce"]
    samples = arrays("mnist-logits", "samples.npz")
    assert samples["as_published"].min() < 0 < samples["mended"].min()


def test_the_sparse_network_is_the_base_network_until_its_regularisers_are_on(
    project: Path, root: Path
):
    found = run("mnist-sparse-pair", root)
    assert found["largest_weight_difference"] == 0
    assert found["weights_base"] == found["weights_sparse"] != found["weights_on"]
    assert found["largest_weight_difference_when_on"] > 0


def test_an_unknown_claim_is_one_line_and_exit_code_2(
    project: Path, root: Path, capsys: pytest.CaptureFixture[str]
):
    Path("params.yaml").write_text((root / "params.yaml").read_text())
    assert stage("published", "no-such") == 2
    error = capsys.readouterr().err
    assert "notmnist-basic" in error and error.count("\n") == 1
