"""A board's outputs as the numbers that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.devices.remote.protocol import RawArray
from edgekit.devices.stored import Samples, real_rows


def real_outputs(
    artifact: Artifact, samples: Samples, outputs: Sequence[Sequence[RawArray]]
) -> dict[str, NDArray[np.float32]]:
    """Return real values by output name, a row a sample.

    Raises:
        DeviceError: the board's outputs are not those of the file.
    """
    return real_rows(artifact, samples, ([_stored(raw) for raw in batch] for batch in outputs))


def _stored(raw: RawArray) -> NDArray[Any]:
    return np.frombuffer(raw.data, np.dtype(raw.dtype)).reshape(raw.shape)
