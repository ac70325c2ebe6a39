"""Every task, from model and data to metrics and arrays, with models without a network."""

import contextlib
import json
import re

import numpy as np
import pytest

from fake_models import (
    CLASSES,
    CLASSIFICATION,
    RECONSTRUCTION,
    RESTORATION,
    FakeModel,
    letters,
    page,
    probabilities,
    save_letters,
    save_pages,
    save_training_card,
    skip_probes,
)
from helpers import ROOT
from inkbench import layout
from inkbench.datasets.common.store import Images
from inkbench.errors import InkbenchError
from inkbench.evaluation import classification, fidelity, suite, variational
from inkbench.evaluation import reconstruction as reconstruction_module
from inkbench.evaluation.results import Results
from inkbench.params import Variant

CARD = {"data_source": "synthetic", "parameters": 123}
METRICS = ROOT / "docs/metrics.md"
TEST = letters(4, 3)  # as `save_letters` writes it


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_letters()
    save_pages(page("1", "fold"), page("4", "coffee"))


def _evaluate(block: dict, model: FakeModel | None = None, **more) -> Results:
    return suite.evaluate(Variant.model_validate(block), CARD, model or FakeModel(), **more)


def _classifier(wrong: int) -> FakeModel:
    return FakeModel(fixed_outputs=probabilities(TEST.labels, wrong))


@pytest.fixture(scope="module")
def reconstruction(tmp_path_factory) -> Results:
    with contextlib.chdir(tmp_path_factory.mktemp("project")):
        save_letters()
        return _evaluate(RECONSTRUCTION)


@pytest.fixture(scope="module")
def denoising(tmp_path_factory) -> Results:
    with contextlib.chdir(tmp_path_factory.mktemp("project")):
        save_letters()
        return _evaluate(RECONSTRUCTION | {"noise": {"gaussian": 0.3, "salt_pepper": 0.1}})


# Reconstruction -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "heading"),
    [
        (RECONSTRUCTION, "Image reconstruction"),
        (CLASSIFICATION, "Classification"),
        (RESTORATION, "Document restoration"),
    ],
)
def test_evaluate_returns_the_documented_metrics(block, heading, monkeypatch):
    skip_probes(monkeypatch)
    sections = dict(re.findall(r"^## (.+?)$(.+?)(?=^## )", METRICS.read_text(), re.M | re.S))
    keys = {
        key
        for text in (sections["All tasks"], sections[heading].partition("### Denoising")[0])
        for cell in re.findall(r"^\| (`.+?) \|", text, re.M)
        for key in re.findall(r"`(\w+)`", cell)
    }
    model = _classifier(wrong=4) if block is CLASSIFICATION else FakeModel()
    metrics = set(_evaluate(block, model).metrics)
    by_page = {"test_rmse_40", "test_rmse_coffee", "test_rmse_fold"}
    assert metrics - by_page == keys - {"mlebench_rmse"}
    assert (by_page <= metrics) is (block is RESTORATION)


def test_reconstruction_metrics_match_the_model(reconstruction):
    metrics = reconstruction.metrics
    test, train = (fidelity.to_float(part.images) for part in (TEST, letters(6, 1)))
    assert metrics["test_mse"] == pytest.approx(fidelity.mse(test, 0.1 + 0.8 * test))
    # Measured on 40 of the 60 training images, as many as in the test part.
    assert metrics["train_bce"] == pytest.approx(fidelity.bce(train, 0.1 + 0.8 * train), rel=0.01)
    assert metrics["generalisation_gap_bce"] == metrics["test_bce"] - metrics["train_bce"]
    for prefix in ("", "raw_pixel_"):  # both show the class
        assert metrics[f"{prefix}probe_accuracy"] == metrics[f"{prefix}knn_accuracy"] == 1
    assert metrics["code_size"] == 16
    facts = {"dataset": "notmnist", "task": "reconstruction", "n_test": 40}
    assert (CARD | facts).items() <= metrics.items()


def test_reconstruction_samples_are_three_per_class(reconstruction):
    samples = reconstruction.arrays["samples.npz"]
    assert samples["classes"].tolist() == CLASSES
    assert samples["labels"].tolist() == np.repeat(np.arange(10), 3).tolist()
    assert np.array_equal(samples["inputs"], samples["targets"])
    assert samples["reconstructions"].dtype == np.float16


def test_reconstruction_codes_keep_labels_and_projections_aligned(reconstruction):
    arrays = reconstruction.arrays["codes.npz"]
    assert arrays["classes"].tolist() == CLASSES
    assert arrays["pca2"].shape == arrays["tsne2"].shape == (40, 2)
    assert arrays["code_counts"].sum() == 40 * 16
    codes = FakeModel().codes(TEST.images).astype(np.float16)
    expected, actual = (
        {(code.tobytes(), label) for code, label in zip(*pair, strict=True)}
        for pair in ((codes, TEST.labels), (arrays["codes"], arrays["labels"]))
    )
    assert actual == expected


def test_reconstruction_shows_codes_of_all_classes_of_a_sorted_part(monkeypatch):
    monkeypatch.setattr(reconstruction_module, "_CODES_SHOWN", 20)
    monkeypatch.setattr(reconstruction_module.projection, "TSNE_ROWS", 12)
    codes = _evaluate(RECONSTRUCTION).arrays["codes.npz"]
    assert len(set(codes["labels"])) > 5  # the first 20 rows are of five classes
    assert len(set(codes["labels"][codes["tsne_rows"]])) > 3


def test_reconstruction_train_bce_uses_only_trained_images():
    model = FakeModel()
    results = _evaluate(RECONSTRUCTION | {"train_limit": 30}, model)
    inputs = np.concatenate([images for images in model.inputs if len(images) == 30])
    trained_on = {image.tobytes() for image in letters(6, 1).images[:30]}
    assert {image.tobytes() for image in inputs} == trained_on
    assert results.metrics["probe_accuracy"] == 1  # the probe sees all classes


def test_reconstruction_targets_are_binary_if_binarised(monkeypatch):
    skip_probes(monkeypatch)
    block = {"family": "strided_autoencoder", "model": {"code": 4}, "binarise": True}
    results = _evaluate(RECONSTRUCTION | block)
    assert set(np.unique(results.arrays["samples.npz"]["targets"])) == {0, 255}
    assert results.metrics["test_binary_accuracy"] == 1


def test_denoising_corrupts_inputs_but_not_targets_or_codes(denoising, reconstruction):
    samples = denoising.arrays["samples.npz"]
    assert np.array_equal(samples["targets"][0], TEST.images[0])
    assert not np.array_equal(samples["inputs"][0], TEST.images[0])
    codes = (results.arrays["codes.npz"]["codes"] for results in (denoising, reconstruction))
    assert np.array_equal(*codes)


def test_denoising_reports_psnr_gain_for_every_kind_of_noise(denoising):
    metrics = denoising.metrics
    for suffix in ("", "_gaussian", "_salt_pepper"):
        gain = metrics[f"test_psnr{suffix}"] - metrics[f"test_psnr_noisy{suffix}"]
        assert metrics[f"psnr_gain{suffix}"] == gain
        assert metrics["test_psnr_noisy"] <= metrics[f"test_psnr_noisy{suffix}"]
    arrays = denoising.arrays["denoising.npz"]
    assert arrays["kinds"].tolist() == ["gaussian", "salt_pepper", "both"]
    for kind in arrays["kinds"]:
        assert arrays[f"noisy_{kind}"].shape == arrays[f"restored_{kind}"].shape == (30, 28, 28)


def test_denoising_of_one_kind_has_no_further_metrics(monkeypatch):
    skip_probes(monkeypatch)
    results = _evaluate(RECONSTRUCTION | {"noise": {"gaussian": 0.3}})
    assert results.arrays["denoising.npz"]["kinds"].tolist() == ["gaussian"]
    psnr_metrics = {key for key in results.metrics if "psnr" in key}
    assert psnr_metrics == {"psnr_gain", "test_psnr", "test_psnr_noisy"}


def test_variational_model_has_bound_and_generated_images(monkeypatch):
    skip_probes(monkeypatch)
    results = _evaluate(RECONSTRUCTION, FakeModel(is_variational=True))
    metrics, generated = results.metrics, results.arrays["generated.npz"]
    assert metrics["active_units"] == generated["active_units"].sum()
    assert generated["samples"].shape == (64, 28, 28)
    assert generated["interpolations"].shape == (8, 10, 28, 28)
    assert generated["manifold"].shape == (20, 20, 28, 28)
    mean, log_var = FakeModel().posterior(TEST.images)
    decoded = FakeModel().decode(variational.sample(mean, log_var))
    targets = fidelity.to_float(TEST.images, binarise=True)
    assert variational.bound(targets, decoded, mean, log_var).items() <= metrics.items()


# Classification -----------------------------------------------------------------------------------


def test_classification_has_documented_files():
    results = _evaluate(CLASSIFICATION, _classifier(wrong=4))
    assert results.metrics["test_accuracy"] == 0.9
    assert set(results.arrays) == {"predictions.npz", "misclassified.npz", "weights.npz"}
    assert set(results.tables) == {"confusion.csv", "per_class.csv", "reliability.csv"}
    assert results.arrays["misclassified.npz"]["labels"].tolist() == [0, 0, 0, 0]
    assert results.tables["confusion.csv"].rows[0] == ("A", "B")


def test_classification_interval_resamples_groups():
    groups = np.arange(40) // 4
    save_letters(Images(TEST.images, TEST.labels, groups))
    metrics = _evaluate(CLASSIFICATION, _classifier(wrong=4)).metrics
    correct = np.arange(40) >= 4
    low, high = classification.accuracy_interval(correct, groups)
    assert (metrics["test_accuracy_low"], metrics["test_accuracy_high"]) == (low, high)
    assert low < classification.accuracy_interval(correct, np.arange(40))[0]


def test_classification_reports_accuracy_of_earlier_steps():
    steps = {"logistic_regression": _classifier(wrong=10)}
    metrics = _evaluate(CLASSIFICATION, _classifier(wrong=0), steps=steps).metrics
    assert metrics["test_accuracy"] == 1
    assert metrics["test_accuracy_logistic_regression"] == 0.75


# Restoration --------------------------------------------------------------------------------------


def test_restoration_of_mlebench_split_reports_graders_error():
    split = {"mlebench": {"test": ["2"], "train": ["1"]}}
    save_pages(page("1", "fold"), page("4", "coffee"), splits=split)
    results = _evaluate(RESTORATION | {"split": "mlebench"})
    assert [row[0] for row in results.tables["per_page.csv"].rows] == ["2"]
    assert results.metrics["test_rmse"] == results.metrics["background_rmse"]  # of `FakeModel`
    assert results.metrics["mlebench_rmse"] == pytest.approx(results.metrics["test_rmse"])


# Invalid data and models --------------------------------------------------------------------------


@pytest.mark.parametrize("block", [RECONSTRUCTION, CLASSIFICATION])
def test_evaluate_rejects_empty_test_part(block):
    save_letters(letters(0))
    with pytest.raises(InkbenchError, match=r"notmnist/test\.npz: .*no images"):
        _evaluate(block)


def test_evaluate_rejects_split_without_test_pages():
    save_pages()
    with pytest.raises(InkbenchError, match=r"documents: .*'page-disjoint'.*preprocess@documents"):
        _evaluate(RESTORATION)


@pytest.mark.parametrize(
    ("block", "method"),
    [
        (RECONSTRUCTION, "outputs"),
        (RECONSTRUCTION, "codes"),
        (CLASSIFICATION, "outputs"),
        (RESTORATION, "restore"),
    ],
)
def test_evaluate_rejects_nan(block, method, monkeypatch):
    def nan(self, images):
        shape = (40, 10) if block is CLASSIFICATION else images.shape
        return np.full(shape, np.nan, np.float32)

    monkeypatch.setattr(FakeModel, method, nan)
    with pytest.raises(InkbenchError, match=r"models/fake/model\.keras: .*NaN"):
        _evaluate(block)


def test_evaluate_rejects_model_trained_on_other_data_source():
    save_letters(data_source="real")
    with pytest.raises(InkbenchError, match=r"synthetic data.* real data.*train@fake"):
        _evaluate(CLASSIFICATION)


def test_evaluate_rejects_dataset_card_without_classes():
    layout.dataset_card("notmnist").write_text('{"data_source": "synthetic"}')
    with pytest.raises(InkbenchError, match=r"dataset\.json.*'classes'"):
        _evaluate(CLASSIFICATION)


# Training card ------------------------------------------------------------------------------------


def test_load_training_card_returns_variant_and_card():
    save_training_card("my-cnn", CLASSIFICATION)
    variant, card = suite.load_training_card("my-cnn")
    assert variant.family == "cnn"
    assert card["parameters"] == 123


@pytest.mark.parametrize("name", ["no-such", "../models/my-cnn", "", "MY-CNN"])
def test_load_training_card_lists_trained_variants_for_unknown_name(name):
    save_training_card("my-cnn", CLASSIFICATION)
    with pytest.raises(InkbenchError, match="trained: my-cnn"):
        suite.load_training_card(name)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{",
        "[]",
        "{}",
        json.dumps({"variant": CLASSIFICATION}),
        json.dumps({"variant": CLASSIFICATION | {"surprise": 1}, **CARD}),
        json.dumps({"variant": CLASSIFICATION, **CARD, "parameters": "many"}),
    ],
)
def test_load_training_card_rejects_missing_or_damaged_card(text):
    save_training_card("my-cnn", CLASSIFICATION)
    path = layout.training_card("my-cnn")
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(InkbenchError, match=r"models/my-cnn/train\.json.*train@my-cnn") as caught:
        suite.load_training_card("my-cnn")
    assert "\n" not in str(caught.value)
