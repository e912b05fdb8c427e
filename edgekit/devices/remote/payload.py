"""A board's outputs as the numbers that they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact, TensorSpec
from edgekit.devices.remote.protocol import RawArray
from edgekit.errors import DeviceError, one_line
from edgekit.runtimes import feed

Samples = Mapping[str, NDArray[Any]]


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
        return feed.run_batches(artifact.inputs, samples, call)
    except (ValueError, TypeError, StopIteration) as error:
        raise DeviceError(
            f"its outputs are not those of {artifact.path.name}: {one_line(error)}"
        ) from error


def _real(raw: RawArray, spec: TensorSpec) -> NDArray[np.float32]:
    stored = np.frombuffer(raw.data, np.dtype(raw.dtype)).reshape(raw.shape)
    return feed.to_real(stored, spec)
