"""What a convolution reads to make some of its output places. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.linear.layout import Layout

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Window:
    """How a window moves, dimension by dimension; dense layers have one of size 1 everywhere."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: str = "valid"
    transposed: bool = False

    def sources(self, dimension: int, places: Array, sizes: tuple[int, int]) -> tuple[Array, Array]:
        """Return what the output places of a dimension read: (indices, which of them exist).

        Both are of shape (places, window). An output place p reads p * stride + tap * dilation -
        pad; a transposed convolution is the other way round.

        Args:
            dimension: Which.
            places: Places in the output.
            sizes: Of the input and of the output, along the dimension.
        """
        size, stride = self.sizes[dimension], self.strides[dimension]
        taps = np.arange(size) * self.dilations[dimension]
        if self.transposed:
            lifted = places[:, None] + self._pad(size, stride, taps[-1], sizes[::-1]) - taps
            indices, rest = np.divmod(lifted, stride)
            exist = (rest == 0) & (indices >= 0) & (indices < sizes[0])
        else:
            pad = self._pad(size, stride, taps[-1], sizes)
            indices = places[:, None] * stride + taps - pad
            exist = (indices >= 0) & (indices < sizes[0])
        return np.where(exist, indices, 0), exist

    def _pad(self, size: int, stride: int, reach: int, sizes: tuple[int, int]) -> int:
        if self.padding == "causal":
            return reach
        if self.padding != "same":
            return 0
        return max((sizes[1] - 1) * stride + reach + 1 - sizes[0], 0) // 2


def gather(inputs: Array, places: Array, window: Window, outputs: Sequence[int]) -> Array:
    """Return what the window reads at some places, zeros where it hangs over the edge.

    Args:
        inputs: (samples, *spatial, channels).
        places: (n, 1 + dimensions): a sample, and a place of the output.
        window: Of as many dimensions as there are spatial ones.
        outputs: Size of the output along each of them.

    Returns:
        (n, taps, channels).
    """
    count, dimensions = len(places), inputs.ndim - 2
    indices: list[Array] = [places[:, 0].reshape(-1, *(1,) * dimensions)]
    there = np.ones((count, *(1,) * dimensions), bool)
    for d in range(dimensions):
        sizes = (inputs.shape[1 + d], int(outputs[d]))
        found, exist = window.sources(d, places[:, 1 + d], sizes)
        shape = (count, *(found.shape[1] if e == d else 1 for e in range(dimensions)))
        indices.append(found.reshape(shape))
        there = there & exist.reshape(shape)
    read = inputs[tuple(indices)] * there[..., None]
    return np.asarray(read.reshape(count, -1, inputs.shape[-1]))


def rows(layout: Layout, patches: Array) -> Array:
    """Return patches (n, taps, channels) as a kernel's canonical form takes them.

    Returns:
        (groups, n, taps * inputs): its matrix product with the canonical form is the output.
    """
    count = len(patches)
    split = patches.reshape(count, -1, layout.groups, layout.inputs)
    return np.ascontiguousarray(split.transpose(2, 0, 1, 3)).reshape(layout.groups, count, -1)


def channels(products: Array) -> Array:
    """Return products (groups, n, outputs) as (n, channels)."""
    return products.transpose(1, 0, 2).reshape(products.shape[1], -1)


def window_of(layer: Any, layout: Layout, dimensions: int) -> Window:
    """Return the window that a Keras layer moves over so many spatial dimensions."""
    if layout.form == "dense":
        ones = (1,) * dimensions
        return Window(sizes=ones, strides=ones, dilations=ones)
    return Window(
        sizes=layout.window,
        strides=tuple(layer.strides),
        dilations=tuple(layer.dilation_rate),
        padding=layer.padding,
        transposed=layout.form == "transposed",
    )
