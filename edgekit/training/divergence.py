"""How far a student's outputs are from its teacher's."""

from __future__ import annotations

from typing import Any

from edgekit.training.task import Kind

LEAST = 1e-30  # float32 holds its inverse too, so that gradients stay finite
NEAR = 1e-7


def logits_of(outputs: Any, kind: Kind) -> Any:
    """Return logits for outputs that are logits or probabilities, in float32.

    For a distribution p over the last axis they are log p, which softmax turns back into p; for a
    yes-or-no probability log p - log (1 - p).
    """
    from keras import ops

    outputs = ops.cast(outputs, "float32")
    if kind == "probabilities":
        return ops.log(ops.maximum(outputs, LEAST))
    if kind == "yes-no":
        p = ops.clip(outputs, NEAR, 1 - NEAR)
        return ops.log(p) - ops.log(1 - p)
    return outputs


def soft_divergence(teacher: Any, student: Any, temperature: float) -> Any:
    """Return T^2 KL(softmax(teacher / T) || softmax(student / T)), the mean over all places.

    Hinton, Vinyals and Dean 2015, section 2: softened by the temperature T, equation 1, and times
    T^2, so that gradients keep their size whatever T is.

    Args:
        teacher: Logits, shape ``(n, ..., classes)``.
        student: Logits of the same shape.
        temperature: Positive.

    Returns:
        Shape ``(n,)``; each at least 0.
    """
    from keras import ops

    wanted = ops.log_softmax(teacher / temperature, axis=-1)
    given = ops.log_softmax(student / temperature, axis=-1)
    divergence = ops.sum(ops.exp(wanted) * (wanted - given), axis=-1)
    return temperature**2 * by_sample(divergence)


def yes_no_divergence(teacher: Any, student: Any, temperature: float) -> Any:
    """Return the same for yes-or-no logits: each is a distribution over two classes.

    Returns:
        Shape ``(n,)``; each at least 0.
    """
    from keras import ops

    z, s = teacher / temperature, student / temperature
    p = ops.sigmoid(z)
    yes = ops.log_sigmoid(z) - ops.log_sigmoid(s)
    no = ops.log_sigmoid(-z) - ops.log_sigmoid(-s)
    return temperature**2 * by_sample(p * yes + (1 - p) * no)


def squared_error(teacher: Any, student: Any) -> Any:
    """Return the mean squared difference, shape ``(n,)``."""
    from keras import ops

    return by_sample(ops.square(ops.cast(teacher, "float32") - ops.cast(student, "float32")))


def by_sample(values: Any) -> Any:
    """Return the mean over all axes but the first."""
    from keras import ops

    axes = tuple(range(1, len(values.shape)))
    return ops.mean(values, axis=axes) if axes else values


def divergence(teacher: Any, student: Any, kinds: tuple[Kind, Kind], temperature: float) -> Any:
    """Return how far outputs are from a teacher's, by what both mean; shape ``(n,)``.

    Args:
        teacher: Outputs.
        student: Outputs of the same shape.
        kinds: What the teacher's mean, and what the student's mean.
        temperature: Positive.
    """
    if kinds[0] == "values" or kinds[1] == "values":
        return squared_error(teacher, student)
    compare = yes_no_divergence if kinds[1].startswith("yes-no") else soft_divergence
    return compare(logits_of(teacher, kinds[0]), logits_of(student, kinds[1]), temperature)
