"""A cleaner of scans divides pages, in colour and at full size, by the paper that it predicts."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from drawn_pages import letter_page
from PIL import Image

from helpers import inkbench
from inkbench import chosen, models
from inkbench.denoise import page as denoise_page
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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_clean_gives_a_grey_page_that_is_stored_in_colour_no_tint(dark, monkeypatch):
    tinted = np.array([0.9, 0.85, 0.7, 1.2], np.float32)
    monkeypatch.setattr(denoise_page, "cleans_scans", lambda _: True)
    monkeypatch.setattr(
        denoise_page, "paper", lambda _, small: np.broadcast_to(tinted, (*small.shape[:2], 4))
    )
    grey = np.asarray(letter_page())
    grey = 255 - grey if dark else grey
    result = clean(None, np.repeat(grey[..., None], 3, axis=-1), invert_dark=True).pixels
    assert np.array_equal(result[..., 0], clean(None, grey, invert_dark=True).pixels)
    assert result.shape == (*grey.shape, 3) and np.ptp(result, axis=-1).max() == 0


@pytest.fixture
def files(cleaner, here, monkeypatch) -> None:
    """Pages of white and of grey paper, as pictures and as PDF files, and the cleaner."""
    monkeypatch.setattr(chosen, "model", lambda *_: (cleaner, "model: for tests"))
    page = letter_page()
    white = Image.fromarray(np.where(np.asarray(page) < 100, 0, 255).astype(np.uint8))
    white.save("white.png")
    white.save("white.pdf", save_all=True, append_images=[white])
    white.save("mixed.pdf", save_all=True, append_images=[page])
    Image.merge("RGB", [white, white, Image.new("L", white.size, 255)]).save("colour.pdf")


@pytest.mark.usefixtures("files")
def test_pdf_is_copied_if_no_page_changes(capsys):
    arguments = ["denoise", "white.pdf", "mixed.pdf", "-o", "out", "--dpi", "72", "--grey"]
    assert inkbench(*arguments, "--compare", "--report", "report.json") == 0
    copied, changed = (Path(f"out/{n}.pdf").read_bytes() for n in ("white", "mixed"))
    assert copied == Path("white.pdf").read_bytes() and changed != Path("mixed.pdf").read_bytes()
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert "left as it is" in first and "images" not in first
    assert "left as it is" not in second and "images" in second
    report = json.loads(Path("report.json").read_text())
    assert [file["copied"] for file in report["cleaned"]] == [True, False]
    assert Path("out/white-compare-2.png").exists()
    assert inkbench(*arguments, "--resume") == 0
    assert "0 of 2 cleaned, 2 before" in capsys.readouterr().out


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("source", "target", "options"),
    [("white.pdf", "a.tif", []), ("white.png", "a.pdf", []), ("colour.pdf", "a.pdf", ["--grey"])],
)
def test_file_that_changes_is_no_copy(source, target, options, capsys):
    assert inkbench("denoise", source, "-o", target, "--dpi", "72", *options) == 0
    assert "left as it is" not in capsys.readouterr().out
    assert Path(target).read_bytes() != Path(source).read_bytes()


def test_report_lists_what_was_left(cleaner, here, monkeypatch, capsys):
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
