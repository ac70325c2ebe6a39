"""The noise that denoising models learn to remove, the same in training and evaluation."""

from collections.abc import Sequence

import numpy as np

_CHUNK = 4096  # images at a time, to save memory; the result does not depend on it


def corrupt(
    images: np.ndarray, gaussian: float, salt_pepper: float, seed: int | Sequence[int]
) -> np.ndarray:
    """Add white noise, then replace pixels by black or white.

    Gaussian noise is as in the denoising example of F. Chollet, "Building autoencoders in Keras"
    (2016); salt and pepper as in Vincent et al. (2010), "Stacked denoising autoencoders", section
    3.3. Each kind has a random stream of its own: with the same seed, one kind of noise is the same
    whether or not the other is added.

    Parameters
    ----------
    images
        uint8 [n, …], 0..255.
    gaussian
        Standard deviation in units of the pixel range, 0..1.
    salt_pepper
        Fraction of pixels replaced, half of them by 0 and half by 255, 0..1.
    seed
        Of the generator (an int, or several, such as a seed and an epoch).

    Returns
    -------
    numpy.ndarray
        uint8, shape of ``images``: rounded and clipped to 0..255.
    """
    white, spots = np.random.default_rng(seed).spawn(2)
    noisy = np.empty_like(images)
    for start in range(0, len(images), _CHUNK):
        part = images[start : start + _CHUNK].astype(np.float32)
        if gaussian:
            part += white.standard_normal(part.shape, np.float32) * np.float32(255 * gaussian)
        if salt_pepper:
            chance = spots.random(part.shape, np.float32)
            part[chance < salt_pepper] = 255
            part[chance < salt_pepper / 2] = 0
        noisy[start : start + _CHUNK] = np.clip(np.rint(part), 0, 255)
    return noisy
