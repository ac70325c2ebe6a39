"""Cleaning never takes ink or pictures away, and says what it left."""

import numpy as np
import pytest
from drawn_pages import letter_page
from scipy.ndimage import uniform_filter

from inkbench.datasets.synthetic import content
from inkbench.datasets.synthetic.texture import mottle
from inkbench.denoise.guard import Findings, checked, is_white

SHADE = np.array([0.92, 0.9, 0.85])


def flat(grey: np.ndarray | float, shape=(420, 540)) -> np.ndarray:
    """Predicted paper without colour, and no gain."""
    sheet = np.broadcast_to(np.float32(grey), (4, *shape)).transpose(1, 2, 0).copy()
    sheet[..., 3] = 1
    return sheet


def text() -> np.ndarray:
    return np.asarray(letter_page())


def test_is_white_holds_for_paper_that_is_white_already():
    page = np.where(text() < 100, text(), 255).astype(np.uint8)
    assert is_white(page) and is_white(np.repeat(page[..., None], 3, -1))
    assert not is_white(text())


def test_is_white_asks_for_print_on_the_white_paper():
    lid = np.full((800, 900), 255, np.uint8)  # of a scanner
    lid[100:520, 100:640] = text()  # a receipt
    assert not is_white(lid)
    lid[600:700, 100:600] = np.where(text()[:100, :500] < 100, 0, 255)
    assert is_white(lid)
    assert is_white(np.full((800, 900), 255, np.uint8))


def test_checked_leaves_a_right_paper_alone():
    paper = flat(np.tile(np.linspace(235, 190, 540) / 255, (420, 1)))
    result, doubtful, findings = checked(text(), paper)
    assert findings == Findings() and not doubtful.any()
    assert np.array_equal(result, paper)


def test_checked_takes_paper_as_bright_as_elsewhere_for_no_picture():
    page = np.rint(text() * 0.4).astype(np.uint8)  # dark paper
    sheet = np.tile(np.linspace(235, 190, 540) / 255 * 0.4, (420, 1))
    wrong = sheet.copy()
    wrong[180:240, :50] = 1  # predicted to be a picture: it would stay dark
    result, _, findings = checked(page, flat(wrong))
    assert findings.pictures == 0
    assert (result[180:240, :50, :3].mean(-1) < 1.3 * sheet[180:240, :50]).all()


def test_checked_brings_back_ink_that_would_vanish():
    page = text()
    blank = flat(page / 255 + 0.004)  # every pixel is taken for paper
    result, doubtful, findings = checked(page, blank)
    assert findings.regions == 1 and doubtful.all()
    after = page / 255 / result[..., :3].mean(-1)
    assert after[page < 60].mean() < 0.35


def test_checked_brings_back_faint_ink_where_there_is_no_other():
    page = 255 - (255 - np.asarray(letter_page(420, 540))) // 6
    blank = flat(page / 255 + 0.004)
    result, _, findings = checked(page.astype(np.uint8), blank)
    assert findings.regions >= 1
    assert (page / 255 / result[..., :3].mean(-1))[text() < 60].mean() < 0.92


def test_checked_does_not_take_the_texture_of_card_for_ink():
    rough = 1 + 0.05 * mottle((420, 540), 2, np.random.default_rng(4))
    page = np.rint(text() * 0.7 * rough).clip(0, 255).astype(np.uint8)
    paper = flat(0.7 * 235 / 255 * np.minimum(rough, 1))
    assert checked(page, paper)[2] == Findings()


def test_checked_keeps_a_picture_as_it_is():
    page = np.full((420, 540, 3), 255, np.uint8)
    page[100:300, 150:400] = content.picture("test", 200, 250, np.random.default_rng(5))
    page[100:300, 150:400] //= 2
    page = np.rint(page * SHADE).astype(np.uint8)
    result, _, findings = checked(page, flat(0.5))
    assert findings.pictures == 1
    assert (result[120:280, 170:380] == 1).all() and (result[:60, :, :3] == 0.5).all()


def test_checked_does_not_take_a_shadow_over_text_for_a_picture():
    light = 1 - 0.6 * np.clip((np.arange(540) - 200) / 200, 0, 1)
    page = np.rint(text() * light).astype(np.uint8)
    paper = flat(np.tile(np.linspace(235, 190, 540) / 255 * light, (420, 1)))
    assert checked(page, paper)[2].pictures == 0


@pytest.mark.parametrize(
    ("colour", "kept"),
    [
        ((0.45, 0.62, 0.8), True),
        ((0.95, 0.85, 0.25), True),
        ((0.75, 0.6, 0.42), False),
        ((0.6, 0.6, 0.6), False),
    ],
    ids=["sea", "highlighter", "coffee", "shadow"],
)
def test_checked_keeps_colours_that_no_paper_has(colour, kept):
    """The predicted paper has taken a coloured area for paper."""
    paper = flat(0.95)
    paper[150:300, 100:400, :3] *= np.array(colour, np.float32)
    paper = uniform_filter(paper, (15, 15, 1))
    page = np.rint(text()[..., None] / 235 * paper[..., :3].clip(0, 1) * 255)
    result, _, findings = checked(page.clip(0, 255).astype(np.uint8), paper)
    assert findings.pictures == int(kept)
    assert (result[170:280, 120:380] == 1).all() == kept
    assert (result[:100, :, :3] < 0.99).all()


@pytest.mark.parametrize(
    ("colour", "blur", "has_text", "kept"),
    [
        ((0.78, 0.84, 0.92), 1, False, True),
        ((0.78, 0.84, 0.92), 1, True, True),
        ((0.98, 0.93, 0.76), 1, False, True),
        ((0.98, 0.93, 0.76), 1, True, False),
        ((0.98, 0.93, 0.76), 91, False, False),
        ((0.66, 0.7, 0.76), 61, False, False),
        ((1.08, 1.09, 1.25), 1, False, False),
    ],
    ids=["panel", "panel-text", "country", "yellowed-sheet", "stain", "shadow", "lid"],
)
def test_checked_keeps_pale_areas_of_another_hue(colour, blur, has_text, kept):
    """On paper whose own hue changes; the predicted paper has taken all of it for paper."""
    paper = flat(0.85)
    paper[..., 2] *= np.linspace(0.98, 0.8, 540, dtype=np.float32)
    tint = np.ones_like(paper)
    tint[120:280, 150:350, :3] = colour
    paper = (paper * uniform_filter(tint, (blur, blur, 1))).clip(0, 1)
    print_ = text()[..., None] / 235
    if not has_text:
        print_[120:280, 150:350] = 1
    page = np.rint(print_ * paper[..., :3] * 255).clip(0, 255).astype(np.uint8)
    result, _, findings = checked(page, paper)
    assert findings.pictures == int(kept)
    assert (result[140:260, 170:330] == 1).all() == kept
    assert (result[:90, :, :3] < 0.99).all()


def test_checked_does_not_keep_a_page_on_a_coloured_table():
    paper = np.where(np.ones((420, 540, 1)), np.float32((0.8, 0.5, 0.2, 1)), 0)
    paper[60:360, 150:390] = 0.95, 0.95, 0.95, 1
    page = np.rint(text()[..., None] / 235 * paper[..., :3] * 255).clip(0, 255).astype(np.uint8)
    result, _, findings = checked(page, paper)
    assert findings.pictures == 1
    assert (result[:40, 40:500] == 1).all() and (result[80:340, 170:370, :3] < 0.99).all()


@pytest.mark.parametrize("margin", [60, 150])
def test_checked_does_not_keep_a_page_on_a_dark_table(margin):
    page = np.full((700, 600), 35, np.uint8)
    inner = (slice(margin, -margin), slice(margin, -margin))
    page[inner] = letter_page(700 - 2 * margin, 600 - 2 * margin)
    paper = flat(35 / 255, page.shape)
    paper[inner][..., :3] = 0.8
    result, _, findings = checked(page, paper)
    assert findings == Findings(pictures=1)
    assert (result[: margin - 20, 40:-40, :3] == 1).all()
    assert (result[inner][50:-50, 50:-50, :3] < 0.99).all()


def test_checked_keeps_a_bright_sky_between_dark_trees():
    page = content.picture("train", 600, 500, np.random.default_rng(0)) // 3
    y, x = np.mgrid[:600, :500]
    page[np.hypot(y - 250, x - 250) < 180] += 170
    assert checked(page, flat(0.8, (600, 500)))[2].untouched


def test_checked_takes_one_colour_for_that_of_the_paper():
    paper = flat(0.95)
    paper[..., :3] *= np.array((0.6, 0.8, 0.9), np.float32)
    page = np.rint(text()[..., None] / 235 * paper[..., :3] * 255).clip(0, 255).astype(np.uint8)
    assert checked(page, paper)[2] == Findings()


def test_checked_leaves_a_photograph_as_a_whole():
    photograph = content.picture("train", 420, 540, np.random.default_rng(3))
    result, _, findings = checked(photograph // 2, flat(0.3))
    assert findings.untouched and (result == 1).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (700, 3), (1, 1, 3), (700, 3, 3), (40, 40, 3)])
def test_checked_takes_pages_of_any_size(shape):
    page = np.full(shape, 200, np.uint8)
    result, _, _ = checked(page, flat(0.8, shape[:2]))
    assert result.shape == (*shape[:2], 4)


def test_checked_brings_back_a_part_of_clear_ink():
    right = np.tile(np.linspace(235, 190, 540) / 255, (420, 1))
    wrong = np.where(np.arange(540) // 20 % 4, right, text() / 255 + 0.004)
    assert checked(text(), flat(wrong))[2].regions >= 1


def test_checked_does_not_doubt_a_picture_on_a_page_that_would_lose_all_ink():
    page = np.repeat(text()[..., None], 3, -1)
    page[100:300, 150:400] = content.picture("test", 200, 250, np.random.default_rng(5)) // 2
    assert not checked(page, flat(page.mean(-1) / 255 + 0.004))[1][120:280, 170:380].any()
