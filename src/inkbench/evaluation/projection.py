"""Two-dimensional projections of codes for scatter plots: principal components and t-SNE."""

import numpy as np

TSNE_ROWS = 1000


def pca2(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First two principal components of codes ``[n, d]``, and their fractions of the variance.

    Both are float32, ``[n, 2]`` and ``[2]``, and zero for a missing second dimension or variance.
    """
    from sklearn.decomposition import PCA

    points, explained = np.zeros((len(codes), 2), np.float32), np.zeros(2, np.float32)
    if np.ptp(codes, axis=0).max() > 0:
        axes = min(2, *codes.shape)
        pca = PCA(axes, random_state=0)
        points[:, :axes] = pca.fit_transform(codes)
        explained[:axes] = pca.explained_variance_ratio_
    return points, explained


def tsne2(codes: np.ndarray) -> np.ndarray:
    """Seeded t-SNE of codes ``[n, d]``: float32 ``[n, 2]``, zeros if all codes are equal.

    Perplexity is 30, less for few points (van der Maaten & Hinton, 2008).
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if len(codes) < 3 or np.ptp(codes, axis=0).max() == 0:
        return np.zeros((len(codes), 2), np.float32)
    start = "pca" if codes.shape[1] > 1 else "random"
    perplexity = min(30, (len(codes) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init=start, max_iter=500, random_state=0)
    with threadpool_limits(1):  # results depend on the thread count, and more gain nothing
        return tsne.fit_transform(codes.astype(np.float32)).astype(np.float32)
