"""Samples as a file's inputs store them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.runtimes import feed

Samples = Mapping[str, NDArray[Any]]


def stored_batches(artifact: Artifact, samples: Samples) -> list[list[NDArray[Any]]]:
    """Return what each batch's inputs store, in the file's order.

    Raises:
        DataError: the samples do not fit the inputs.
    """
    batches: list[list[NDArray[Any]]] = []

    def keep(stored: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        batches.append([np.ascontiguousarray(stored[spec.name]) for spec in artifact.inputs])
        return {}

    feed.run_batches(artifact.inputs, samples, keep)
    return batches
