"""Train on both halves of a batch at the same time: one small operation cannot fill two cores."""

import keras
import tensorflow as tf


class SplitBatchModel(keras.Model):
    """A functional model whose training step processes both halves of a batch at a time.

    TensorFlow runs independent operations in parallel threads; here those are the two halves, with
    one thread per kernel (`inkbench.training.runtime`). The gradient is that of the whole batch;
    only batch normalisation computes its statistics per half. The middle example of an odd batch
    is in both halves.
    """

    def train_step(self, batch):
        inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
        size = tf.shape(inputs)[0]
        half = (size + 1) // 2
        with tf.GradientTape() as tape:
            losses = [
                self._loss(inputs[part], targets[part], None if weights is None else weights[part])
                for part in (slice(half), slice(size - half, size))
            ]
            loss = tf.add_n(losses) / 2
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        mean_loss, *_ = self.metrics
        mean_loss.update_state(loss, sample_weight=size)
        return self.get_metrics_result()

    def _loss(self, inputs, targets, weights):
        outputs = self(inputs, training=True)
        self.compute_metrics(inputs, targets, outputs)
        return self.compute_loss(inputs, targets, outputs, weights)
