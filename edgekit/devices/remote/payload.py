"""A board's outputs as the numbers that they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.devices.remote.protocol import RawArray
from edgekit.devices.stored import Samples, real_rows

_NUMBERS = {"bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8",
            "uint16", "uint32", "uint64"}  # fmt: skip


def real_outputs(
    artifact: Artifact, samples: Samples, outputs: Sequence[Sequence[RawArray]]
) -> dict[str, NDArray[np.float32]]:
    """Return real values by output name, a row a sample.

    Raises:
        DeviceError: the board's outputs are not those of the file.
    """

    def batches() -> Iterator[list[NDArray[Any]]]:
        for batch in outputs:
            yield [_stored(raw) for raw in batch]

    return real_rows(artifact, samples, batches())


def _stored(raw: RawArray) -> NDArray[Any]:
    if raw.dtype not in _NUMBERS:
        raise ValueError(f"expected numbers, got dtype {raw.dtype!r}")
    return np.frombuffer(raw.data, np.dtype(raw.dtype)).reshape(raw.shape)
