"""Which integers a TFLite tensor stands on."""

from __future__ import annotations

from typing import Any

from edgekit.auditing.flatbuffer import Budget
from edgekit.auditing.program import Grid


def scales(schema: Any, quantization: Any) -> int:
    """Return how many scales a tensor has; 2 for one a block, which is finer than a channel."""
    if quantization is None:
        return 0
    details = quantization.Details()
    if details is not None and quantization.DetailsType() == getattr(
        schema.QuantizationDetails, "BlockwiseQuantization", -1
    ):
        return 2
    return 0 if quantization.ScaleIsNone() else int(quantization.ScaleAsNumpy().size)


def grid(quantization: Any, budget: Budget) -> Grid | None:
    """Return scales and zero points that a tensor carries; None for blocks and for none.

    Raises:
        ArtifactError: tensors share more of them than the file's size can hold.
    """
    if quantization is None or quantization.Details() is not None or quantization.ScaleIsNone():
        return None
    sizes = quantization.ScaleAsNumpy()
    points = () if quantization.ZeroPointIsNone() else quantization.ZeroPointAsNumpy()
    budget.spend(len(sizes) + len(points))
    return Grid(
        scales=tuple(map(float, sizes)),
        zero_points=tuple(map(int, points)),
        axis=quantization.QuantizedDimension(),
    )
