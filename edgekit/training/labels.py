"""Brings labels into the form that their loss wants."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import TrainingError
from edgekit.training.task import CATEGORICAL, SPARSE, Goal

Array = NDArray[Any]
Shape = tuple[int | None, ...]


def aligned(labels: Array, outputs: Shape, goal: Goal, origin: str) -> Array:
    """Return a batch of labels in the shape and dtype that their loss wants.

    Classes become one-hot rows, and one-hot rows classes, where the loss is the other crossentropy.

    Args:
        labels: A row a sample.
        outputs: Shape of the output, batch first; None is any size.
        goal: Of the output.
        origin: Opens error texts.

    Raises:
        TrainingError: a class is out of range, or the shape fits in no way.
    """
    numbers, rows = fits(labels.shape[1:], outputs[1:-1]), fits(labels.shape[1:], outputs[1:])
    if goal.name in (SPARSE, CATEGORICAL) and (numbers or rows):
        return _classes(labels, outputs, goal, origin=origin, one_hot=not numbers)
    if not rows:
        raise TrainingError(
            f"{origin}: expected labels of shape {outputs[1:]} for {goal.said}, "
            f"got {labels.shape[1:]}; mend the data, or give another loss"
        )
    return _shaped(labels, outputs[1:]).astype(np.float32)


def _classes(labels: Array, outputs: Shape, goal: Goal, *, origin: str, one_hot: bool) -> Array:
    if one_hot and goal.name == CATEGORICAL:
        return _shaped(labels, outputs[1:]).astype(np.float32)
    if one_hot:
        return np.asarray(_shaped(labels, outputs[1:]).argmax(axis=-1), np.int32)
    count = outputs[-1] or 0
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        raise TrainingError(
            f"{origin}: expected classes 0..{count - 1}, got {labels.min():g}..{labels.max():g}; "
            "mend the labels, or give a loss"
        )
    numbers = _shaped(labels, outputs[1:-1]).astype(np.int32)
    return numbers if goal.name == SPARSE else np.eye(count, dtype=np.float32)[numbers]


def fits(shape: Shape, wanted: Shape) -> bool:
    """Whether shapes are the same but for axes of 1; None is any size."""
    own, other = ([n for n in sizes if n != 1] for sizes in (shape, wanted))
    return len(own) == len(other) and all(
        w is None or n == w for n, w in zip(own, other, strict=True)
    )


def _shaped(labels: Array, wanted: Shape) -> Array:
    """Add and remove axes of 1 as wanted."""
    sizes = iter(n for n in labels.shape[1:] if n != 1)
    return labels.reshape(len(labels), *(1 if n == 1 else next(sizes) for n in wanted))
