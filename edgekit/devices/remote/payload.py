"""A board's outputs as the numbers that they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact, TensorSpec
from edgekit.devices.remote.protocol import RawArray
from edgekit.errors import ArtifactError, DeviceError, one_line
from edgekit.runtimes import feed

Samples = Mapping[str, NDArray[Any]]

_NUMBERS = {"bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8",
            "uint16", "uint32", "uint64"}  # fmt: skip


def real_outputs(
    artifact: Artifact, samples: Samples, outputs: Sequence[Sequence[RawArray]]
) -> dict[str, NDArray[np.float32]]:
    """Return real values by output name, a row a sample.

    Raises:
        DeviceError: the board's outputs are not those of the file.
    """
    rest = iter(outputs)

    def call(stored: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        pairs = zip(artifact.outputs, next(rest), strict=True)
        return {spec.name: _real(raw, spec) for spec, raw in pairs}

    try:
        found = feed.run_batches(artifact.inputs, samples, call)
        if (more := len(list(rest))) > 0:
            raise ValueError(f"{more} batches more than were sent")
    except (ValueError, TypeError, OverflowError, StopIteration, ArtifactError) as error:
        raise DeviceError(
            f"its outputs are not those of {artifact.path.name}: {one_line(error)}"
        ) from error
    return found


def _real(raw: RawArray, spec: TensorSpec) -> NDArray[np.float32]:
    if raw.dtype not in _NUMBERS:
        raise ValueError(f"{spec.name}: expected numbers, got dtype {raw.dtype!r}")
    if spec.scale is not None and raw.dtype != spec.dtype:
        raise ValueError(f"{spec.name}: expected {spec.dtype}, got {raw.dtype}")
    stored = np.frombuffer(raw.data, np.dtype(raw.dtype)).reshape(raw.shape)
    with np.errstate(over="ignore"):  # of float64, what float32 cannot hold is infinite
        return feed.to_real(stored, spec)
