"""What a code knows about the class: a linear probe and nearest neighbours.

Pixels are measured with the same functions as codes, so the two figures compare.
"""

import warnings
from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 5
STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # inverse regularisation, chosen on the validation part
WIDEST = 512  # features, beyond which principal components take their place
COMPONENTS = 128
_PCA_ROWS = 4000  # enough to find 128 directions, and a tenth of the time


@dataclass(frozen=True)
class Labelled:
    """Features float32 ``[n, d]`` and labels ``[n]`` of one part."""

    features: np.ndarray
    labels: np.ndarray


def accuracies(train: Labelled, valid: Labelled, test: Labelled) -> tuple[float, float]:
    """Accuracy on the test part of a logistic regression and of nearest neighbours.

    The probe is multinomial logistic regression (Alain & Bengio, *Understanding intermediate
    layers using linear classifier probes*, 2017), its strength taken from `STRENGTHS` by accuracy
    on the validation part. Features are centred and divided by one common factor, so that a unit
    that hardly varies is not blown up. Neighbours are the five nearest by Euclidean distance, of
    equal weight. More than `WIDEST` features are first reduced to `COMPONENTS` principal
    components.

    Parameters
    ----------
    train, valid, test
        Features and labels; both learners see ``train`` only.

    Returns
    -------
    tuple of float
        Accuracy of the probe, accuracy of the neighbours, 0..1.
    """
    from threadpoolctl import threadpool_limits

    # One thread: on matrices this small, BLAS threads wait for each other ten times as long as
    # they compute, and the last digits depend on how many there are.
    with threadpool_limits(1):
        if train.features.shape[1] > WIDEST:
            train, valid, test = _reduced(train, valid, test)
        train, valid, test = _scaled(train, valid, test)
        return _probe(train, valid, test), _neighbours(train, test)


def _reduced(*parts: Labelled) -> list[Labelled]:
    from sklearn.decomposition import PCA

    fitted_on = parts[0].features[:_PCA_ROWS]
    components = min(COMPONENTS, len(fitted_on))
    pca = PCA(components, svd_solver="randomized", iterated_power=3, random_state=0)
    pca.fit(fitted_on)
    return [Labelled(pca.transform(part.features), part.labels) for part in parts]


def _scaled(*parts: Labelled) -> list[Labelled]:
    """Centre on the first part and make its mean variance 1 (distances only change their unit)."""
    mean = parts[0].features.mean(axis=0)
    scale = np.sqrt(parts[0].features.var(axis=0).mean()) or 1
    return [Labelled((part.features - mean) / scale, part.labels) for part in parts]


def _probe(train: Labelled, valid: Labelled, test: Labelled) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    best, best_accuracy = None, -1.0
    for strength in STRENGTHS:
        probe = LogisticRegression(C=strength, max_iter=300)
        with warnings.catch_warnings():
            # The validation part judges a probe that stopped early like any other.
            warnings.simplefilter("ignore", ConvergenceWarning)
            probe.fit(train.features, train.labels)
        accuracy = probe.score(valid.features, valid.labels)
        if accuracy > best_accuracy:  # of equals, the most regularised
            best, best_accuracy = probe, accuracy
    assert best is not None
    return float(best.score(test.features, test.labels))


def _neighbours(train: Labelled, test: Labelled) -> float:
    from sklearn.neighbors import KNeighborsClassifier

    nearest = KNeighborsClassifier(min(NEIGHBOURS, len(train.labels)), algorithm="brute")
    nearest.fit(train.features, train.labels)
    return float(nearest.score(test.features, test.labels))
