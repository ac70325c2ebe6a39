"""`inkbench classify`: letters out of images, labels and probabilities out of letters."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from helpers import inkbench
from inkbench import chosen
from inkbench.classify import Settings, cut, fitted
from inkbench.errors import InkbenchError


class ByWidth:
    """Takes a letter for the later in the alphabet the wider it is, for sure."""

    def predict_on_batch(self, letters: np.ndarray) -> np.ndarray:
        widths = [np.ptp(np.flatnonzero(letter.any(0))) + 1 for letter in letters]
        return np.eye(10)[[min(9, width // 3) for width in widths]]


def bars(shape: tuple[int, int], *boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Dark boxes (top, bottom, left, right) on light paper."""
    page = np.full(shape, 240, np.uint8)
    for top, bottom, left, right in boxes:
        page[top:bottom, left:right] = 20
    return page


def letter(name: str, size: int = 60) -> np.ndarray:
    image = Image.new("L", (2 * size, 2 * size), 250)
    font = ImageFont.load_default(size)
    ImageDraw.Draw(image).text((size // 2, size // 3), name, font=font, fill=10)
    return np.asarray(image)


@pytest.mark.parametrize("shape", [(100, 40), (40, 100), (300, 300)])
def test_a_letter_touches_the_frame_as_those_of_the_dataset_do(shape: tuple[int, int]) -> None:
    height, width = shape
    page = bars((400, 400), (30, 30 + height, 50, 50 + width))
    ink = fitted(page, Settings()) > 127
    assert ink.shape == (28, 28)
    extents = [np.ptp(np.flatnonzero(ink.any(axis))) + 1 for axis in (1, 0)]
    assert max(extents) == 28
    assert extents[0] / extents[1] == pytest.approx(height / width, rel=0.12)


def test_ink_is_white_for_the_network_whatever_it_was() -> None:
    dark = letter("A")
    one, other = fitted(dark, Settings()), fitted(255 - dark, Settings())
    assert np.abs(one.astype(int) - other).max() <= 2
    assert one[0].mean() < 127 < one.max()


def test_an_image_of_the_datasets_size_is_taken_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    assert np.array_equal(fitted(image, Settings()), image)
    assert np.array_equal(fitted(image, Settings(ink="dark")), 255 - image)


def test_digits_keep_the_margin_that_mnist_has() -> None:
    ink = fitted(bars((60, 60), (10, 50, 20, 40)), Settings("mnist")) > 127
    assert np.ptp(np.flatnonzero(ink.any(1))) + 1 == 20


def test_letters_that_lie_about_are_found_in_reading_order() -> None:
    boxes = [(62, 90, 12, 40), (10, 40, 60, 80), (12, 40, 10, 20), (60, 90, 70, 74)]
    found = list(cut(bars((100, 100), *boxes), Settings(sheet=(0, 0))))
    widths = [int((image > 127).any(0).sum()) for _, image in found]
    assert [place for place, _ in found] == ["[1]", "[2]", "[3]", "[4]"]
    assert widths[0] < widths[1] and widths[3] < widths[2]


def test_a_speck_is_not_a_letter() -> None:
    page = bars((100, 100), (10, 40, 10, 40), (80, 82, 80, 82))
    assert len(list(cut(page, Settings(sheet=(0, 0))))) == 1


def test_a_grid_is_cut_into_equal_cells() -> None:
    page = np.arange(56 * 84, dtype=np.uint32).reshape(56, 84).astype(np.uint8)
    cells = dict(cut(page, Settings(sheet=(2, 3))))
    assert list(cells) == ["[1,1]", "[1,2]", "[1,3]", "[2,1]", "[2,2]", "[2,3]"]
    assert np.array_equal(cells["[2,3]"], page[28:, 56:])


@pytest.mark.parametrize("sheet", [None, (0, 0), (1, 2)])
def test_an_empty_page_has_no_letters(sheet: tuple[int, int] | None) -> None:
    noisy = np.random.default_rng(0).integers(228, 240, (80, 80)).astype(np.uint8)
    for page in (np.full((80, 80), 235, np.uint8), noisy):
        with pytest.raises(InkbenchError, match="no letter"):
            list(cut(page, Settings(sheet=sheet)))


def test_the_command_prints_a_line_a_letter_and_goes_on_after_a_bad_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(chosen, "model", lambda *_: (ByWidth(), "model: the tests' own"))
    Image.fromarray(bars((80, 80), (10, 66, 10, 24))).save("b.png")
    Image.fromarray(np.full((80, 80), 235, np.uint8)).save("empty.png")
    Path("bad.png").write_text("nothing")
    assert inkbench("classify", "bad.png", "empty.png", "b.png") == 1
    said = capsys.readouterr()
    assert said.out == "b.png\tC\t1.000\n"
    lines = said.err.splitlines()
    assert lines[0] == "model: the tests' own"
    assert [line.split(": ")[2] for line in lines[1:]] == ["bad.png", "empty.png"]


def test_digits_have_no_model_and_it_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Image.fromarray(letter("7")).save(tmp_path / "7.png")
    monkeypatch.chdir(root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    assert inkbench("classify", "--digits", str(tmp_path / "7.png")) == 2
    said = capsys.readouterr().err
    assert "no variant of params.yaml is for mnist and classification" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("grid", ["0x3", "3", "axb", "²x2", "-1x2", "9999x2"])
def test_an_impossible_grid_is_refused(grid: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert inkbench("classify", f"--sheet={grid}", "a.png") == 2
    assert "is no grid" in capsys.readouterr().err
