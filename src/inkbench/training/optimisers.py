"""Optimisers by the names that ``params.yaml`` uses."""

import math
from typing import Any

import keras
from keras import ops


def optimiser(name: str, rate: Any) -> keras.optimizers.Optimizer:
    """Look up an optimiser.

    Parameters
    ----------
    name
        ``adam`` (Kingma & Ba, 2015) or ``muon`` (`ConvolutionalMuon`, without weight decay).
    rate
        Learning rate: a number or a Keras schedule. Muon's updates are scaled to the RMS of
        Adam's, so that one rate fits both.
    """
    if name == "muon":
        return ConvolutionalMuon(rate, weight_decay=None, adam_weight_decay=None)
    return keras.optimizers.Adam(rate)


class ConvolutionalMuon(keras.optimizers.Muon):
    """Muon (Jordan et al., 2024) for convolutions: a kernel's last axis becomes columns.

    Muon orthogonalises the gradient's matrix, so that an update has the same size in all directions
    that it spans. Keras' own Muon leaves all variables that are not matrices to Adam, including
    convolution kernels; this one leaves only vectors and kernels whose last axis is 1 to it.

    A convolution's kernel is ``[h, w, in, out]``, a matrix of patches × filters, and a single
    filter goes to Adam. A transposed one's is ``[h, w, out, in]``: the last layer of
    `strided_autoencoder`, of one filter, is a matrix of 9 × 32, and goes to Muon.
    """

    def _should_use_adamw(self, variable) -> bool:
        return len(variable.shape) < 2 or variable.shape[-1] == 1

    def zeropower_via_newtonschulz5(self, x, steps: int):
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        return ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x):
        longer = max(math.prod(x.shape[:-1]), x.shape[-1])
        return x * math.sqrt(longer) * self.rms_rate
