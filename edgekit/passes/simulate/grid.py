"""The grids that integers stand for: of weights, and of activations. Pure numpy."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]
Activations = Literal["int8", "int16"]
LEAST_STEP = 1e-9


def weight_levels(bits: int, *, reduce_range: bool = False) -> int:
    """Return the largest integer of a symmetric narrow range: 127 for int8, 7 for int4.

    With ``reduce_range`` 64: ONNX Runtime spreads a symmetric 7-bit range over -64 to 64.
    """
    return 64 if reduce_range and bits == 8 else 2 ** (bits - 1) - 1


def steps(weights: NDArray[Any], axes: tuple[int, ...], levels: int) -> NDArray[np.float32]:
    """Return the step of each channel, max |w| / levels over ``axes``, which stay with size 1."""
    largest = np.abs(weights).max(axis=axes, keepdims=True)
    return np.asarray(np.maximum(largest / levels, LEAST_STEP), np.float32)


def baked(weights: NDArray[Any], axes: tuple[int, ...], levels: int) -> NDArray[np.float32]:
    """Return weights rounded onto their grid, half to even.

    The largest of each channel stays where it is, so that whoever takes the step from the rounded
    weights gets the same one, and rounding them again changes nothing.
    """
    step = steps(weights, axes, levels)
    return np.asarray(np.clip(np.rint(weights / step), -levels, levels) * step, np.float32)


def representable(low: float, high: float, activations: Activations = "int8") -> Range:
    """Move a range so that 0 falls on one of its levels exactly.

    int8: 256 levels, scale = (high - low) / 255, zero point = round(-low / scale): Jacob et al.
    2018, section 3. int16: symmetric, scale = max(-low, high) / 32767.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if activations == "int16":
        most = max(-low, high, LEAST_STEP * 32767)
        return -most, most
    scale = max((high - low) / 255, LEAST_STEP)
    zero = float(np.clip(np.rint(-low / scale), 0, 255))
    return -zero * scale, (255 - zero) * scale


def activation_step(limits: Range, activations: Activations = "int8") -> float:
    """Return the step of a representable range."""
    return (limits[1] - limits[0]) / (255 if activations == "int8" else 65534)
