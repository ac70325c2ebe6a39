"""Every task from model and data to metrics and arrays, with models that are no networks."""

import json

import numpy as np
import pytest
from fake_models import (
    CLASSES,
    CLASSIFICATION,
    RECONSTRUCTION,
    RESTORATION,
    FakeModel,
    letters,
    likely,
    page,
    save_letters,
    save_pages,
    save_training_card,
)

from inkbench import layout
from inkbench.datasets.common.store import Images
from inkbench.errors import InkbenchError
from inkbench.evaluation import classification, fidelity, suite, variational
from inkbench.evaluation import reconstruction as reconstruction_module
from inkbench.evaluation.results import Results
from inkbench.params import Variant

CARD = {"data_source": "synthetic", "parameters": 123}
SHARED = {"data_source", "dataset", "n_test", "parameters", "task"}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_letters()
    save_pages(page("1", "fold"), page("4", "coffee"))


def _evaluate(block: dict, model: FakeModel | None = None, **more) -> Results:
    return suite.evaluate(Variant.model_validate(block), CARD, model or FakeModel(), **more)


@pytest.fixture(scope="module")
def reconstruction(tmp_path_factory) -> Results:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("project"))
        save_letters()
        return _evaluate(RECONSTRUCTION)


@pytest.fixture(scope="module")
def denoising(tmp_path_factory) -> Results:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("project"))
        save_letters()
        return _evaluate({**RECONSTRUCTION, "noise": {"gaussian": 0.3, "salt_pepper": 0.1}})


def test_reconstruction_has_all_its_metrics(reconstruction):
    assert set(reconstruction.metrics) == SHARED | {
        "code_size",
        "code_sparsity",
        "generalisation_gap_bce",
        "knn_accuracy",
        "probe_accuracy",
        "raw_pixel_knn_accuracy",
        "raw_pixel_probe_accuracy",
        "test_bce",
        "test_binary_accuracy",
        "test_mse",
        "test_psnr",
        "test_ssim",
        "train_bce",
        "weight_sparsity",
    }


def test_reconstruction_is_measured_on_the_test_part(reconstruction):
    ink = fidelity.ink(letters(4, 3).images, binarise=False)
    expected = fidelity.mse(ink, 0.1 + 0.8 * ink)
    assert reconstruction.metrics["test_mse"] == pytest.approx(expected)
    assert reconstruction.metrics["n_test"] == 40


def test_gap_is_test_minus_train(reconstruction):
    metrics = reconstruction.metrics
    ink = fidelity.ink(letters(6, 1).images, binarise=False)
    assert metrics["generalisation_gap_bce"] == metrics["test_bce"] - metrics["train_bce"]
    # 40 of the 60 training images: as many as were tested
    assert metrics["train_bce"] == pytest.approx(fidelity.bce(ink, 0.1 + 0.8 * ink), rel=0.01)


def test_a_code_that_shows_the_class_is_seen_to(reconstruction):
    assert reconstruction.metrics["probe_accuracy"] == 1
    assert reconstruction.metrics["knn_accuracy"] == 1
    assert reconstruction.metrics["code_size"] == 16


def test_parameters_and_source_come_along(reconstruction):
    shared = {key: reconstruction.metrics[key] for key in SHARED - {"n_test"}}
    assert shared == {
        "data_source": "synthetic",
        "dataset": "notmnist",
        "parameters": 123,
        "task": "reconstruction",
    }


def test_samples_are_three_of_each_class_in_order(reconstruction):
    samples = reconstruction.arrays["samples.npz"]
    assert samples["labels"].tolist() == np.repeat(np.arange(10), 3).tolist()
    assert np.array_equal(samples["inputs"], samples["targets"])
    assert samples["reconstructions"].dtype == np.float16


def test_codes_come_with_their_maps(reconstruction):
    codes = reconstruction.arrays["codes.npz"]
    assert codes["codes"].shape == (40, 16)
    assert codes["pca2"].shape == codes["tsne2"].shape == (40, 2)
    assert codes["code_counts"].sum() == 40 * 16


def test_a_sample_of_codes_is_of_all_classes_though_files_are_sorted(monkeypatch):
    monkeypatch.setattr(reconstruction_module, "_CODES_SHOWN", 20)
    monkeypatch.setattr(reconstruction_module.projection, "TSNE_ROWS", 12)
    codes = _evaluate(RECONSTRUCTION).arrays["codes.npz"]
    assert len(set(codes["labels"])) > 5  # the first 20 rows are of five classes
    assert len(set(codes["labels"][codes["tsne_rows"]])) > 3


def test_codes_and_labels_stay_in_step(reconstruction):
    codes, test = reconstruction.arrays["codes.npz"], letters(4, 3)
    expected = {
        (code.tobytes(), label)
        for code, label in zip(
            FakeModel().codes(test.images).astype(np.float16), test.labels, strict=True
        )
    }
    found = {
        (code.tobytes(), label) for code, label in zip(codes["codes"], codes["labels"], strict=True)
    }
    assert found == expected


def test_a_probe_may_see_labels_that_the_model_was_not_trained_on():
    results = _evaluate({**RECONSTRUCTION, "train_limit": 10})  # two classes of ten
    assert results.metrics["probe_accuracy"] == 1


def test_only_trained_images_count_as_training():
    model = FakeModel()
    _evaluate({**RECONSTRUCTION, "train_limit": 30}, model)
    seen = np.concatenate([images for images in model.asked if len(images) == 30])
    trained_on = {image.tobytes() for image in letters(6, 1).images[:30]}
    assert {image.tobytes() for image in seen} == trained_on


def test_binarised_targets_are_black_and_white():
    block = {**RECONSTRUCTION, "family": "strided_autoencoder", "model": {"code": 4}}
    results = _evaluate({**block, "binarise": True})
    assert set(np.unique(results.arrays["samples.npz"]["targets"])) == {0, 255}
    assert results.metrics["test_binary_accuracy"] == 1


def test_denoising_is_measured_against_clean_images(denoising):
    samples = denoising.arrays["samples.npz"]
    clean = letters(4, 3).images
    assert np.array_equal(samples["targets"][0], clean[0])
    assert not np.array_equal(samples["inputs"][0], clean[0])


def test_psnr_gain_is_restored_less_noisy(denoising):
    for suffix in ("", "_gaussian", "_salt_pepper"):
        gain = (
            denoising.metrics[f"test_psnr{suffix}"] - denoising.metrics[f"test_psnr_noisy{suffix}"]
        )
        assert denoising.metrics[f"psnr_gain{suffix}"] == gain


def test_each_kind_of_noise_alone_is_milder_than_both(denoising):
    metrics = denoising.metrics
    assert metrics["test_psnr_noisy"] < metrics["test_psnr_noisy_gaussian"]
    assert metrics["test_psnr_noisy"] < metrics["test_psnr_noisy_salt_pepper"]


def test_denoising_shows_every_kind(denoising):
    arrays = denoising.arrays["denoising.npz"]
    assert arrays["kinds"].tolist() == ["gaussian", "salt_pepper", "both"]
    for kind in arrays["kinds"]:
        assert arrays[f"noisy_{kind}"].shape == arrays[f"restored_{kind}"].shape == (30, 28, 28)


def test_a_single_kind_of_noise_has_no_metrics_of_its_own():
    results = _evaluate({**RECONSTRUCTION, "noise": {"gaussian": 0.3}})
    assert results.arrays["denoising.npz"]["kinds"].tolist() == ["gaussian"]
    assert {key for key in results.metrics if "psnr" in key} == {
        "psnr_gain",
        "test_psnr",
        "test_psnr_noisy",
    }


def test_codes_of_a_denoiser_are_those_of_clean_images(denoising, reconstruction):
    codes = (results.arrays["codes.npz"]["codes"] for results in (denoising, reconstruction))
    assert np.array_equal(*codes)


def test_a_variational_model_has_its_bound_and_its_pictures():
    results = _evaluate(RECONSTRUCTION, FakeModel(is_variational=True))
    metrics, generated = results.metrics, results.arrays["generated.npz"]
    assert metrics["test_elbo_nats"] == pytest.approx(
        metrics["test_kl_nats"] + metrics["test_reconstruction_nats"]
    )
    assert metrics["active_units"] == generated["active_units"].sum()
    assert generated["samples"].shape == (64, 28, 28)
    assert generated["interpolations"].shape == (8, 10, 28, 28)
    assert generated["manifold"].shape == (20, 20, 28, 28)
    images = letters(4, 3).images
    mean, log_var = FakeModel().posterior(images)
    drawn = FakeModel().decode(variational.sample(mean, log_var))
    ink = fidelity.ink(images, binarise=True)
    assert variational.bound(ink, drawn, mean, log_var).items() <= metrics.items()


def test_classification_has_all_its_metrics():
    labels = letters(4, 3).labels
    results = _evaluate(CLASSIFICATION, FakeModel(answers=likely(labels, wrong=4)))
    assert set(results.metrics) == SHARED | {
        "test_accuracy",
        "test_accuracy_high",
        "test_accuracy_low",
        "test_ece",
        "test_macro_f1",
        "test_nll",
    }
    assert results.metrics["test_accuracy"] == 0.9
    assert results.metrics["test_accuracy_low"] < 0.9 < results.metrics["test_accuracy_high"]


def test_classification_writes_what_is_documented():
    labels = letters(4, 3).labels
    results = _evaluate(CLASSIFICATION, FakeModel(answers=likely(labels, wrong=4)))
    assert set(results.arrays) == {"predictions.npz", "confused.npz", "weights.npz"}
    assert set(results.tables) == {"confusion.csv", "per_class.csv", "reliability.csv"}
    assert results.arrays["confused.npz"]["labels"].tolist() == [0, 0, 0, 0]
    assert results.tables["confusion.csv"].rows[0] == ("A", "B")


def test_the_interval_counts_copies_of_a_picture_together():
    test, groups = letters(4, 3), np.arange(40) // 4
    save_letters(Images(test.images, test.labels, groups))
    said = likely(test.labels, wrong=4)
    found = _evaluate(CLASSIFICATION, FakeModel(answers=said)).metrics
    low, high = classification.accuracy_interval(said.argmax(1) == test.labels, groups)
    assert (found["test_accuracy_low"], found["test_accuracy_high"]) == (low, high)
    alone = classification.accuracy_interval(said.argmax(1) == test.labels, np.arange(40))
    assert low < alone[0]


def test_the_probe_sees_codes_then_pixels_of_all_three_parts(monkeypatch):
    seen = []
    monkeypatch.setattr(
        reconstruction_module.probe,
        "accuracies",
        lambda *parts: seen.append([part.features.shape for part in parts]) or (0, 0),
    )
    _evaluate(RECONSTRUCTION)
    assert seen == [[(n, width) for n in (60, 20, 40)] for width in (16, 784)]


def test_steps_before_the_last_are_told_too():
    labels = letters(4, 3).labels
    steps = {"logistic_regression": FakeModel(answers=likely(labels, wrong=10))}
    results = _evaluate(CLASSIFICATION, FakeModel(answers=likely(labels)), steps=steps)
    assert results.metrics["test_accuracy"] == 1
    assert results.metrics["test_accuracy_logistic_regression"] == 0.75


def test_restoration_has_all_its_metrics():
    results = _evaluate(RESTORATION)
    assert set(results.metrics) == SHARED | {
        "background_rmse",
        "test_psnr",
        "test_rmse",
        "test_rmse_40",
        "test_rmse_coffee",
        "test_rmse_fold",
        "test_ssim",
        "untouched_rmse",
    }
    assert results.metrics["test_rmse"] == results.metrics["background_rmse"]
    assert results.metrics["n_test"] == 2


def test_another_split_has_its_own_pages_and_the_graders_figure():
    save_pages(
        page("1", "fold"), page("4", "coffee"), splits={"mlebench": {"test": ["2"], "train": ["1"]}}
    )
    results = _evaluate({**RESTORATION, "split": "mlebench"})
    assert [row[0] for row in results.tables["per_page.csv"].rows] == ["2"]
    assert results.metrics["mlebench_rmse"] == pytest.approx(results.metrics["test_rmse"])


def test_the_same_model_has_the_same_results(reconstruction):
    again = _evaluate(RECONSTRUCTION)
    assert again.metrics == reconstruction.metrics
    for file, arrays in reconstruction.arrays.items():
        for name, array in arrays.items():
            assert np.array_equal(again.arrays[file][name], array), (file, name)


@pytest.mark.parametrize("block", [RECONSTRUCTION, CLASSIFICATION])
def test_an_empty_test_part_is_refused(block):
    save_letters(test=letters(0))
    with pytest.raises(InkbenchError, match=r"test\.npz: no images"):
        _evaluate(block)


@pytest.mark.parametrize("block", [RECONSTRUCTION, CLASSIFICATION])
def test_a_test_part_of_one_class_is_refused(block):
    one = letters(4)
    one.labels[:] = 2
    save_letters(test=one)
    with pytest.raises(InkbenchError, match=r"one class \(C\)"):
        _evaluate(block)


def test_no_test_pages_are_refused():
    save_pages()
    with pytest.raises(InkbenchError, match="documents: no test pages"):
        _evaluate(RESTORATION)


def test_a_damaged_part_is_refused():
    (layout.processed("notmnist") / "test.npz").write_bytes(b"PK not a zip")
    with pytest.raises(InkbenchError, match=r"test\.npz is damaged"):
        _evaluate(CLASSIFICATION)


@pytest.mark.parametrize("block", [RECONSTRUCTION, CLASSIFICATION])
def test_nan_outputs_are_refused(block):
    shape = (40, 10) if block is CLASSIFICATION else (40, 28, 28)
    with pytest.raises(InkbenchError, match="are NaN or infinite"):
        _evaluate(block, FakeModel(answers=np.full(shape, np.nan, np.float32)))


def test_nan_codes_are_refused(monkeypatch):
    monkeypatch.setattr(FakeModel, "codes", lambda self, images: np.full((len(images), 4), np.nan))
    with pytest.raises(InkbenchError, match="are NaN or infinite"):
        _evaluate(RECONSTRUCTION)


def test_nan_pages_are_refused(monkeypatch):
    monkeypatch.setattr(FakeModel, "restore", lambda self, page: page * np.float32(np.nan))
    with pytest.raises(InkbenchError, match="are NaN or infinite"):
        _evaluate(RESTORATION)


def test_a_model_of_other_data_is_refused():
    save_letters(data_source="real")
    with pytest.raises(InkbenchError, match="trained on synthetic data, but notmnist is real"):
        _evaluate(CLASSIFICATION)


def test_a_dataset_card_without_classes_is_refused():
    layout.dataset_card("notmnist").write_text('{"data_source": "synthetic"}')
    with pytest.raises(InkbenchError, match=r"dataset\.json has no 'classes'"):
        _evaluate(CLASSIFICATION)


def test_training_card_gives_the_variant_as_trained():
    save_training_card("my-cnn", CLASSIFICATION)
    variant, card = suite.load_training_card("my-cnn")
    assert variant.family == "cnn"
    assert card["parameters"] == 123


@pytest.mark.parametrize("name", ["no-such", "../models/my-cnn", "", "MY-CNN"])
def test_an_unknown_variant_is_refused_with_those_that_are_there(name):
    save_training_card("my-cnn", CLASSIFICATION)
    with pytest.raises(InkbenchError, match="trained: my-cnn"):
        suite.load_training_card(name)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        json.dumps({"variant": CLASSIFICATION}),
        json.dumps({"variant": {**CLASSIFICATION, "surprise": 1}, **CARD}),
        json.dumps({"variant": CLASSIFICATION, **CARD, "parameters": "many"}),
    ],
)
def test_a_damaged_training_card_is_refused_in_one_line(text):
    save_training_card("my-cnn", CLASSIFICATION)
    layout.training_card("my-cnn").write_text(text)
    with pytest.raises(InkbenchError, match=r"models/my-cnn/train\.json") as caught:
        suite.load_training_card("my-cnn")
    assert "\n" not in str(caught.value)


def test_a_model_folder_without_a_card_is_refused():
    layout.model_folder("half").mkdir(parents=True)
    with pytest.raises(InkbenchError, match=r"models/half/train\.json not found"):
        suite.load_training_card("half")


def test_class_names_go_with_every_labelled_array(reconstruction):
    for file in ("samples.npz", "codes.npz"):
        assert reconstruction.arrays[file]["classes"].tolist() == CLASSES
