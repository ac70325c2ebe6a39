"""Corruption of inputs: amount, kind, and the same result for the same seed."""

import numpy as np
import pytest

from inkbench.datasets.common.noise import corrupt

GREY = np.full((200, 28, 28), 128, np.uint8)


def test_corrupt_without_noise_changes_nothing():
    assert np.array_equal(corrupt(GREY, 0, 0, seed=1), GREY)


def test_corrupt_does_not_change_its_input():
    images = GREY.copy()
    corrupt(images, 0.5, 0.5, seed=1)
    assert np.array_equal(images, GREY)


def test_corrupt_adds_gaussian_noise_of_the_given_deviation():
    noise = corrupt(GREY, 0.1, 0, seed=1).astype(float) - 128
    assert noise.std() == pytest.approx(25.5, rel=0.01)
    assert noise.mean() == pytest.approx(0, abs=0.2)


def test_corrupt_clips_values():
    white = corrupt(np.full_like(GREY, 255), 0.1, 0, seed=1)
    assert (white == 255).mean() == pytest.approx(0.5, abs=0.01)
    assert white.min() > 100


def test_corrupt_replaces_the_given_fraction_by_black_and_white():
    noisy = corrupt(GREY, 0, 0.2, seed=1)
    assert (noisy == 0).mean() == pytest.approx(0.1, abs=0.003)
    assert (noisy == 255).mean() == pytest.approx(0.1, abs=0.003)
    assert (noisy == 128).mean() == pytest.approx(0.8, abs=0.005)


def test_corrupt_repeats_for_the_same_seed_only():
    first, again, other = (corrupt(GREY, 0.3, 0.1, [4, seed]) for seed in (2, 2, 3))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_corrupt_draws_both_kinds_of_noise_independently():
    gaussian, both = corrupt(GREY, 0.1, 0, seed=1), corrupt(GREY, 0.1, 0.2, seed=1)
    untouched = (both != 0) & (both != 255)
    assert np.array_equal(both[untouched], gaussian[untouched])


def test_corrupt_does_not_depend_on_chunks():
    """What is done piecemeal for the sake of memory must not show."""
    many = np.zeros((5000, 2, 2), np.uint8)
    rng = np.random.default_rng(3).spawn(2)[0]
    whole = rng.standard_normal(many.shape, np.float32) * np.float32(127.5)
    expected = np.clip(np.rint(whole), 0, 255).astype(np.uint8)
    assert np.array_equal(corrupt(many, 0.5, 0, seed=3), expected)
