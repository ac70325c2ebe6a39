"""How close images are to their targets: BCE, MSE, PSNR, SSIM, binary pixel accuracy.

All images are floats ``[n, h, w]`` in [0, 1].
"""

import numpy as np
from tqdm import tqdm

PSNR_CAP = 100.0  # dB, for an image without error
_EPSILON = 1e-7  # as Keras clips probabilities, so that values compare with its loss


def to_float(images: np.ndarray, binarise: bool = False) -> np.ndarray:
    """Scale uint8 images to float32 in [0, 1]; with ``binarise``, threshold them at 0.5."""
    scaled = images / np.float32(255)
    return (scaled >= 0.5).astype(np.float32) if binarise else scaled


def bce(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Binary cross-entropy in nats per pixel, averaged over pixels and images.

    Grey targets count as probabilities of ink: a perfect output scores their entropy, not 0.
    """
    return float(_cross_entropy(targets, outputs).mean())


def image_nats(targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Negative Bernoulli log-likelihood of each image, summed over its pixels: float64 ``[n]``."""
    return _cross_entropy(targets, outputs).sum(axis=(1, 2))


def _cross_entropy(targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    probability = np.clip(outputs.astype(np.float64), _EPSILON, 1 - _EPSILON)
    return -(targets * np.log(probability) + (1 - targets) * np.log1p(-probability))


def mse(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Mean squared error over all pixels."""
    return float(np.square(targets - outputs, dtype=np.float64).mean())


def psnr(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, at most `PSNR_CAP` per image, averaged over images."""
    errors = np.square(targets - outputs, dtype=np.float64).mean(axis=(1, 2))
    return float(np.minimum(-10 * np.log10(np.maximum(errors, 1e-30)), PSNR_CAP).mean())


def ssim(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Structural similarity (Wang et al., 2004; uniform 7 × 7 window), averaged over images."""
    from skimage.metrics import structural_similarity

    pairs = zip(targets.astype(np.float64), outputs.astype(np.float64), strict=True)
    bar = tqdm(pairs, "SSIM", len(targets), unit="image", delay=2, leave=False, disable=None)
    return float(np.mean([structural_similarity(*pair, data_range=1) for pair in bar]))


def binary_accuracy(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Fraction of pixels on the same side of 0.5 as their target."""
    return float(((targets >= 0.5) == (outputs >= 0.5)).mean())
