"""Samples as a file's inputs store them, and real values from what its outputs store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact, TensorSpec
from edgekit.errors import ArtifactError, DeviceError, one_line
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
        return {spec.name: _real(array, spec) for spec, array in pairs}

    try:
        found = feed.run_batches(artifact.inputs, samples, call)
        if (more := len(list(rest))) > 0:
            raise ValueError(f"{more} batches more than were sent")
    except (ValueError, TypeError, OverflowError, StopIteration, ArtifactError) as error:
        raise DeviceError(
            f"its outputs are not those of {artifact.path.name}: {one_line(error)}"
        ) from error
    return found


def _real(stored: NDArray[Any], spec: TensorSpec) -> NDArray[np.float32]:
    if stored.dtype.kind not in "biuf":
        raise ValueError(f"{spec.name}: expected numbers, got dtype {stored.dtype.name!r}")
    if spec.scale is not None and stored.dtype.name != spec.dtype:
        raise ValueError(f"{spec.name}: expected {spec.dtype}, got {stored.dtype.name}")
    with np.errstate(over="ignore"):  # of float64, what float32 cannot hold is infinite
        return feed.to_real(stored, spec)
