"""Which integers each tensor stands on, in files that say it by operators of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.auditing.constants import Constants
from edgekit.auditing.flow import Flow, plain
from edgekit.auditing.program import BITS, QUANTIZED, Grid, Node, Value
from edgekit.inspection.graph import GridFacts

_MOST_NUMBERS = 4_000_000


def grids(flow: Flow, constants: Constants) -> dict[str, Grid]:
    """Return the grid of each tensor that has one, by key.

    Of files in which operators share huge scales, only as many are looked at as cost little.
    """
    values = flow.program.values
    told = {key: value.grid for key, value in values.items() if value.grid and value.grid.scales}
    reader = _Grids(flow, constants, told)
    for node in flow.program.nodes if flow.program.simulated else ():
        kind = plain(node.kind)
        if kind in ("QuantizeLinear", "DequantizeLinear"):
            reader.linear(node)
        elif kind == "FakeQuantize":
            reader.fake(node)
        elif kind == "Multiply" and all(key in flow.stored for key in node.outputs):
            reader.scaled(node)
    return reader.found


@dataclass
class _Grids:
    """Collects grids; ``left`` is how many numbers may still be read for them."""

    flow: Flow
    constants: Constants
    found: dict[str, Grid]
    left: int = _MOST_NUMBERS

    def linear(self, node: Node) -> None:
        scales = self._numbers(node.inputs[1] if len(node.inputs) > 1 else "")
        points = self._numbers(node.inputs[2] if len(node.inputs) > 2 else "")
        if scales is None or not node.outputs:
            return
        integers = node.outputs[0] if plain(node.kind) == "QuantizeLinear" else node.inputs[0]
        grid = _grid(scales, points, self.flow.program.values.get(integers))
        self.found[integers] = grid
        self.found.setdefault(node.outputs[0], grid)

    def fake(self, node: Node) -> None:
        if len(node.inputs) < 5 or not node.levels or node.levels < 2 or not node.outputs:
            return
        low, high = (self._numbers(node.inputs[at]) for at in (3, 4))
        if low is None or high is None or low.size != high.size:
            return
        scales = (high - low) / (node.levels - 1)
        points = np.where(scales > 0, np.round(-low / np.where(scales > 0, scales, 1)), 0)
        self.found[node.outputs[0]] = Grid(
            scales=tuple(scales.tolist()), zero_points=_whole(points), axis=-1
        )

    def scaled(self, node: Node) -> None:
        """Weights of OpenVINO: integers that a constant operator multiplies by their scales."""
        held = self.flow.stored[node.outputs[0]] if node.outputs else None
        if held is None or held.dtype not in QUANTIZED or len(held.keys) != 1:
            return
        scales = self._numbers(node.inputs[1] if len(node.inputs) > 1 else "")
        if scales is not None:
            values = self.flow.program.values
            self.found[held.keys[0]] = _grid(scales, None, values.get(held.keys[0]))

    def _numbers(self, key: str) -> NDArray[Any] | None:
        value = self.flow.program.values.get(key)
        if value is None or not 0 < value.elements <= self.left:
            return None
        self.left -= value.elements
        found = self.constants.array(key)
        if found is None or not np.all(np.isfinite(found.astype(np.float64))):
            return None
        return found.reshape(-1).astype(np.float64)


def _whole(points: NDArray[Any]) -> tuple[int, ...]:
    return tuple(int(point) for point in points)


def _grid(scales: NDArray[Any], points: NDArray[Any] | None, integers: Value | None) -> Grid:
    """Return a grid; its axis is -1 where several axes have as many places as there are scales."""
    shape = integers.shape if integers and integers.shape else ()
    fitting = [axis for axis, size in enumerate(shape) if size == scales.size]
    return Grid(
        scales=tuple(scales.tolist()),
        zero_points=() if points is None else _whole(points),
        axis=fitting[0] if len(fitting) == 1 or (scales.size == 1 and fitting) else -1,
    )


def summed_up(grid: Grid, value: Value, levels: int | None) -> GridFacts:
    """Return what views show of a grid. ``levels`` counts the steps of a simulated one."""
    points, several = grid.zero_points, len(grid.scales) > 1
    low, high = _ends(grid, value, levels)
    return GridFacts(
        scales=len(grid.scales),
        scale_low=min(grid.scales),
        scale_high=max(grid.scales),
        zero_low=min(points) if points else 0,
        zero_high=max(points) if points else 0,
        axis=grid.axis if several and grid.axis >= 0 else None,
        low=low,
        high=high,
    )


def _ends(grid: Grid, value: Value, levels: int | None) -> tuple[float | None, float | None]:
    bits = BITS.get(value.dtype, 0)
    if levels is not None:
        lowest, highest = 0, levels - 1
    elif value.dtype in QUANTIZED:
        lowest = 0 if value.dtype.startswith("u") else -(2 ** (bits - 1))
        highest = lowest + 2**bits - 1
    else:
        return None, None
    scales = np.array(grid.scales)
    points = np.zeros(1) if not grid.zero_points else np.array(grid.zero_points, float)
    if points.size not in (1, scales.size):
        return None, None
    return float(np.min(scales * (lowest - points))), float(np.max(scales * (highest - points)))
