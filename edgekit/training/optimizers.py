"""Optimizers by name: Keras' own, but for Adam on TensorFlow: one kernel a variable."""

from __future__ import annotations

from functools import cache
from typing import Any


def optimizer(name: str, learning_rate: Any) -> Any:
    """Return a Keras optimizer with Keras' defaults.

    Args:
        name: One of ``options.OPTIMIZERS``.
        learning_rate: A number, or a schedule as Keras serializes it.
    """
    import keras

    fused = name == "adam" and keras.backend.backend() == "tensorflow"
    # Not keras.optimizers.get, which does not know all of them (Lamb in Keras 3.15).
    kinds = {key.lower(): kind for key, kind in vars(keras.optimizers).items()}
    kind = _fused_adam() if fused else kinds[name]
    return kind.from_config({"learning_rate": learning_rate})


@cache
def _fused_adam() -> Any:
    import keras
    import tensorflow as tf

    class FusedAdam(keras.optimizers.Adam):  # type: ignore[misc]
        """Adam (Kingma and Ba 2014), updated as Keras' is, but for the rounding of float32.

        Keras' update is 20 operations a variable, traced, and run, one by one.
        """

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            """Update one variable and its moments."""
            if not _takes(gradient, variable):
                super().update_step(gradient, variable, learning_rate)
                return
            index, step = self._get_variable_index(variable), self.iterations.value + 1
            powers = [tf.pow(tf.cast(b, tf.float32), tf.cast(step, tf.float32))
                      for b in (self.beta_1, self.beta_2)]  # fmt: skip
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self._momentums[index].value.handle,
                v=self._velocities[index].value.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=tf.cast(learning_rate, tf.float32),
                beta1=self.beta_1,
                beta2=self.beta_2,
                epsilon=self.epsilon,
                grad=gradient,
            )

    def _takes(gradient: Any, variable: Any) -> bool:
        """Whether the kernel does: rows of embeddings, half precision and replicas are Keras'."""
        plain = isinstance(gradient, tf.Tensor) and not tf.distribute.has_strategy()
        return plain and gradient.dtype == variable.dtype == tf.float32

    return FusedAdam
