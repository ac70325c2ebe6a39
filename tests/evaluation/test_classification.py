"""Metrics and tables of a classifier."""

import numpy as np
import pytest

from inkbench.evaluation import classification

# Four images of three classes; the last prediction is wrong.
LABELS = np.uint8([0, 1, 2, 2])
PROBABILITIES = np.float32([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5], [0.1, 0.6, 0.3]])
PREDICTED = PROBABILITIES.argmax(1)

RNG = np.random.default_rng(3)
MANY_LABELS = RNG.integers(0, 10, 500).astype(np.uint8)
LOGITS = RNG.normal(size=(500, 10)) + 2.5 * np.eye(10)[MANY_LABELS]
MANY = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)


def test_scores_match_manual_calculation():
    scores = classification.scores(LABELS, PROBABILITIES, np.arange(4))
    assert scores["test_accuracy"] == 0.75
    assert scores["test_nll"] == pytest.approx(-np.log([0.7, 0.8, 0.5, 0.3]).mean(), rel=1e-6)
    # F1 of class 0: 1; of class 1: precision 1/2, recall 1; of class 2: precision 1, recall 1/2.
    assert scores["test_macro_f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    # Each confidence has its own bin: .7, .8 and .5 are right, .6 is wrong.
    assert scores["test_ece"] == pytest.approx((0.3 + 0.2 + 0.5 + 0.6) / 4, rel=1e-6)


def test_scores_accept_class_missing_from_test_part():
    scores = classification.scores(LABELS[:2], PROBABILITIES[:2], np.arange(2))
    assert scores["test_accuracy"] == 1
    assert scores["test_nll"] == pytest.approx(-np.log([0.7, 0.8]).mean(), rel=1e-6)


def test_calibration_error_matches_definition():
    confidence, correct = MANY.max(1), MANY.argmax(1) == MANY_LABELS
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].mean())
            expected += inside.mean() * gap
    assert classification.calibration_error(MANY_LABELS, MANY) == pytest.approx(expected)


@pytest.mark.parametrize(("confidence", "expected"), [(1.0, 14), (np.linspace(0, 1, 16)[9], 8)])
def test_reliability_bin_includes_its_upper_edge(confidence, expected):
    table = classification.reliability(np.uint8([0]), np.array([[confidence, 1 - confidence]]))
    assert [row[2] for row in table.rows].index(1) == expected


def test_accuracy_interval_agrees_with_scipy_bootstrap():
    from scipy.stats import bootstrap

    correct = MANY.argmax(1) == MANY_LABELS
    expected = bootstrap((correct,), np.mean, n_resamples=4000, method="percentile", rng=1)
    interval = classification.accuracy_interval(correct, np.arange(500))
    # Of other resamples: the ends differ by about one of 500 images.
    assert interval == pytest.approx(tuple(expected.confidence_interval), abs=0.006)


def test_accuracy_interval_is_not_narrowed_by_duplicates():
    correct, groups = MANY.argmax(1) == MANY_LABELS, np.arange(500)
    low, high = classification.accuracy_interval(correct, groups)
    duplicated = classification.accuracy_interval(np.repeat(correct, 4), np.repeat(groups, 4))
    assert duplicated == pytest.approx((low, high), abs=1e-9)
    ungrouped = classification.accuracy_interval(np.repeat(correct, 4), np.arange(2000))
    assert ungrouped[1] - ungrouped[0] < 0.6 * (high - low)


def test_accuracy_interval_of_perfect_classifier_has_no_width():
    assert classification.accuracy_interval(np.ones(9, bool), np.arange(9)) == (1, 1)


def test_per_class_matches_manual_calculation():
    table = classification.per_class(LABELS, PREDICTED, "ABC")
    assert table.columns == ("class", "n", "precision", "recall", "f1")
    assert [row[:4] for row in table.rows] == [["A", 1, 1, 1], ["B", 1, 0.5, 1], ["C", 2, 1, 0.5]]


def test_confusion_names_actual_and_predicted_class():
    table = classification.confusion(LABELS, PREDICTED, "ABC")
    assert table.rows == [("A", "A"), ("B", "B"), ("C", "C"), ("C", "B")]


def test_confused_has_errors_of_highest_probability_first():
    images = np.arange(500, dtype=np.int64)[:, None, None]
    arrays = classification.misclassified(images, MANY_LABELS, MANY)
    rows = arrays["images"][:, 0, 0]
    assert len(rows) == 24
    assert (arrays["predicted"] != arrays["labels"]).all()
    assert (np.diff(arrays["probability"]) <= 0).all()
    left_out = np.setdiff1d(np.flatnonzero(MANY.argmax(1) != MANY_LABELS), rows)
    assert MANY[left_out].max() <= arrays["probability"].min()


def test_confused_of_perfect_classifier_is_empty():
    arrays = classification.misclassified(np.zeros((2, 3, 3)), np.uint8([0, 1]), np.eye(2))
    assert arrays["images"].shape == (0, 3, 3)
