import base64
import io
import tarfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from inkbench.datasets.synthetic import fonts, letters, styles

PER_LETTER = 130  # every face plain once, and a few in other styles


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    folder = tmp_path_factory.mktemp("letters")
    letters.write(folder, PER_LETTER)
    with tarfile.open(folder / letters.ARCHIVE) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}


@pytest.fixture(scope="module")
def images(members):
    return {name: Image.open(io.BytesIO(content)) for name, content in members.items()}


def test_write_names_files_like_the_official_archive(members):
    folders = Counter(name.rpartition("/")[0] for name in members)
    assert folders == {f"notMNIST_small/{letter}": PER_LETTER for letter in "ABCDEFGHIJ"}
    names = [base64.b64decode(name.split("/")[2].removesuffix(".png")) for name in members]
    assert all(name.endswith(b".ttf") for name in names)


def test_write_gives_distinct_grey_images_with_ink(images):
    assert {(image.size, image.mode) for image in images.values()} == {((28, 28), "L")}
    distinct = {(name.split("/")[1], image.tobytes()) for name, image in images.items()}
    assert len(distinct) == len(images)
    assert min(np.mean(image) for image in images.values()) > letters.MIN_GREY


def test_glyphs_touch_the_edges_of_the_image(images):
    ink = np.stack([np.asarray(image) for image in images.values()]) > 64
    edges = [ink[:, 0], ink[:, -1], ink[:, :, 0], ink[:, :, -1]]
    assert np.mean([edge.any(1) for edge in edges]) > 0.9


def test_glyphs_draws_enough_distinct_images_of_an_i():
    """Stretched to its box, an I is a full square more often than any other letter."""
    distinct = {image.tobytes() for _, image in letters.glyphs("I", letters.PER_LETTER)}
    assert len(distinct) == letters.PER_LETTER >= 600


def test_fit_stretches_ink_to_the_whole_image():
    ink = np.zeros((60, 80))
    assert not letters.fit(ink).any()
    ink[10:50, 30:34] = 1
    assert (letters.fit(ink) == 255).all()


@pytest.mark.parametrize("style", styles.WEIGHTS, ids=lambda style: style.__name__)
def test_style_draws_some_ink(style):
    face = next(face for face in fonts.faces() if face.name == "DejaVu Sans Bold")
    glyph = np.asarray(fonts.render(face, "B", styles.HEIGHT)) / 255
    field = styles.distance_field(np.pad(glyph, styles.MARGIN))
    drawings = [style(field, np.random.default_rng(seed)) for seed in range(8)]
    assert all(ink.shape == field.shape for ink in drawings)
    assert all(ink.min() >= 0 and ink.max() <= 1 + 1e-6 for ink in drawings)
    assert all(0.01 < ink.mean() < 0.9 for ink in drawings)


def test_distance_field_is_positive_in_the_ink():
    mask = np.zeros((40, 40))
    mask[10:30, 10:30] = 1
    field = styles.distance_field(mask)
    assert field[20, 15] == pytest.approx(5.5, abs=0.5)
    assert field[20, 20] > field[20, 15]
    assert field[20, 4] == pytest.approx(-5.5, abs=0.5)


def test_images_show_their_letter(images):
    """The nearest other image mostly shows the same letter."""
    pixels = np.stack([np.asarray(image).ravel() for image in images.values()]).astype(np.float32)
    labels = np.array([name.split("/")[1] for name in images])
    distance = (pixels**2).sum(1) - 2 * pixels @ pixels.T
    np.fill_diagonal(distance, np.inf)
    assert (labels[distance.argmin(1)] == labels).mean() > 0.8
