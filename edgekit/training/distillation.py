"""Learning from a teacher model: its outputs, and what its layers give on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from edgekit.errors import OptionError, TrainingError
from edgekit.trace.outputs import leaves
from edgekit.trace.shapes import declared
from edgekit.training.divergence import divergence, squared_error
from edgekit.training.ports import ports
from edgekit.training.task import Goal, Kind, meaning


@dataclass(frozen=True, kw_only=True, eq=False)
class Distillation:
    """What to learn from a teacher, beside the labels.

    loss = weight * (T^2 KL(teacher || student) at temperature T + features) + (1 - weight) * task
    (Hinton, Vinyals and Dean 2015). Outputs that are plain numbers, and features, are compared by
    their mean squared error.

    Args:
        teacher: Runs in inference mode; nothing of it changes.
        temperature: T; higher ones show more of how the teacher ranks wrong classes.
        weight: Share of the teacher, in [0, 1]; with 1 no labels are needed.
        features: Layers of the student, each with the layer of the teacher whose output it learns.
    """

    teacher: Any
    temperature: float = 4.0
    weight: float = 0.9
    features: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse numbers out of range.

        Raises:
            OptionError: temperature or weight are.
        """
        check_numbers(self.temperature, self.weight)


def check_numbers(temperature: float, weight: float) -> None:
    """Refuse what nothing can be distilled with.

    Raises:
        OptionError: a number is out of range.
    """
    if not 0 < temperature < math.inf:
        raise OptionError(f"temperature: expected a positive number, got {temperature}")
    if not 0 <= weight <= 1:
        raise OptionError(f"weight: expected a share in [0, 1], got {weight}")


class Guide:
    """A teacher beside a student of the same inputs and outputs.

    Args:
        lesson: What to learn.
        goals: Of each output, in order.
        example: Arrays of some samples, in the order of the inputs.

    Raises:
        TrainingError: the teacher has other outputs, or a layer to learn from is not there.
    """

    def __init__(
        self, lesson: Distillation, goals: Mapping[str, Goal], example: Sequence[NDArray[Any]]
    ) -> None:
        self._lesson, self._goals = lesson, tuple(goals.values())
        self._pack = declared(lesson.teacher).pack
        self._teacher = with_layers(lesson.teacher, tuple(lesson.features.values()))
        self._kinds = self._meanings(example)

    def extended(self, student: Any) -> Any:
        """Return a model that gives the student's outputs, and then its layers' to compare.

        Raises:
            TrainingError: a layer is not there, or gives another shape than the teacher's.
        """
        wrapped = with_layers(student, tuple(self._lesson.features))
        if not self._lesson.features:
            return wrapped
        count = len(self._goals)
        pairs = zip(wrapped.outputs[count:], self._teacher.outputs[count:], strict=True)
        for (ours, theirs), (own, other) in zip(self._lesson.features.items(), pairs, strict=True):
            if own.shape != other.shape:
                raise TrainingError(
                    f"features: expected {ours!r} to give what {theirs!r} of the teacher gives, "
                    f"{other.shape}, got {own.shape}; name layers of the same shape"
                )
        return wrapped

    def loss(self, x: Any, outputs: Sequence[Any], weights: Any, task: Any) -> Any:
        """Return the whole loss.

        Args:
            x: Inputs, flat.
            outputs: Of the student's extended model, flat.
            weights: Of the samples, or None.
            task: Loss against the labels.
        """
        from keras import ops

        taught = [ops.stop_gradient(tensor) for tensor in self._run(x)]
        total: Any = 0.0
        for teacher, student, kinds, goal in zip(
            taught, outputs, self._kinds, self._goals, strict=False
        ):
            far = divergence(teacher, student, kinds, self._lesson.temperature)
            total = total + goal.weight * _mean(far, weights)
        count = len(self._goals)
        for teacher, student in zip(taught[count:], outputs[count:], strict=True):
            total = total + _mean(squared_error(teacher, student), weights)
        return self._lesson.weight * total + (1 - self._lesson.weight) * task

    def _run(self, x: Any) -> list[Any]:
        result = self._teacher(self._pack(x), training=False)
        return [tensor for _, tensor in leaves(result)]

    def _meanings(self, example: Sequence[NDArray[Any]]) -> tuple[tuple[Kind, Kind], ...]:
        found = ports(self._lesson.teacher, example)
        if len(found.outputs) != len(self._goals):
            raise TrainingError(
                f"expected a teacher with {len(self._goals)} outputs, got one with "
                f"{len(found.outputs)}; give one that has the student's"
            )
        given = zip(self._goals, found.outputs.items(), strict=True)
        return tuple(
            (meaning(array, goal.name, found.ends.get(name, "")), goal.kind)
            for goal, (name, array) in given
        )


def _mean(values: Any, weights: Any) -> Any:
    from keras import ops

    if weights is not None:
        values = values * ops.cast(weights, values.dtype)
    return ops.mean(values)


def with_layers(model: Any, names: Sequence[str]) -> Any:
    """Return a model of the same layers that gives its outputs, flat, and then those of layers.

    Raises:
        TrainingError: there is no such layer, or the model has no graph.
    """
    import keras

    if not names:
        return model
    inner = getattr(model, "_functional", None) or model
    if not hasattr(inner, "_nodes_by_depth"):
        raise TrainingError(
            f"features: expected a functional model, {model.name!r} is subclassed; leave features "
            "out, or build it with keras.Model(inputs, outputs)"
        )
    given = {
        node.operation.name: node.output_tensors[0]
        for depth in sorted(inner._nodes_by_depth, reverse=True)
        for node in inner._nodes_by_depth[depth]
    }
    if missing := [name for name in names if name not in given]:
        raise TrainingError(
            f"features: expected a layer of {model.name!r}, got {missing[0]!r}; its layers: "
            f"{', '.join(given)}"
        )
    outputs = [tensor for _, tensor in leaves(inner._outputs_struct)]
    return keras.Model(inner._inputs_struct, [*outputs, *(given[name] for name in names)])
