"""Sparsity of codes and of a network's kernels: the fraction of values near zero."""

from collections.abc import Mapping

import numpy as np

_WEIGHT_NEAR_ZERO = 1e-3
_WEIGHT_BINS = 101  # odd, so that the middle bin is centred on zero


def code_threshold(codes: np.ndarray) -> float:
    """Magnitude up to which an activation counts as near zero.

    The larger of 0.001 and 1 % of the root mean square of all activations. A small scale alone
    does not make a code sparse, but a code that a penalty has driven to zero is.
    """
    return max(1e-3, 0.01 * float(np.sqrt(np.square(codes).mean())))


def code_sparsity(codes: np.ndarray) -> float:
    """Fraction of near-zero activations (`code_threshold`) of ``codes``, any shape."""
    return float((np.abs(codes) <= code_threshold(codes)).mean())


def code_histogram(codes: np.ndarray) -> dict[str, np.ndarray]:
    """``code_edges``, ``code_counts`` and ``near_zero`` of ``codes.npz``."""
    low, high = float(codes.min()), float(codes.max())
    counts, edges = np.histogram(codes, 50, (low, high if high > low else low + 1))
    return {
        "code_edges": edges.astype(np.float32),
        "code_counts": counts,
        "near_zero": np.array(code_threshold(codes), np.float32),
    }


def weight_sparsity(kernels: Mapping[str, np.ndarray]) -> float:
    """Fraction of ``|w| < 0.001`` among all weights of all kernels (no biases), 0..1."""
    small = sum(int((np.abs(kernel) < _WEIGHT_NEAR_ZERO).sum()) for kernel in kernels.values())
    return small / sum(kernel.size for kernel in kernels.values())


def weights(
    kernels: Mapping[str, np.ndarray], image_shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Arrays of ``weights.npz``.

    ``kernels`` are by layer name, from input to output; ``image_shape`` is ``(h, w)``.
    """
    near_zero, counts, edges = [], [], []
    for kernel in kernels.values():
        limit = float(np.abs(kernel).max()) or _WEIGHT_NEAR_ZERO
        kernel_counts, kernel_edges = np.histogram(kernel, _WEIGHT_BINS, (-limit, limit))
        near_zero.append((np.abs(kernel) < _WEIGHT_NEAR_ZERO).mean())
        counts.append(kernel_counts)
        edges.append(kernel_edges.astype(np.float32))
    first = next(iter(kernels.values()))
    # A convolution's kernel is [a, b, inputs, filters], that of a dense layer [pixels, units].
    filters = first[:, :, 0] if first.ndim == 4 else first.reshape(*image_shape, -1)
    return {
        "layers": np.array(list(kernels)),
        "sizes": np.array([kernel.size for kernel in kernels.values()], np.int64),
        "near_zero": np.array(near_zero, np.float64),
        "edges": np.stack(edges),
        "counts": np.stack(counts),
        "filters": np.moveaxis(filters, -1, 0)[:64].astype(np.float32),
    }
