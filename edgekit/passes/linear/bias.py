"""The mean output of a linear layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.linear.view import Linear
from edgekit.passes.linear.walk import Batches


def mean_outputs(view: Linear, inputs: Batches) -> NDArray[np.float64]:
    """Return the mean of each channel before the layer's activation, over samples and places.

    A layer is linear in its input, so only its mean map is run through it, batch by batch: padding
    and strides are taken into account, and it costs one sample a batch.
    """
    total, count = np.zeros(view.channels), 0
    with _without_activation(view.layer):
        for batch in inputs:
            mean = batch.mean(axis=0, keepdims=True, dtype=np.float64).astype(batch.dtype)
            made = _run(view, mean)
            others = tuple(i for i in range(made.ndim) if i != view.axis(made.ndim))
            weight = len(batch) * made.size // view.channels
            total += made.mean(axis=others, dtype=np.float64) * weight
            count += weight
    return total / max(count, 1)


def _run(view: Linear, inputs: NDArray[Any]) -> NDArray[Any]:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(view.layer(inputs)))


@contextmanager
def _without_activation(layer: Any) -> Iterator[None]:
    import keras

    mine = layer.activation
    layer.activation = keras.activations.linear
    try:
        yield
    finally:
        layer.activation = mine
