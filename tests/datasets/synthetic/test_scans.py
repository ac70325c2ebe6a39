"""Drawn scans are a pure function of their number, and parts do not share what they are of."""

import itertools

import numpy as np
import pytest

from inkbench.datasets.synthetic import content, scans


def test_draw_is_a_pure_function_of_part_number_and_seed():
    first, again = (scans.draw("train", 3, [42, 0], 96) for _ in range(2))
    other = scans.draw("train", 3, [42, 1], 96)
    assert np.array_equal(first.scan, again.scan) and np.array_equal(first.clean, again.clean)
    assert not np.array_equal(first.scan, other.scan)


def test_held_out_parts_have_kinds_that_training_does_not_have():
    assert not set(content.KINDS["train"]) & {*content.KINDS["valid"], *content.KINDS["test"]}


@pytest.mark.parametrize(("one", "other"), itertools.combinations(("train", "valid", "test"), 2))
def test_parts_have_papers_and_photographs_of_their_own(one, other):
    assert not set(scans._TONES[one]) & set(scans._TONES[other])
    assert not set(content._PHOTOGRAPHS[one]) & set(content._PHOTOGRAPHS[other])


@pytest.mark.parametrize("number", range(3))
def test_validation_and_test_draw_other_forms(number):
    valid, test = (scans.draw(part, number, size=96) for part in ("valid", "test"))
    assert not np.array_equal(valid.clean, test.clean)


@pytest.mark.parametrize("kind", content.KINDS["train"])
def test_every_kind_leaves_ink_on_white(kind):
    rng = np.random.default_rng(1)
    canvas = content.KINDS["train"][kind](content.Canvas.blank(192, "train", rng), rng)
    ink, kept = canvas.layers()
    assert ink.shape == (192, 192, 3) and kept.shape == (192, 192)
    assert ink.min() < 0.8 and ink.min() >= 0 and ink.max() <= 1
    assert kept.any() == (kind in {"illustrated", "inverted", "framed"})  # pictures, dark areas


def test_clean_page_has_white_paper_and_no_light():
    pages = [scans.draw("valid", number, size=128) for number in range(12)]
    whites = [float((page.clean == 255).all(-1).mean()) for page in pages]
    assert np.median(whites) > 0.4
    darker = [page.scan.mean() < page.clean.mean() for page in pages]
    assert sum(darker) >= 8


def test_pictures_stay_as_they_were_scanned():
    ink = np.ones((64, 64, 3), np.float32)
    ink[16:48, 16:48] = 0.5
    kept = np.zeros((64, 64), np.float32)
    kept[16:48, 16:48] = 1
    scan, clean = scans._scanned(ink, kept, "train", np.random.default_rng(7))
    assert np.abs(scan[20:44, 20:44].astype(int) - clean[20:44, 20:44]).max() <= 1
