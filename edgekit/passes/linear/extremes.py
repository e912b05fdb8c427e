"""Extremes and mean squares of each channel of some activations, over all samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.calibrate.samples import Samples

Array = NDArray[Any]
_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """Of each channel of one activation; ``power`` is the mean of its squares."""

    low: Array
    high: Array
    power: Array
    count: int


def extremes(model: Any, watched: Sequence[tuple[Any, int]], samples: Samples) -> list[Extremes]:
    """Run the samples through a model and return the extremes of some of its tensors, in order.

    Args:
        model: Flat.
        watched: KerasTensors of it, each with its channel axis.
        samples: At least one.
    """
    import keras

    if not watched:
        return []
    names = [str(tensor.name) for tensor in model.inputs]
    watching = keras.Model(model.inputs, [tensor for tensor, _ in watched])
    found: list[Extremes | None] = [None] * len(watched)
    for batch in samples.batches(_BATCH):
        given = [batch.inputs[name] for name in names]
        values = keras.tree.flatten(watching(given, training=False))
        for place, (value, (_, axis)) in enumerate(zip(values, watched, strict=True)):
            found[place] = _wider(found[place], value, axis)
    return [one for one in found if one is not None]


def _wider(known: Extremes | None, value: Any, axis: int) -> Extremes:
    import keras

    array = np.asarray(keras.ops.convert_to_numpy(value))
    others = tuple(i for i in range(array.ndim) if i != axis)
    found = Extremes(
        low=array.min(axis=others), high=array.max(axis=others),
        power=np.square(array, dtype=np.float64).mean(axis=others), count=len(array),
    )  # fmt: skip
    if known is None:
        return found
    count = known.count + found.count
    return Extremes(
        low=np.minimum(found.low, known.low), high=np.maximum(found.high, known.high),
        power=(found.power * found.count + known.power * known.count) / count, count=count,
    )  # fmt: skip
