"""A batch trained in two halves side by side: a small kernel keeps one core busy, seldom two."""

import keras
import tensorflow as tf


class InHalves(keras.Model):
    """A functional model that trains on both halves of a batch at the same time.

    TensorFlow runs whatever does not depend on each other in threads of its own: here that is the
    halves, so a kernel is left half of the cores (`inkbench.hardware`). The gradient is that of the
    whole batch; only batch normalisation takes its mean and variance from a half. The middle one of
    an odd batch is in both.
    """

    def train_step(self, batch):
        inputs, targets, _ = keras.utils.unpack_x_y_sample_weight(batch)
        size = tf.shape(inputs)[0]
        half = (size + 1) // 2
        with tf.GradientTape() as tape:
            losses = [
                self._loss(inputs[part], targets[part])
                for part in (slice(half), slice(size - half, size))
            ]
            loss = tf.add_n(losses) / 2
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        mean_loss, *_ = self.metrics
        mean_loss.update_state(loss, sample_weight=size)
        return self.get_metrics_result()

    def _loss(self, inputs, targets):
        outputs = self(inputs, training=True)
        self.compute_metrics(inputs, targets, outputs)
        return self.compute_loss(inputs, targets, outputs)
