"""How well a code predicts the class: a linear probe and nearest neighbours.

The same functions measure raw pixels, so that the results compare.
"""

import warnings
from dataclasses import dataclass

import numpy as np

STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # inverse regularisation, chosen on the validation part
MAX_FEATURES = 512  # wider features are reduced to principal components
_COMPONENTS = 128
_PCA_ROWS = 4000  # enough for 128 components, in a tenth of the time


@dataclass(frozen=True)
class Labelled:
    """Features float32 ``[n, d]`` and labels ``[n]`` of one part."""

    features: np.ndarray
    labels: np.ndarray


def accuracies(train: Labelled, valid: Labelled, test: Labelled) -> tuple[float, float]:
    """Test accuracy of a logistic regression and of k nearest neighbours, both fitted on ``train``.

    The probe is a multinomial logistic regression (Alain & Bengio, *Understanding intermediate
    layers using linear classifier probes*, 2017) with the strength of `STRENGTHS` that has the
    best validation accuracy. The five nearest neighbours by Euclidean distance have equal weight.
    Features are centred and divided by one common factor, which does not amplify units that
    hardly vary. More than `MAX_FEATURES` features are first reduced to 128 principal components.
    """
    from threadpoolctl import threadpool_limits

    # The last digits depend on the number of threads, and on matrices this small BLAS threads
    # spend ten times as long waiting for each other as computing.
    with threadpool_limits(1):
        if train.features.shape[1] > MAX_FEATURES:
            train, valid, test = _reduced(train, valid, test)
        train, valid, test = _scaled(train, valid, test)
        return _probe(train, valid, test), _neighbours(train, test)


def _reduced(*parts: Labelled) -> list[Labelled]:
    from sklearn.decomposition import PCA

    sample = parts[0].features[:_PCA_ROWS]
    components = min(_COMPONENTS, len(sample))
    pca = PCA(components, svd_solver="randomized", iterated_power=3, random_state=0).fit(sample)
    return [Labelled(pca.transform(part.features), part.labels) for part in parts]


def _scaled(*parts: Labelled) -> list[Labelled]:
    """Centre on the first part and scale its mean variance to 1."""
    mean = parts[0].features.mean(axis=0)
    scale = np.sqrt(parts[0].features.var(axis=0).mean()) or 1
    return [Labelled((part.features - mean) / scale, part.labels) for part in parts]


def _probe(train: Labelled, valid: Labelled, test: Labelled) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # Validation judges a probe that stopped early like any other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        probes = [
            LogisticRegression(C=strength, max_iter=300).fit(train.features, train.labels)
            for strength in STRENGTHS
        ]
    # In a tie, the strongest regularisation wins.
    best = max(probes, key=lambda probe: probe.score(valid.features, valid.labels))
    return float(best.score(test.features, test.labels))


def _neighbours(train: Labelled, test: Labelled) -> float:
    from sklearn.neighbors import KNeighborsClassifier

    nearest = KNeighborsClassifier(min(5, len(train.labels)), algorithm="brute")
    nearest.fit(train.features, train.labels)
    return float(nearest.score(test.features, test.labels))
