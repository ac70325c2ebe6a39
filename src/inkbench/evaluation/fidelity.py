"""How close images are to their targets: BCE, MSE, PSNR, SSIM, binary accuracy.

Images are floats in [0, 1]; `data_range` is 1 throughout. Every function takes ``[n, h, w]``.
"""

import numpy as np
from tqdm import tqdm

PSNR_CAP = 100.0  # dB, of an image without any error, whose ratio is infinite
_EPSILON = 1e-7  # Keras clips probabilities by as much: figures stay comparable with its loss


def ink(images: np.ndarray, binarise: bool) -> np.ndarray:
    """Scale uint8 images to float32 in [0, 1]; with ``binarise``, cut them at 0.5."""
    scaled = images / np.float32(255)
    return (scaled >= 0.5).astype(np.float32) if binarise else scaled


def bce(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Binary cross-entropy in nats a pixel, averaged over pixels and images.

    Grey targets count as probabilities of ink, so that a perfect output of a grey image does not
    reach 0 but the image's own entropy.
    """
    return float(_cross_entropy(targets, outputs).mean())


def image_nats(targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Negative Bernoulli log-likelihood of every image: its pixels' cross-entropies added up.

    Returns
    -------
    numpy.ndarray
        float64 ``[n]``, nats.
    """
    return _cross_entropy(targets, outputs).sum(axis=(1, 2))


def _cross_entropy(targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    chance = np.clip(outputs.astype(np.float64), _EPSILON, 1 - _EPSILON)
    return -(targets * np.log(chance) + (1 - targets) * np.log1p(-chance))


def mse(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Mean squared error over all pixels, as of [0, 1]."""
    return float(np.square(targets - outputs, dtype=np.float64).mean())


def psnr(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, the mean over images; at most 100 an image."""
    errors = np.square(targets - outputs, dtype=np.float64).mean(axis=(1, 2))
    return float(np.minimum(-10 * np.log10(np.maximum(errors, 1e-30)), PSNR_CAP).mean())


def ssim(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Structural similarity (Wang et al., 2004; uniform 7 × 7 window), the mean over images."""
    from skimage.metrics import structural_similarity

    pairs = zip(targets.astype(np.float64), outputs.astype(np.float64), strict=True)
    bar = tqdm(pairs, "SSIM", len(targets), unit="image", delay=2, leave=False, disable=None)
    return float(np.mean([structural_similarity(*pair, data_range=1) for pair in bar]))


def binary_accuracy(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Fraction of pixels on the same side of 0.5 as their target."""
    return float(((targets >= 0.5) == (outputs >= 0.5)).mean())
