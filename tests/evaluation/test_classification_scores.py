"""Metrics and tables of a classifier."""

import numpy as np
import pytest

from inkbench.evaluation import classification

# Four images of three classes, three right.
LABELS = np.uint8([0, 1, 2, 2])
PROBABILITIES = np.float32([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5], [0.1, 0.6, 0.3]])
PREDICTED = PROBABILITIES.argmax(1)

RNG = np.random.default_rng(3)
MANY = RNG.integers(0, 10, 500).astype(np.uint8)
LOGITS = RNG.normal(size=(500, 10)) + 2.5 * np.eye(10)[MANY]
SURE = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)


def _scores() -> dict[str, float]:
    return classification.scores(LABELS, PROBABILITIES, np.arange(4))


def test_accuracy_by_hand():
    assert _scores()["test_accuracy"] == 0.75


def test_nll_by_hand():
    expected = -np.log([0.7, 0.8, 0.5, 0.3]).mean()
    assert _scores()["test_nll"] == pytest.approx(expected, rel=1e-6)


def test_macro_f1_by_hand():
    # F1 of class 0: 1; of class 1: precision 1/2, recall 1; of class 2: precision 1, recall 1/2.
    assert _scores()["test_macro_f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_macro_f1_from_the_confusion_matrix():
    predicted = SURE.argmax(1)
    matrix = np.zeros((10, 10))
    np.add.at(matrix, (MANY, predicted), 1)
    f1 = 2 * np.diag(matrix) / (matrix.sum(0) + matrix.sum(1))
    found = classification.scores(MANY, SURE, np.arange(500))["test_macro_f1"]
    assert found == pytest.approx(f1.mean())


def test_a_class_that_is_not_in_the_test_part_is_allowed():
    scores = classification.scores(LABELS[:2], PROBABILITIES[:2], np.arange(2))
    assert scores["test_accuracy"] == 1
    assert scores["test_nll"] == pytest.approx(-np.log([0.7, 0.8]).mean(), rel=1e-6)


def test_calibration_error_by_hand():
    # Each confidence has a bin of its own: .7 right, .8 right, .5 right, .6 wrong.
    expected = (0.3 + 0.2 + 0.5 + 0.6) / 4
    assert _scores()["test_ece"] == pytest.approx(expected, rel=1e-6)


def test_calibration_error_is_zero_for_the_honest():
    # Right in three of four cases at a confidence of three quarters.
    labels = np.tile(np.uint8([0, 0, 0, 1]), 25)
    probabilities = np.tile([0.75, 0.25], (100, 1))
    assert classification.calibration_error(labels, probabilities) == pytest.approx(0)


def test_calibration_error_the_textbook_way():
    confidence, correct = SURE.max(1), SURE.argmax(1) == MANY
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].mean())
            expected += inside.mean() * gap
    assert classification.calibration_error(MANY, SURE) == pytest.approx(expected)


def test_certainty_falls_into_the_last_bin():
    table = classification.reliability(np.uint8([0, 1]), np.eye(2))
    assert [row[2] for row in table.rows] == [0] * 14 + [2]


def test_a_bin_of_confidence_holds_its_upper_edge():
    edge = np.linspace(0, 1, 16)[9]
    table = classification.reliability(np.uint8([0]), np.array([[edge, 1 - edge]]))
    assert [row[2] for row in table.rows].index(1) == 8


def test_interval_is_scipys_bootstrap():
    from scipy.stats import bootstrap

    correct = SURE.argmax(1) == MANY
    expected = bootstrap((correct,), np.mean, n_resamples=4000, method="percentile", rng=1)
    found = classification.accuracy_interval(correct, np.arange(500))
    assert found == pytest.approx(tuple(expected.confidence_interval), abs=0.006)


def test_copies_do_not_make_the_interval_narrower():
    correct, once = SURE.argmax(1) == MANY, np.arange(500)
    low, high = classification.accuracy_interval(correct, once)
    copied = classification.accuracy_interval(np.repeat(correct, 4), np.repeat(once, 4))
    assert copied == pytest.approx((low, high), abs=1e-9)
    naive = classification.accuracy_interval(np.repeat(correct, 4), np.arange(2000))
    assert naive[1] - naive[0] < 0.6 * (high - low)


def test_interval_of_a_faultless_classifier_is_a_point():
    assert classification.accuracy_interval(np.ones(9, bool), np.arange(9)) == (1, 1)


def test_per_class_table_by_hand():
    table = classification.per_class(LABELS, PREDICTED, "ABC")
    assert table.columns == ("class", "n", "precision", "recall", "f1")
    assert [row[:4] for row in table.rows] == [["A", 1, 1, 1], ["B", 1, 0.5, 1], ["C", 2, 1, 0.5]]


def test_confusion_names_both_classes_of_every_image():
    table = classification.confusion(LABELS, PREDICTED, "ABC")
    assert table.rows == [("A", "A"), ("B", "B"), ("C", "C"), ("C", "B")]


def test_confused_are_the_wrong_ones_most_certain_first():
    images = np.arange(500, dtype=np.int64)[:, None, None]
    found = classification.confused(images, MANY, SURE)
    rows = found["images"][:, 0, 0]
    assert len(rows) == 24
    assert (found["predicted"] != found["labels"]).all()
    assert (np.diff(found["probability"]) <= 0).all()
    left_out = np.setdiff1d(np.flatnonzero(SURE.argmax(1) != MANY), rows)
    assert SURE[left_out].max() <= found["probability"].min()


def test_nothing_is_confused_by_a_faultless_classifier():
    found = classification.confused(np.zeros((2, 3, 3)), np.uint8([0, 1]), np.eye(2))
    assert found["images"].shape == (0, 3, 3)
