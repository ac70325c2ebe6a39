"""Parts of figures that can be wrong without looking wrong."""

from pathlib import Path

import numpy as np
import pytest

from inkbench import records
from inkbench.errors import InkbenchError
from inkbench.figures import architecture, comparison, curves, images, pages, style


def test_a_mosaic_puts_every_image_in_its_place():
    tiles = np.arange(6, dtype=np.float32).reshape(2, 3, 1, 1) * np.ones((1, 1, 4, 5))
    sheet = images.mosaic(tiles, gap=2)
    assert sheet.shape == (2 * 6 - 2, 3 * 7 - 2)
    assert sheet[0, 0] == 0 and sheet[0, 7] == 1 and sheet[6, 14] == 5
    assert np.isnan(sheet[4:6]).all() and np.isnan(sheet[:, 5:7]).all()


def test_a_mosaic_without_a_gap_is_seamless():
    assert np.isfinite(images.mosaic(np.ones((2, 2, 3, 3)), gap=0)).all()


def test_uint8_and_network_outputs_are_drawn_on_one_scale():
    assert images.unit(np.array([0, 255], np.uint8)).tolist() == [0, 1]
    assert images.unit(np.array([-0.1, 0.5, 1.1], np.float16)).tolist() == [0, 0.5, 1]


def test_classes_with_few_images_leave_places_empty():
    table = images.by_class(np.array([0, 0, 2]), classes=3, deep=4)
    assert table.tolist() == [[0, -1, 2], [1, -1, -1]]


def test_the_frontier_keeps_what_nothing_beats_at_its_price():
    price = np.array([1, 2, 3, 4, 2])
    quality = np.array([0.5, 0.8, 0.7, 0.9, 0.6])
    assert comparison.frontier(price, quality) == [0, 1, 3]


def test_the_close_up_looks_where_the_page_was_dirtiest():
    clean = np.full((40, 60), 255, np.uint8)
    noisy = clean.copy()
    noisy[22:26, 41:45] = 0
    page = pages.Result("1", "coffee", "typical", 0.1, noisy, clean, clean)
    top, left = pages.dirtiest(page, 10, 10)
    assert top <= 22 and top + 10 >= 26 and left <= 41 and left + 10 >= 45


def test_a_window_larger_than_the_page_starts_at_its_corner():
    page = pages.Result("1", "fold", "best", 0.1, *[np.zeros((20, 30), np.uint8)] * 3)
    assert pages.dirtiest(page, 100, 100) == (0, 0)


def test_pretraining_and_training_losses_get_panels_of_their_own():
    nan = np.nan
    history = {
        "epoch": np.arange(1.0, 5),
        "loss": np.array([0.3, 0.2, 2.1, 1.9]),
        "binary_accuracy": np.array([0.8, 0.9, nan, nan]),
        "accuracy": np.array([nan, nan, 0.5, 0.6]),
    }
    figure = curves.training(history, "cross-entropy")
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["loss of the pretraining", "loss (cross-entropy)", "accuracy"]


@pytest.mark.parametrize("is_synthetic", [True, False])
def test_only_stand_in_figures_carry_the_badge(is_synthetic: bool, tmp_path: Path):
    figure = style.canvas(3, 2, "Title")
    style.save(figure, tmp_path / "a.png", style.Source("text", is_synthetic), "alt")
    assert any("SYNTHETIC" in text.get_text() for text in figure.texts) is is_synthetic


def test_drawing_leaves_no_setting_behind():
    import matplotlib

    before = dict(matplotlib.rcParams)
    curves.training({"epoch": np.ones(1), "loss": np.ones(1)}, "loss")
    assert dict(matplotlib.rcParams) == before


def test_layers_are_read_from_the_model_file(made: Path):
    layers = architecture.layers_of(made / "models/mnist-vae/model.keras", "again")
    assert [layer.text for layer in layers] == [
        "input",
        "3×3 convolution, stride 2, relu",
        "dense",
        "dense, sigmoid",
    ]
    assert [layer.shape for layer in layers] == [(28, 28, 1), (14, 14, 8), (16,), (28, 28)]
    card = records.record(made / "models/mnist-vae/train.json", "again")
    assert sum(layer.parameters for layer in layers) == card["parameters"]


def test_pools_and_upsamplings_of_a_network_for_pages_are_layers_of_their_own(tmp_path: Path):
    from inkbench import models
    from inkbench.models.common import storage

    storage.save(models.build("unet", (None, None, 2), 0, {"width": 2}), tmp_path / "model.keras")
    layers = architecture.layers_of(tmp_path / "model.keras", "again")
    pools = [layer.scale for layer in layers if layer.kind == "MaxPooling2D"]
    ups = [layer.scale for layer in layers if layer.kind == "UpSampling2D"]
    assert pools and pools == [0.5**depth for depth in range(1, len(pools) + 1)]
    assert ups == [*reversed([1.0, *pools[:-1]])]


def test_a_table_with_ragged_rows_is_refused(tmp_path: Path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(InkbenchError, match=r"a.csv cannot be read .*unequal length"):
        records.table(tmp_path / "a.csv", "make it")


def test_empty_cells_are_not_a_number_and_text_is_left_out(tmp_path: Path):
    (tmp_path / "a.csv").write_text("a,b,name\n1,,x\n3,4,y\n")
    found = records.numbers(tmp_path / "a.csv", "make it")
    assert list(found) == ["a", "b"] and np.isnan(found["b"][0])
