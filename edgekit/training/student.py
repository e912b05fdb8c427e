"""The model that Keras fits: the one to train, with its losses around it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from edgekit.trace.outputs import leaves
from edgekit.trace.shapes import declared
from edgekit.training.task import Goal


def student(model: Any, goals: Mapping[str, Goal], *, guide: Any = None) -> Any:
    """Wrap a model for fitting; its variables are trained in place, it is never compiled itself.

    Data are ``(inputs, labels[, weights])`` with flat inputs in the order of the model's own, and
    labels by the name of the output.

    Args:
        model: Functional, or one that gives its outputs in the order of ``goals``.
        goals: What each output is trained for, in order.
        guide: A ``Guide``, see ``distillation``.
    """
    return _class()(model, goals, guide)


def mean_loss(goal: Goal, labels: Any, outputs: Any, weights: Any) -> Any:
    """Return the mean of a loss over the samples of a batch, each with its weight."""
    import keras

    if isinstance(goal.loss, keras.losses.Loss):
        return goal.loss(labels, outputs, sample_weight=weights)
    values = keras.ops.convert_to_tensor(goal.loss(labels, outputs))
    if weights is not None and len(values.shape):
        ones = [1] * (len(values.shape) - 1)
        weights = keras.ops.cast(weights, values.dtype)
        values = values * keras.ops.reshape(weights, (-1, *ones))
    return keras.ops.mean(values)


@cache
def _class() -> Any:
    import keras

    class Student(keras.Model):  # type: ignore[misc]
        """Computes loss and metrics from flat outputs."""

        def __init__(self, model: Any, goals: Mapping[str, Goal], guide: Any) -> None:
            super().__init__(name=f"{model.name}_in_training")
            self.student = model
            self._pack = declared(model).pack
            self._goals = dict(goals)
            self._guide = guide
            self._inner = model if guide is None else guide.extended(model)
            several = len(goals) > 1
            self._scored = tuple(
                (place, name, make)
                for place, (name, goal) in enumerate(goals.items())
                for make in (goal.metrics if goal.loss is not None else ())
            )
            self.scores = [make(f"{name}_" * several) for _, name, make in self._scored]
            self.built = True

        def call(self, inputs: Any, training: bool | None = None) -> list[Any]:
            result = self._inner(self._pack(inputs), training=training)
            return [tensor for _, tensor in leaves(result)]

        def compute_loss(
            self,
            x: Any = None,
            y: Any = None,
            y_pred: Any = None,
            sample_weight: Any = None,
            training: bool = True,
        ) -> Any:
            task = self._task(y, y_pred, sample_weight)
            total = (
                task if self._guide is None else self._guide.loss(x, y_pred, sample_weight, task)
            )
            for penalty in self.losses:
                total = total + keras.ops.cast(penalty, total.dtype)
            return total

        def _task(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
            total = keras.ops.zeros(())
            for (name, goal), outputs in zip(self._goals.items(), y_pred, strict=False):
                if goal.loss is not None and y is not None:
                    loss = mean_loss(goal, y[name], outputs, sample_weight)
                    total = total + goal.weight * keras.ops.cast(loss, "float32")
            return total

        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            if y is not None:
                for (place, name, _), metric in zip(self._scored, self.scores, strict=True):
                    metric.update_state(y[name], y_pred[place])
            return self.get_metrics_result()

    return Student
