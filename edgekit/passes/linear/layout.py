"""Every kernel as a stack of matrices, and what can be said and done about it there. Pure numpy.

The canonical form of a kernel is an array ``(groups, taps * inputs, outputs)``: a layer's output
channel ``g * outputs + o`` is made from the input channels ``g * inputs + i`` of its group, at
several taps (places of the window), which run slower than the inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Form = Literal["dense", "convolution", "transposed", "depthwise"]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a kernel of ``shape`` lies in memory; ``inputs`` and ``outputs`` are those of a group."""

    form: Form
    shape: tuple[int, ...]
    groups: int = 1

    @property
    def window(self) -> tuple[int, ...]:
        """The size of the window; empty for dense layers."""
        return self.shape[:-2]

    @property
    def taps(self) -> int:
        """Places of the window."""
        return int(np.prod(self.window, dtype=int))

    @property
    def inputs(self) -> int:
        """Input channels a group."""
        if self.form == "depthwise":
            return 1
        return self.shape[-1] if self.form == "transposed" else self.shape[-2]

    @property
    def outputs(self) -> int:
        """Output channels a group."""
        last = self.shape[-2] if self.form == "transposed" else self.shape[-1]
        return last if self.form == "depthwise" else last // self.groups

    def pack(self, kernel: Array) -> Array:
        """Return the canonical form, as float64."""
        taps = np.asarray(kernel, np.float64).reshape(self.taps, *self.shape[-2:])
        if self.form == "depthwise":
            return taps.transpose(1, 0, 2)
        if self.form == "transposed":
            taps = taps.transpose(0, 2, 1)
        rows = taps.reshape(self.taps * self.inputs, self.groups, self.outputs)
        return rows.transpose(1, 0, 2)

    def unpack(self, matrices: Array) -> Array:
        """Return the kernel that ``pack`` took."""
        if self.form == "depthwise":
            taps = matrices.transpose(1, 0, 2)
        else:
            rows = matrices.transpose(1, 0, 2)
            taps = rows.reshape(self.taps, self.inputs, self.groups * self.outputs)
            taps = taps.transpose(0, 2, 1) if self.form == "transposed" else taps
        return np.ascontiguousarray(taps, np.float32).reshape(self.shape)


def depthwise(shape: tuple[int, ...]) -> Layout:
    """Return the layout of a depthwise kernel: each input channel is a group."""
    return Layout(form="depthwise", shape=shape, groups=shape[-2])


def scale_outputs(layout: Layout, matrices: Array, factors: Array) -> Array:
    """Multiply each output channel by its factor."""
    return np.asarray(matrices * factors.reshape(layout.groups, 1, layout.outputs))


def scale_inputs(layout: Layout, matrices: Array, factors: Array) -> Array:
    """Multiply what each input channel is weighted with by its factor."""
    rows = np.tile(factors.reshape(layout.groups, 1, layout.inputs), (1, layout.taps, 1))
    return np.asarray(matrices * rows.reshape(layout.groups, -1, 1))


def output_ranges(matrices: Array) -> Array:
    """Return max |w| of each output channel."""
    return np.asarray(np.abs(matrices).max(axis=1).ravel())


def input_ranges(layout: Layout, matrices: Array) -> Array:
    """Return max |w| of each input channel."""
    taps = np.abs(matrices).max(axis=2).reshape(layout.groups, layout.taps, layout.inputs)
    return np.asarray(taps.max(axis=1).ravel())


def response(layout: Layout, matrices: Array, constants: Array) -> Array:
    """Return the output of each channel where every input channel is constant, and unpadded."""
    rows = np.tile(constants.reshape(layout.groups, 1, layout.inputs), (1, layout.taps, 1))
    return np.asarray(np.einsum("gk,gko->go", rows.reshape(layout.groups, -1), matrices).ravel())
