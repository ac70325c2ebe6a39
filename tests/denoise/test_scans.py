"""A cleaner of scans divides pages, in colour and at full size, by the paper that it predicts."""

import keras
import numpy as np
import pytest
from drawn_pages import letter_page
from PIL import Image

from helpers import inkbench
from inkbench import chosen, models
from inkbench.denoise.page import clean
from inkbench.restore import divided, paper, restore


@pytest.fixture(scope="module")
def cleaner() -> keras.Model:
    """An untrained cleaner whose predicted paper is the envelope."""
    keras.utils.set_random_seed(0)
    model = models.build("scan_unet", (None, None, 6), 0, {"first": 2, "width": 2})
    for layer in model.layers[-12:]:
        if isinstance(layer, keras.layers.Conv2D) and layer.filters in (1, 3):
            layer.set_weights(
                [np.zeros_like(layer.kernel), np.full(layer.filters, -20.0 * (layer.filters == 1))]
            )
    return model


@pytest.fixture
def page() -> np.ndarray:
    """Blue letters on yellowish paper."""
    ink = (255 - np.asarray(letter_page(800, 600, 30)))[..., None] / 255
    return np.rint(255 * (1 - ink * [0.95, 0.8, 0.3]) * [0.95, 0.9, 0.75]).astype(np.uint8)


def test_paper_of_tiles_is_that_of_the_whole_page():
    keras.utils.set_random_seed(1)
    model = models.build("scan_unet", (None, None, 6), 0, {"first": 2, "width": 2, "levels": 3})
    scan = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    whole = paper(model, scan, tile=10**6)
    assert whole.shape == (300, 200, 4) and whole.std() > 0.01
    # Other kernels for other shapes round differently, by less than one grey level.
    assert np.abs(paper(model, scan, tile=112) - whole).max() < 1 / 255


def test_divided_darkens_print_by_the_gain_and_leaves_white():
    page = np.array([[[50, 100, 100], [200, 200, 100]]], np.uint8)
    sheet = np.concatenate([np.full((1, 2, 3), [200, 200, 100]) / 255, [[[1.2], [1.6]]]], -1)
    result = divided(page, sheet.astype(np.float32))
    np.testing.assert_allclose(result[0], [[0.1, 0.4, 1], [1, 1, 1]], atol=1e-6)


def test_restore_gives_the_grey_page(cleaner):
    restored = restore(cleaner, np.asarray(letter_page()))
    assert restored.shape == (420, 540) and restored.min() >= 0 and restored.max() <= 1


@pytest.mark.parametrize("factor", [1, 0.5])
def test_clean_keeps_hues_and_whitens_paper(cleaner, page, factor):
    result = clean(cleaner, page, factor=factor).pixels
    assert result.shape == page.shape
    assert np.median(result) == 255
    ink = result[page.min(-1) < 60].mean(0)
    assert ink[2] > ink[0] + 60  # still blue


def test_clean_makes_grey_pages_on_request(cleaner, page):
    assert clean(cleaner, page, grey=True).pixels.shape == page.shape[:2]


def test_clean_leaves_a_white_page_untouched(cleaner):
    page = np.where(np.asarray(letter_page()) < 100, 0, 255).astype(np.uint8)
    cleaned = clean(cleaner, page)
    assert np.array_equal(cleaned.pixels, page)
    assert cleaned.findings and "white" in cleaned.findings.untouched


def test_clean_inverts_a_dark_page_only_on_request(cleaner):
    page = 255 - np.asarray(letter_page())
    dark, light = (clean(cleaner, page, invert_dark=i).pixels for i in (False, True))
    assert np.median(dark) < 90 and np.median(light) > 200


def test_report_lists_what_was_left(cleaner, here, monkeypatch, capsys):
    import json

    monkeypatch.setattr(chosen, "model", lambda *_: (cleaner, "model: for tests"))
    white = np.where(np.asarray(letter_page()) < 100, 0, 255).astype(np.uint8)
    Image.fromarray(white).save("white.png")
    letter_page().save("scan.png")
    (here / "bad.png").write_bytes(b"no image")
    arguments = ["white.png", "scan.png", "bad.png", "-o", "out", "--report", "report.json"]
    assert inkbench("denoise", *arguments) == 1
    assert "left as scanned: its paper is white already" in capsys.readouterr().out
    report = json.loads((here / "report.json").read_text())
    pages = {entry["input"]: entry["pages"][0] for entry in report["cleaned"]}
    assert pages["white.png"]["untouched"] and not pages["scan.png"]["untouched"]
    assert pages["scan.png"]["confidence"] > 0
    assert "bad.png" in report["errors"][0]
