"""The least and the largest value of each channel of some activations, over all samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.calibrate.samples import Samples
from edgekit.passes.graph import Graph, Node

Array = NDArray[Any]
_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """Of each channel of one activation."""

    low: Array
    high: Array


def extremes(graph: Graph, axes: Mapping[Node, int], samples: Samples) -> dict[Node, Extremes]:
    """Run the samples through a model and return the extremes of some calls' first outputs.

    Args:
        graph: Of the model.
        axes: The channel axis of each.
        samples: At least one.
    """
    import keras

    watched = list(axes)
    names = [str(tensor.name) for tensor in graph.model.inputs]
    model = keras.Model(graph.model.inputs, [node.output for node in watched])
    found: dict[Node, Extremes] = {}
    for batch in samples.batches(_BATCH):
        values = model([batch.inputs[name] for name in names], training=False)
        for node, value in zip(watched, values, strict=True):
            found[node] = _wider(found.get(node), value, axes[node])
    return found


def _wider(known: Extremes | None, value: Any, axis: int) -> Extremes:
    import keras

    array = np.asarray(keras.ops.convert_to_numpy(value))
    others = tuple(i for i in range(array.ndim) if i != axis)
    low, high = array.min(axis=others), array.max(axis=others)
    if known is None:
        return Extremes(low=low, high=high)
    return Extremes(low=np.minimum(low, known.low), high=np.maximum(high, known.high))
