"""Parts of figures whose errors nobody would see in the figure."""

from collections import Counter

import numpy as np
import pytest

from inkbench import records
from inkbench.errors import InkbenchError
from inkbench.figures import (
    architecture,
    classification,
    comparison,
    curves,
    generation,
    images,
    pages,
    style,
)


def test_mosaic_separates_images_with_nan():
    tiles = np.arange(6, dtype=np.float32).reshape(2, 3, 1, 1) * np.ones((1, 1, 4, 5))
    sheet = images.mosaic(tiles, gap=2)
    assert sheet.shape == (2 * 6 - 2, 3 * 7 - 2)
    assert sheet[0, 0] == 0 and sheet[0, 7] == 1 and sheet[6, 14] == 5
    assert np.isnan(sheet[4:6]).all() and np.isnan(sheet[:, 5:7]).all()
    assert images.mosaic(tiles, gap=0).shape == (8, 15)


@pytest.mark.parametrize(
    ("pixels", "scaled"),
    [
        (np.array([0, 255], np.uint8), [0, 1]),
        (np.array([-0.1, 0.5, 1.1], np.float16), [0, 0.5, 1]),
    ],
)
def test_unit_scales_pixels_to_0_and_1(pixels, scaled):
    assert images.unit(pixels).tolist() == scaled


def test_by_class_pads_small_classes():
    table = images.by_class(np.array([0, 0, 2]), classes=3, depth=4)
    assert table.tolist() == [[0, -1, 2], [1, -1, -1]]


def test_pareto_front_drops_dominated_points():
    costs = np.array([1, 2, 3, 4, 2])
    quality = np.array([0.5, 0.8, 0.7, 0.9, 0.6])
    assert comparison.pareto_front(costs, quality) == [0, 1, 3]


def test_noisiest_window_covers_the_stain():
    clean = np.full((40, 60), 255, np.uint8)
    noisy = clean.copy()
    noisy[22:26, 41:45] = 0
    page = pages.Result("1", "coffee", "typical", 0.1, noisy, clean, clean)
    top, left = pages.noisiest_window(page, 10, 10)
    assert top <= 22 and top + 10 >= 26 and left <= 41 and left + 10 >= 45
    assert pages.noisiest_window(page, 100, 100) == (0, 0)


def test_training_curves_separate_pretraining_and_training_loss():
    nan = np.nan
    history = {
        "epoch": np.arange(1.0, 5),
        "loss": np.array([0.3, 0.2, 2.1, 1.9]),
        "binary_accuracy": np.array([0.8, 0.9, nan, nan]),
        "accuracy": np.array([nan, nan, 0.5, 0.6]),
    }
    figure = curves.training(history, "cross-entropy")
    lines = [[line.get_ydata().tolist() for line in axes.lines] for axes in figure.axes]
    assert lines == [[[0.3, 0.2]], [[2.1, 1.9]], [[0.5, 0.6]]]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00019656, "0.0001966"), (0.95341, "0.9534"), (12.3456, "12.35"), (8123.4, "8123")],
)
def test_number_has_four_significant_digits(value, text):
    assert curves._number(value) == text


def test_confusion_counts_stand_where_the_labels_say():
    actual, predicted = np.array([0, 0, 0, 1, 2]), np.array([1, 1, 0, 2, 2])
    (axes,) = classification.confusion(actual, predicted, "ABC").axes
    titles = axes.get_xlabel(), axes.get_ylabel()
    names = [
        [label.get_text() for label in axis.get_ticklabels()] for axis in (axes.xaxis, axes.yaxis)
    ]
    drawn = Counter()
    for text in axes.texts:
        place = [labels[at] for labels, at in zip(names, text.get_position(), strict=True)]
        found = dict(zip(titles, place, strict=True))
        drawn[found["actual"], found["predicted"]] += int(text.get_text().replace("·", "0"))
    assert +drawn == Counter(zip("AAABC", "BBACC", strict=True))
    errors = axes.images[0].get_array()
    assert errors[0, 1] == pytest.approx(2 / 3), "share of the actual As"


@pytest.mark.parametrize(("size", "plane"), [(2, "two units"), (20, "principal components")])
def test_manifold_says_which_plane_of_the_code_it_shows(size, plane):
    figure = generation.manifold(np.zeros((3, 3, 4, 4)), np.arange(3.0), size)
    assert plane in figure.texts[1].get_text()


@pytest.mark.parametrize("is_synthetic", [True, False])
def test_save_labels_synthetic_data_only(is_synthetic, tmp_path):
    figure = style.canvas(3, 2, "Title")
    style.save(figure, tmp_path / "a.png", style.Source("text", is_synthetic), "alt")
    assert any("SYNTHETIC" in text.get_text() for text in figure.texts) is is_synthetic


def test_styled_keeps_global_settings():
    import matplotlib

    before = dict(matplotlib.rcParams)
    curves.training({"epoch": np.ones(1), "loss": np.ones(1)}, "loss")
    assert dict(matplotlib.rcParams) == before


def test_layers_of_reads_layers_and_parameters(project):
    layers = architecture.layers_of(project / "models/mnist-vae/model.keras", "rerun")
    assert [layer.kind for layer in layers] == ["InputLayer", "Conv2D", "Dense", "Dense"]
    assert [layer.shape for layer in layers] == [(28, 28, 1), (14, 14, 8), (16,), (28, 28)]
    card = records.record(project / "models/mnist-vae/train.json", "rerun")
    assert sum(layer.parameters for layer in layers) == card["parameters"]


def test_layers_of_follows_the_scale_of_a_unet(tmp_path):
    from inkbench import models
    from inkbench.models.common import storage

    storage.save(models.build("unet", (None, None, 2), 0, {"width": 2}), tmp_path / "model.keras")
    layers = architecture.layers_of(tmp_path / "model.keras", "rerun")
    down = [layer.scale for layer in layers if layer.kind == "MaxPooling2D"]
    up = [layer.scale for layer in layers if layer.kind == "UpSampling2D"]
    assert down and down == [0.5**depth for depth in range(1, len(down) + 1)]
    assert up == [*reversed([1.0, *down[:-1]])]


def test_table_refuses_ragged_rows(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(InkbenchError, match=r"a\.csv.*rerun"):
        records.table(tmp_path / "a.csv", "rerun")


def test_numbers_reads_empty_cells_as_nan_and_skips_text(tmp_path):
    (tmp_path / "a.csv").write_text("a,b,name\n1,,x\n3,4,y\n")
    columns = records.numbers(tmp_path / "a.csv", "rerun")
    assert list(columns) == ["a", "b"] and np.isnan(columns["b"][0])
