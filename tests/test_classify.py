"""`inkbench classify`: cut images into letters, print labels and probabilities."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import inkbench
from inkbench import chosen
from inkbench.classify import Settings, cut, fitted
from inkbench.errors import InkbenchError


class WidthModel:
    """A classifier that maps wider letters to later classes, with probability 1."""

    def predict_on_batch(self, letters: np.ndarray) -> np.ndarray:
        widths = [np.ptp(np.flatnonzero(letter.any(0))) + 1 for letter in letters]
        return np.eye(10)[[min(9, width // 3) for width in widths]]


def bars(shape: tuple[int, int], *boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Dark boxes (top, bottom, left, right) on light paper."""
    page = np.full(shape, 240, np.uint8)
    for top, bottom, left, right in boxes:
        page[top:bottom, left:right] = 20
    return page


@pytest.mark.parametrize(
    ("height", "width", "dataset", "longest"),
    [(100, 40, "notmnist", 28), (40, 100, "notmnist", 28), (300, 300, "mnist", 20)],
)
def test_fitted_letter_has_its_dataset_s_size_and_its_aspect_ratio(height, width, dataset, longest):
    page = bars((400, 400), (30, 30 + height, 50, 50 + width))
    ink = fitted(page, Settings(dataset)) > 127
    assert ink.shape == (28, 28)
    extents = [np.ptp(np.flatnonzero(ink.any(axis))) + 1 for axis in (1, 0)]
    assert max(extents) == longest
    assert extents[0] / extents[1] == pytest.approx(height / width, rel=0.12)


def test_fitted_makes_dark_and_light_ink_white():
    dark = bars((80, 80), (10, 70, 10, 20), (60, 70, 10, 60))
    from_dark, from_light = fitted(dark, Settings()), fitted(255 - dark, Settings())
    assert np.abs(from_dark.astype(int) - from_light).max() <= 2  # rounding of the percentiles
    assert from_dark[0].mean() < 127 < from_dark.max()


def test_fitted_keeps_images_of_the_input_size():
    image = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    assert np.array_equal(fitted(image, Settings()), image)
    assert np.array_equal(fitted(image, Settings(ink="dark")), 255 - image)


@pytest.mark.parametrize(("dataset", "longest"), [("notmnist", 28), ("mnist", 20)])
@pytest.mark.parametrize("side", [27, 28, 29])
@pytest.mark.parametrize("paper", [0, 90, 255])
def test_fitted_image_of_the_input_size_is_fitted_like_any_other(paper, side, dataset, longest):
    page = np.full((side, side), paper, np.uint8)
    page[3:15, 2:6] = 255 if paper == 0 else 0
    ink = fitted(page, Settings(dataset)) > 127
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    assert np.ptp(rows) + 1 == longest
    assert abs(rows[0] + rows[-1] - 27) <= 1 and abs(columns[0] + columns[-1] - 27) <= 1


def test_fitted_finds_no_letter_on_an_empty_image_of_the_input_size():
    for value in (0, 235, 255):
        with pytest.raises(InkbenchError, match="no letter"):
            fitted(np.full((28, 28), value, np.uint8), Settings())


@pytest.mark.parametrize("sheet", [None, (1, 1)])
@pytest.mark.parametrize("side", [28, 40])
def test_cut_offers_both_inks_where_the_border_does_not_tell(side, sheet):
    letter = np.zeros((side, side), np.uint8)
    letter[:, : side // 3] = letter[: side // 3] = 255
    dark, light = (image for _, image in cut(letter, Settings(sheet=sheet)))
    assert light[:9].min() > 200 and light[12:, 12:].max() < 50
    assert dark.min() > 200  # the square that is not the letter
    assert len(list(cut(letter, Settings(sheet=sheet, ink="dark")))) == 1


def test_command_takes_the_ink_of_which_the_model_is_surer(tmp_path, monkeypatch, capsys):
    class DarkModel:
        """Surer, and of another class, the darker an image is."""

        def predict_on_batch(self, letters: np.ndarray) -> np.ndarray:
            sure = 1 - letters.mean((1, 2)) / 300
            return np.stack([np.where(sure > 0.5, sure, 0), np.where(sure > 0.5, 0, sure)], 1)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(chosen, "model", lambda *_: (DarkModel(), "model: for tests"))
    letter = np.zeros((28, 28), np.uint8)
    letter[:, :4] = letter[:4] = 255
    Image.fromarray(letter).save("light.png")
    Image.fromarray(255 - letter).save("dark.png")
    assert inkbench("classify", "light.png", "dark.png") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["light.png", "A"], ["dark.png", "A"]]


def test_cut_finds_scattered_letters_in_reading_order_without_specks():
    boxes = [(2, 4, 2, 4), (62, 90, 12, 40), (10, 40, 60, 80), (12, 40, 10, 20), (60, 90, 70, 74)]
    letters = list(cut(bars((100, 100), *boxes), Settings(sheet=(0, 0))))
    widths = [int((image > 127).any(0).sum()) for _, image in letters]
    assert [place for place, _ in letters] == ["[1]", "[2]", "[3]", "[4]"]
    assert widths[0] < widths[1] and widths[3] < widths[2]


def test_cut_divides_a_grid_into_equal_cells():
    page = np.arange(56 * 84, dtype=np.uint32).reshape(56, 84).astype(np.uint8)
    cells = dict(cut(page, Settings(sheet=(2, 3))))
    assert list(cells) == ["[1,1]", "[1,2]", "[1,3]", "[2,1]", "[2,2]", "[2,3]"]
    assert np.array_equal(cells["[2,3]"], page[28:, 56:])


@pytest.mark.parametrize("sheet", [None, (0, 0), (1, 2)])
def test_cut_finds_no_letter_on_an_empty_page(sheet):
    noisy = np.random.default_rng(0).integers(228, 240, (80, 80)).astype(np.uint8)
    for page in (np.full((80, 80), 235, np.uint8), noisy):
        with pytest.raises(InkbenchError, match="no letter"):
            list(cut(page, Settings(sheet=sheet)))


def test_command_prints_labels_and_continues_after_bad_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(chosen, "model", lambda *_: (WidthModel(), "model: for tests"))
    Image.fromarray(bars((80, 80), (10, 66, 10, 24))).save("b.png")
    Image.fromarray(np.full((80, 80), 235, np.uint8)).save("empty.png")
    Path("bad.png").write_text("nothing")
    assert inkbench("classify", "bad.png", "empty.png", "b.png") == 1
    output = capsys.readouterr()
    assert output.out == "b.png\tC\t1.000\n"
    lines = output.err.splitlines()
    assert lines[0] == "model: for tests"
    assert [line.split(": ")[2] for line in lines[1:]] == ["bad.png", "empty.png"]


def test_command_without_a_model_names_dataset_and_task(root, monkeypatch, capsys, tmp_path):
    Image.new("L", (28, 28)).save(tmp_path / "7.png")
    monkeypatch.chdir(root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    assert inkbench("classify", "--digits", str(tmp_path / "7.png")) == 2
    error = capsys.readouterr().err
    assert "mnist" in error and "classification" in error and "--model" in error
    assert error.count("\n") == 1
