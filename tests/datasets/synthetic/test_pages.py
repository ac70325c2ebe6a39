import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from inkbench.datasets.synthetic import pages, paper

HEIGHTS = (258, 420)


def read(folder):
    images = {}
    for name in ("train", "train_cleaned", "test"):
        with zipfile.ZipFile(folder / f"{name}.zip") as archive:
            for member in archive.namelist():
                images[member] = np.asarray(Image.open(io.BytesIO(archive.read(member))))
    return images


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    pages.write(folder, HEIGHTS, sheets=2)
    return read(folder)


def part(images, folder):
    """Pages of a folder, by number."""
    members = ((name.split("/"), image) for name, image in images.items())
    return {int(name[1][:-4]): image for name, image in members if name[0] == folder}


def rmse(noisy, clean):
    return np.sqrt(np.mean((noisy / 255.0 - clean / 255.0) ** 2))


def test_write_pairs_pages_of_both_sizes(images):
    assert {image.shape for image in images.values()} == {(258, 540), (420, 540)}
    assert {image.dtype for image in images.values()} == {np.dtype(np.uint8)}
    noisy, clean = part(images, "train"), part(images, "train_cleaned")
    sizes = [{name: page.shape for name, page in pages.items()} for pages in (noisy, clean)]
    assert sizes[0] == sizes[1]


def test_write_numbers_pages_like_kaggle(images):
    assert {number % 3 for number in part(images, "train")} == {0, 2}
    assert {number % 3 for number in part(images, "test")} == {1}
    clean = part(images, "train_cleaned")
    for first in (2, 3, 14, 15):
        assert all((clean[first] == clean[first + 3 * k]).all() for k in range(4))
    assert len({page.tobytes() for page in clean.values()}) == 4


def test_clean_pages_are_white_with_a_realistic_amount_of_ink(images):
    for page in part(images, "train_cleaned").values():
        assert np.median(page) == 255
        assert 0.03 < (page < 128).mean() < 0.2


def test_noise_is_as_strong_as_on_real_pages_and_leaves_text_legible(images):
    clean = part(images, "train_cleaned")
    noisy = part(images, "train")
    strengths = [rmse(page, clean[number]) for number, page in noisy.items()]
    assert min(strengths) > 0.08 and max(strengths) < 0.3
    assert 0.11 < np.mean(strengths) < 0.2  # 0.157 on the real ones
    for number, page in noisy.items():
        ink, blank = clean[number] < 64, clean[number] == 255
        assert np.median(page[ink]) + 60 < np.median(page[blank])


@pytest.mark.parametrize("noise", paper.NOISES)
def test_sheet_is_bright_and_uneven(noise):
    sheet = paper.NOISES[noise]((258, 540), np.random.default_rng(1))
    assert 190 < np.median(sheet) < 240
    blank = paper.plain(sheet.shape, np.random.default_rng(1), 222)
    assert sheet.std() > 1.1 * blank.std()


def test_only_coffee_leaves_dark_stains():
    def darkest(noise):
        sheets = [paper.NOISES[noise]((258, 540), np.random.default_rng(k)) for k in range(3)]
        return np.percentile(sheets, 0.5)

    assert darkest("coffee") < min(darkest("fold"), darkest("footprint")) - 30


def test_ink_is_lighter_where_a_wrinkled_sheet_is_darker():
    sheet = np.full((64, 64), 250.0, np.float32)
    sheet[:, 32:] = 150
    black = np.zeros((64, 64), np.uint8)
    noisy = pages.spoil(black, "wrinkle", {"wrinkle": [sheet]}, np.random.default_rng(0))
    halves = noisy[:, :32].mean(), noisy[:, 32:].mean()
    assert abs(halves[0] - halves[1]) == pytest.approx(86, abs=5)
