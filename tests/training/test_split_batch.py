"""A training step on two half-batches equals a step on the whole batch."""

import keras
import numpy as np
import pytest

from inkbench.models.common.layers import GaussianCode
from inkbench.training.split_batch import SplitBatchModel

RNG = np.random.default_rng(3)


def _network() -> keras.Model:
    """A network with all kinds of loss: a target, a weight penalty and a KL divergence."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6,))
    x = keras.layers.Dense(4, "tanh", kernel_regularizer=keras.regularizers.L2(0.1))(inputs)
    log_var = keras.layers.Dense(4, bias_initializer=keras.initializers.Constant(-50.0))(x)
    x = GaussianCode(seed=0)([x, log_var])  # hardly any variance, so the sample is the mean
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def _compiled(kind: type[keras.Model]) -> keras.Model:
    network = _network()
    model = network if kind is keras.Model else kind(network.input, network.output)
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model


def _assert_close(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for mine, wanted in zip(actual, expected, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-4, atol=1e-5)


def _step(kind: type[keras.Model], inputs: np.ndarray, targets: np.ndarray):
    """Weights after one step of gradient descent, and the reported metrics."""
    model = _compiled(kind)
    metrics = model.train_on_batch(inputs, targets, return_dict=True)
    return model.get_weights(), metrics


def test_train_step_has_the_gradient_loss_and_metrics_of_the_whole_batch():
    inputs, targets = RNG.random((8, 6)), RNG.random((8, 2))
    expected, plain = _step(keras.Model, inputs, targets)
    weights, halved = _step(SplitBatchModel, inputs, targets)
    _assert_close(weights, expected)
    assert halved == pytest.approx(plain, rel=1e-5)


def test_train_step_puts_the_middle_of_an_odd_batch_in_both_halves():
    inputs, targets = RNG.random((3, 6)), RNG.random((3, 2))
    weights, _ = _step(SplitBatchModel, inputs, targets)
    expected, _ = _step(SplitBatchModel, inputs[[0, 1, 1, 2]], targets[[0, 1, 1, 2]])
    _assert_close(weights, expected)


def test_train_step_weighs_examples():
    inputs, targets = RNG.random((4, 6)), RNG.random((4, 2))
    expected, actual = (_compiled(kind) for kind in (keras.Model, SplitBatchModel))
    for model in (expected, actual):
        model.train_on_batch(inputs, targets, sample_weight=np.array([1, 5, 1, 2]))
    _assert_close(actual.get_weights(), expected.get_weights())


def test_train_step_accepts_a_batch_of_one():
    weights, metrics = _step(SplitBatchModel, RNG.random((1, 6)), RNG.random((1, 2)))
    assert np.isfinite(metrics["loss"])
    assert all(np.isfinite(part).all() for part in weights)


def test_epoch_loss_weights_a_short_last_batch_by_its_size():
    inputs, targets, losses = RNG.random((12, 6)), RNG.random((12, 2)), []
    for kind in (keras.Model, SplitBatchModel):
        model = _compiled(kind)
        history = model.fit(inputs, targets, batch_size=8, shuffle=False, verbose=0).history
        losses.append(history["loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
