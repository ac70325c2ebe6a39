"""Muon treats kernels as matrices, leaves the rest to Adam, and resumes from a checkpoint."""

import keras
import numpy as np
import pytest

from inkbench.training.checkpoints import Checkpoint, TrainingState
from inkbench.training.optimisers import optimiser

RATE = 0.01


def _step(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """A random gradient and Muon's first update for it, in units of the learning rate."""
    gradient = np.random.default_rng(0).normal(size=shape).astype("float32")
    variable = keras.Variable(np.zeros(shape, "float32"))
    optimiser("muon", RATE).apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return gradient, variable.numpy() / RATE


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (1, 1, 16, 8), (20, 8)])
def test_muon_updates_a_kernel_equally_in_all_directions_of_its_gradient(shape):
    gradient, change = _step(shape)
    rows = gradient.size // 8
    lengths = np.linalg.svd(change.reshape(rows, 8), compute_uv=False)
    assert lengths.max() < 2 * lengths.min()  # five rounds of Newton-Schulz: only nearly equal
    assert (gradient * change).sum() < 0
    # The RMS of an update of Adam, 0.2 of the learning rate.
    assert np.sqrt((change**2).mean()) == pytest.approx(0.2, rel=0.2)


@pytest.mark.parametrize("shape", [(8,), (1, 1, 16, 1)], ids=["biases", "a single filter"])
def test_muon_leaves_variables_that_are_not_matrices_to_adam(shape):
    gradient, change = _step(shape)
    assert change == pytest.approx(-np.sign(gradient), rel=1e-3)


def test_muon_resumes_from_a_checkpoint_with_the_same_weights(tmp_path):
    random = np.random.default_rng(0)
    pages = random.random((4, 16, 16, 2), np.float32)
    clean = random.random((4, 16, 16, 1), np.float32)

    def compiled():
        page = keras.Input((16, 16, 2))
        x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(page)
        model = keras.Model(page, keras.layers.Conv2D(1, 3, padding="same")(x))
        schedule = keras.optimizers.schedules.CosineDecay(RATE, 4)
        model.compile(optimiser("muon", schedule), "mse", jit_compile=False)
        return model

    def fit(model, epochs):
        model.fit(pages, clean, batch_size=2, epochs=epochs, shuffle=False, verbose=0)

    keras.utils.set_random_seed(5)
    whole, stopped = compiled(), compiled()
    stopped.set_weights(whole.get_weights())
    fit(whole, 2)
    fit(stopped, 1)
    checkpoint, state = Checkpoint(tmp_path, "same"), TrainingState(epoch=1, history=[{}])
    checkpoint.save(stopped, state)
    resumed = compiled()
    checkpoint.load(resumed, state)
    fit(resumed, 1)
    assert all(map(np.array_equal, whole.get_weights(), resumed.get_weights()))
