"""Samples as a file's inputs store them, and real values from what its outputs store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.errors import DeviceError, one_line
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


def real_rows(
    artifact: Artifact, samples: Samples, batches: Iterable[Sequence[NDArray[Any]]]
) -> dict[str, NDArray[np.float32]]:
    """Return real values by output name, a row a sample, from what each batch's outputs store.

    Args:
        artifact: The file.
        samples: What the batches are of, as ``stored_batches`` was given them.
        batches: Arrays in the order of the file's outputs.

    Raises:
        DeviceError: they are not outputs of the file.
    """
    rest = iter(batches)

    def call(stored: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        pairs = zip(artifact.outputs, next(rest), strict=True)
        return {spec.name: feed.to_real(array, spec) for spec, array in pairs}

    try:
        return feed.run_batches(artifact.inputs, samples, call)
    except (ValueError, TypeError, StopIteration) as error:
        raise DeviceError(
            f"its outputs are not those of {artifact.path.name}: {one_line(error)}"
        ) from error
