"""Equal models are saved as equal bytes, and a model file cannot run code."""

import zipfile

import keras
import numpy as np
import pytest

from inkbench import layout, models
from inkbench.errors import InkbenchError
from inkbench.models.common import storage


def test_save_writes_the_same_bytes_for_the_same_model(tmp_path):
    for name in "ab":
        keras.utils.clear_session()
        keras.utils.set_random_seed(7)
        model = models.build("vae", (28, 28), 10, {"code": 2, "width": 2})
        storage.save(model, tmp_path / f"{name}.keras")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.keras", "b.keras"]
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


@pytest.mark.parametrize(
    ("family", "shape", "options"),
    [
        ("vae", (28, 28), {"code": 2, "width": 2, "binarise": True}),
        ("page_autoencoder", (None, None, 2), {"width": 2}),
        ("unet", (None, None, 2), {"width": 2}),
        ("scan_unet", (None, None, 6), {"first": 2, "width": 2, "levels": 2}),
    ],
)
def test_load_restores_weights_and_outputs(tmp_path, family, shape, options):
    model = models.build(family, shape, 10, options)
    storage.save(model, tmp_path / "model.keras")
    size = (16, 16, shape[2]) if shape[0] is None else shape
    images = np.random.default_rng(0).integers(0, 256, (2, *size), np.uint8)
    loaded = storage.load(tmp_path / "model.keras")
    assert all(map(np.array_equal, model.get_weights(), loaded.get_weights()))
    assert np.asarray(loaded(images)) == pytest.approx(np.asarray(model(images)), abs=1e-5)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such model"),
        (b"no zip at all", "not a readable Keras model"),
        (b"PK\x03\x04 cut short", "not a readable Keras model"),
    ],
)
def test_load_names_a_missing_or_damaged_file_in_one_line(tmp_path, content, reason):
    path = tmp_path / "model.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InkbenchError, match=rf"model\.keras: {reason}") as error:
        storage.load(path)
    assert "\n" not in str(error.value)


def test_load_says_how_to_train_a_variant():
    with pytest.raises(InkbenchError, match="train it: `dvc repro train@no-such`"):
        storage.load(layout.model("no-such"))


def test_load_refuses_a_model_with_code(tmp_path):
    path = tmp_path / "evil.keras"
    inputs = keras.Input((1,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs)).save(path)
    with zipfile.ZipFile(path) as archive:
        assert "Lambda" in archive.read("config.json").decode()
    with pytest.raises(InkbenchError, match="not a readable Keras model"):
        storage.load(path)
