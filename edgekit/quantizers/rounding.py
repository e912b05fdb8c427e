"""What rounding weights to integers does to a layer's output, and how its bias makes up for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Correction:
    """One layer: its bias moved by at most ``largest`` (unit: its output), or why it did not."""

    layer: str
    largest: float
    skipped: str | None = None


def on_grid(
    weights: NDArray[np.float32], axis: int | None, *, top: int = 127
) -> NDArray[np.float32]:
    """Round weights to the symmetric integer grid -top..top.

    The scale is max|w| / top, of each channel along ``axis`` or of the whole tensor where ``axis``
    is None. 127 is the narrow range of the LiteRT 8-bit quantization specification, 64 ONNX
    Runtime's reduced range. Shape and dtype are kept.
    """
    others = None if axis is None else tuple(i for i in range(weights.ndim) if i != axis)
    scale = np.max(np.abs(weights), axis=others, keepdims=True) / top
    scale = np.where(scale > 0, scale, 1.0)
    return (np.clip(np.round(weights / scale), -top, top) * scale).astype(np.float32)


def on_best_grid(
    weights: NDArray[np.float32], axis: int, *, top: int, steps: int = 40
) -> NDArray[np.float32]:
    """Round weights to the symmetric grid whose scale, of each channel, loses least.

    Of ``steps`` clips from the largest magnitude down to 40 % of it, the one of the smallest
    squared error. The largest rounded magnitude is always ``top`` steps, so that a min-max
    quantizer finds the same grid again.
    """
    others = tuple(i for i in range(weights.ndim) if i != axis)
    largest = np.max(np.abs(weights), axis=others, keepdims=True)
    best = on_grid(weights, axis, top=top)
    least = np.square(weights - best).sum(axis=others, keepdims=True)
    for share in np.linspace(1.0, 0.4, steps)[1:]:
        scale = np.where(largest > 0, largest * share / top, 1.0)
        rounded = np.clip(np.round(weights / scale), -top, top) * scale
        error = np.square(weights - rounded).sum(axis=others, keepdims=True)
        best = np.where(error < least, rounded, best)
        least = np.minimum(error, least)
    return best.astype(np.float32)


def bias_shift(output_error: NDArray[Any], axis: int = -1) -> NDArray[np.float32]:
    """Return what to add to a bias so that the mean output of each channel stays what it was.

    E[y] - E[y_q] = E[(W - W_q) x] (Nagel et al. 2019, eq. 17). A layer is linear in x, so
    ``output_error`` is the layer's output for the mean input with the weights W - W_q and no bias;
    it is averaged over every axis but ``axis``.
    """
    others = tuple(i for i in range(output_error.ndim) if i != axis % output_error.ndim)
    return np.asarray(output_error.mean(axis=others, dtype=np.float64), np.float32)
