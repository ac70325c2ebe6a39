import base64
import io
import tarfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from inkbench.datasets.synthetic import fonts, letters, styles

PER_LETTER = 130  # every face once as it is, and a few styled ones


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    folder = tmp_path_factory.mktemp("letters")
    letters.write(folder, PER_LETTER)
    with tarfile.open(folder / letters.ARCHIVE) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}


@pytest.fixture(scope="module")
def images(members):
    return {name: Image.open(io.BytesIO(content)) for name, content in members.items()}


def test_every_letter_has_its_folder_and_the_number_asked_for(members):
    folders = Counter(name.rpartition("/")[0] for name in members)
    assert folders == {f"notMNIST_small/{letter}": PER_LETTER for letter in "ABCDEFGHIJ"}


def test_file_names_are_base64_of_a_font_name(members):
    names = [base64.b64decode(name.split("/")[2].removesuffix(".png")) for name in members]
    assert all(name.endswith(b".ttf") for name in names)


def test_images_are_28_pixels_square_and_8_bit_grey(images):
    assert {(image.size, image.mode) for image in images.values()} == {((28, 28), "L")}


def test_no_two_glyphs_of_a_letter_are_alike(images):
    pictures = {(name.split("/")[1], image.tobytes()) for name, image in images.items()}
    assert len(pictures) == len(images)


def test_no_glyph_is_blank(images):
    assert min(np.mean(image) for image in images.values()) > letters.MIN_GREY


def test_glyphs_are_stretched_to_the_edges_of_their_box(images):
    ink = np.stack([np.asarray(image) for image in images.values()]) > 64
    edges = [ink[:, 0], ink[:, -1], ink[:, :, 0], ink[:, :, -1]]
    assert np.mean([edge.any(1) for edge in edges]) > 0.9


def test_even_of_an_i_there_are_as_many_as_asked_for():
    """Stretched to its box, it is a full square more often than any other letter."""
    pictures = {image.tobytes() for _, image in letters.glyphs("I", letters.PER_LETTER)}
    assert len(pictures) == letters.PER_LETTER >= 600


def test_fit_stretches_a_narrow_stroke_to_the_whole_box():
    ink = np.zeros((60, 80))
    ink[10:50, 30:34] = 1
    assert (letters.fit(ink) == 255).all()


def test_fit_of_nothing_is_blank():
    assert not letters.fit(np.zeros((60, 80))).any()


@pytest.mark.parametrize("style", styles.WEIGHTS, ids=lambda style: style.__name__)
def test_a_style_leaves_ink_between_nothing_and_everything(style):
    face = next(face for face in fonts.faces() if face.name == "DejaVu Sans Bold")
    glyph = np.asarray(fonts.render(face, "B", styles.HEIGHT)) / 255
    field = styles.distance_field(np.pad(glyph, styles.MARGIN))
    drawn = [style(field, np.random.default_rng(seed)) for seed in range(8)]
    assert all(ink.shape == field.shape for ink in drawn)
    assert all(ink.min() >= 0 and ink.max() <= 1 + 1e-6 for ink in drawn)
    assert all(0.01 < ink.mean() < 0.9 for ink in drawn)


def test_styles_occur_with_shares_that_sum_to_one():
    assert sum(styles.WEIGHTS.values()) == pytest.approx(1)


def test_distance_is_positive_in_the_ink_and_grows_away_from_the_outline():
    mask = np.zeros((40, 40))
    mask[10:30, 10:30] = 1
    field = styles.distance_field(mask)
    assert field[20, 15] == pytest.approx(5.5, abs=0.5)
    assert field[20, 20] > field[20, 15]
    assert field[20, 4] == pytest.approx(-5.5, abs=0.5)
