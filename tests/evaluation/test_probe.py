"""The linear probe and the nearest neighbours."""

import numpy as np
import pytest

from inkbench.evaluation import probe
from inkbench.evaluation.probe import Labelled


def _parts(spread: float, dimensions: int = 3, sizes=(120, 60, 80)) -> list[Labelled]:
    """Train, validation and test part: normal clusters of four classes."""
    centres = np.random.default_rng(0).normal(0, 1, (4, dimensions))
    parts = []
    for seed, count in enumerate(sizes, 1):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 4, count).astype(np.uint8)
        features = centres[labels] + rng.normal(0, spread, (count, dimensions))
        parts.append(Labelled(features.astype(np.float32), labels))
    return parts


@pytest.mark.parametrize(
    "parts",
    [
        _parts(spread=0.01),
        _parts(spread=0.1, dimensions=probe.MAX_FEATURES + 1),
        # fewer images than principal components
        _parts(spread=0.1, dimensions=probe.MAX_FEATURES + 1, sizes=(20, 20, 20)),
    ],
)
def test_accuracies_of_separated_clusters_are_perfect(parts):
    assert probe.accuracies(*parts) == (1, 1)


def test_accuracies_of_random_codes_are_at_chance():
    rng = np.random.default_rng(0)
    parts = [
        Labelled(rng.normal(size=(n, 5)), rng.integers(0, 4, n).astype(np.uint8))
        for n in (400, 200, 800)
    ]
    assert probe.accuracies(*parts) == pytest.approx((0.25, 0.25), abs=0.05)


def test_accuracies_of_constant_code_are_those_of_most_common_class():
    labels = np.array([0, 0, 0, 1], np.uint8)
    part = Labelled(np.zeros((4, 2), np.float32), labels)
    assert probe.accuracies(part, part, part) == (0.75, 0.75)


def test_accuracies_ignore_the_scale_of_a_code():
    parts = _parts(spread=1)
    scaled = [Labelled(part.features * 64, part.labels) for part in parts]
    assert probe.accuracies(*scaled) == probe.accuracies(*parts)


def test_accuracies_are_deterministic():
    parts = _parts(spread=1.5, dimensions=probe.MAX_FEATURES + 1)
    assert probe.accuracies(*parts) == probe.accuracies(*parts)


def test_neighbours_match_brute_force_search():
    train, _, test = _parts(spread=1)
    distances = ((test.features[:, None] - train.features) ** 2).sum(-1)
    votes = train.labels[np.argsort(distances, axis=1)[:, :5]]
    winners = [np.bincount(vote, minlength=4).argmax() for vote in votes]
    assert probe.accuracies(train, train, test)[1] == np.mean(winners == test.labels)


def test_probe_matches_softmax_regression_of_best_validation_accuracy():
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    train, valid, test = _parts(spread=1)
    mean, scale = train.features.mean(0), np.sqrt(train.features.var(0).mean())

    def logits(weights, part):
        matrix = weights.reshape(4, 4)
        return (part.features - mean) / scale @ matrix[:3] + matrix[3]

    def fit(strength):
        def loss(weights):
            z = logits(weights, train)
            nll = (logsumexp(z, axis=1) - z[np.arange(len(z)), train.labels]).sum()
            return nll + np.square(weights.reshape(4, 4)[:3]).sum() / (2 * strength)

        return minimize(loss, np.zeros(16)).x

    def accuracy(weights, part):
        return (logits(weights, part).argmax(1) == part.labels).mean()

    fitted = [fit(strength) for strength in probe.STRENGTHS]
    best = max(fitted, key=lambda weights: accuracy(weights, valid))
    # Two optimisers: they may disagree on an image on the boundary.
    assert probe.accuracies(train, valid, test)[0] == pytest.approx(accuracy(best, test), abs=0.013)
