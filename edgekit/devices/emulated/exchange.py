"""Samples as the bytes that a device reads, and the bytes that it writes as outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact, TensorSpec
from edgekit.devices.emulated.job import Feed, Result
from edgekit.devices.stored import stored_batches
from edgekit.errors import ArtifactError, DeviceError
from edgekit.runtimes import feed

Arrays = Mapping[str, NDArray[Any]]


def feed_of(artifact: Artifact, samples: Arrays) -> Feed:
    """Return samples, real values by input name, as what the file's inputs store.

    Raises:
        ArtifactError: the file takes or gives something else than numbers.
        DataError: they do not fit the file.
    """
    for spec in (*artifact.inputs, *artifact.outputs):
        if np.dtype(spec.dtype).kind not in "biufc":
            raise ArtifactError(
                f"{artifact.path}: expected numbers in {spec.name!r}, got {spec.dtype}: convert a"
                " model without it"
            )
    batches = stored_batches(artifact, samples)
    return Feed(
        names=tuple(spec.name for spec in artifact.inputs),
        shapes=tuple(array.shape for array in batches[0]),
        samples=tuple(b"".join(array.tobytes() for array in batch) for batch in batches),
    )


def outputs_of(
    artifact: Artifact, samples: Arrays, result: Result
) -> dict[str, NDArray[np.float32]]:
    """Return the device's outputs, real values, a row a sample, by name.

    Raises:
        DeviceError: it wrote something else than the file's outputs.
    """
    specs, rest = _in_order(artifact, result), [result.outputs]

    def take(_: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        found = {}
        for spec, (size, _name) in zip(specs, result.told.outputs, strict=True):
            found[spec.name] = _real(spec, rest[0][:size])
            rest[0] = rest[0][size:]
        return found

    return feed.run_batches(artifact.inputs, samples, take)


def _in_order(artifact: Artifact, result: Result) -> list[TensorSpec]:
    """Return outputs in the order in which they were written; the file's own if names differ."""
    names = [name for _, name in result.told.outputs]
    specs = {spec.name: spec for spec in artifact.outputs}
    if len(names) != len(specs):
        raise DeviceError(f"expected {len(specs)} outputs from the device, got {len(names)}")
    if set(names) == set(specs):
        return [specs[name] for name in names]
    return list(artifact.outputs)


def _real(spec: TensorSpec, stored: bytes) -> NDArray[np.float32]:
    shape = [1 if size is None else size for size in spec.shape]
    dtype = np.dtype(spec.dtype)
    if len(stored) != int(np.prod(shape)) * dtype.itemsize:
        raise DeviceError(
            f"output {spec.name!r}: expected {int(np.prod(shape)) * dtype.itemsize} bytes from the"
            f" device, got {len(stored)}; export the file with fixed shapes, and with inputs and"
            " outputs of whole bytes"
        )
    return feed.to_real(np.frombuffer(stored, dtype).reshape(shape), spec)
