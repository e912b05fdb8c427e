"""Holds what a device computes against what this host computes with the same file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.artifact import Artifact, TensorSpec
from edgekit.devices.figures import Agreement
from edgekit.errors import ArtifactError, DeviceError
from edgekit.runtimes.feed import batch_of

Arrays = Mapping[str, NDArray[Any]]

MOST_STEPS = 2
SAMPLES = 4


def default_samples(artifact: Artifact, *, count: int = SAMPLES, seed: int = 0) -> dict[str, Any]:
    """Return inputs by name, real values, ``count`` rows each.

    All that a quantized input can hold, evenly; numbers from the standard normal distribution; for
    integer inputs without a scale 0 and 1.

    Raises:
        ArtifactError: the file has no inputs.
    """
    if not artifact.inputs:
        raise ArtifactError(
            f"{artifact.path}: expected a file with at least one input, got none; what it gives is"
            " always the same"
        )
    rng = np.random.default_rng(seed)
    whole = batch_of(artifact.inputs) is None  # inputs without an axis that counts samples
    return {spec.name: _drawn(rng, spec, count, whole=whole) for spec in artifact.inputs}


def _drawn(rng: np.random.Generator, spec: TensorSpec, count: int, *, whole: bool) -> NDArray[Any]:
    known = spec.shape[0 if whole else 1 :]
    shape = (count, *(1 if size is None else size for size in known))
    if spec.scale is not None:
        limits = np.iinfo(spec.dtype)
        stored = rng.integers(limits.min, limits.max, shape, endpoint=True)
        return np.asarray(spec.scale * (stored - (spec.zero_point or 0)), np.float32)
    if np.dtype(spec.dtype).kind in "iub":
        return rng.integers(0, 2, shape).astype(spec.dtype)
    return rng.standard_normal(shape).astype(np.float32)


def here(artifact: Artifact, samples: Arrays) -> dict[str, NDArray[np.float32]]:
    """Return this host's outputs by name, real values."""
    return runtimes.open_runner(artifact).run(samples)


def agreement(artifact: Artifact, outputs: Arrays, reference: Arrays, *, against: str) -> Agreement:
    """Compare real-valued outputs, n rows each, by output name.

    Args:
        artifact: What computed them.
        outputs: The device's.
        reference: What they are held against.
        against: What computed the reference, in words.

    Raises:
        DeviceError: the device's outputs are not of the reference's names or shapes.
    """
    demand_alike(outputs, reference)
    apart, steps, same, top = [], list[int](), list[bool](), list[bool]()
    rows = 0
    for spec in artifact.outputs:
        ours, theirs = (np.asarray(a[spec.name], np.float64) for a in (outputs, reference))
        rows = len(ours)
        difference = distance(ours, theirs)
        apart.append(float(difference.max(initial=0.0)))
        same += list((difference == 0).reshape(-1))
        if spec.scale is not None and np.isfinite(apart[-1]):
            steps.append(int(np.rint(apart[-1] / spec.scale)))
        top += list(_first(ours) == _first(theirs))
    return Agreement(
        samples=rows,
        identical_share=float(np.mean(same)) if same else 1.0,
        largest_steps=max(steps) if steps else None,
        largest_difference=max(apart, default=0.0),
        same_top1_share=float(np.mean(top)) if top else 1.0,
        reference=against,
    )


def distance(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[np.float64]:
    """Return how far values are apart; 0 for the same infinity or NaN, else infinite for these."""
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(ours.astype(np.float64) - theirs)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    return np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))


def demand_alike(outputs: Arrays, reference: Arrays) -> None:
    """Refuse a device's outputs that are not of the reference's names and shapes.

    Raises:
        DeviceError: they are not.
    """
    for name, theirs in reference.items():
        came = np.shape(outputs[name]) if name in outputs else None
        if came != theirs.shape:
            shown = f"shape {list(came)}" if came is not None else f"{sorted(outputs)}"
            raise DeviceError(
                f"output {name!r}: expected shape {list(theirs.shape)} from the device, got {shown}"
            )


def _first(values: NDArray[Any]) -> NDArray[Any]:
    if values.size == 0:
        return np.zeros(len(values), np.intp)
    first: NDArray[Any] = values.reshape(len(values), -1).argmax(axis=1)
    return first


def doubts(found: Agreement, *, most_steps: int = MOST_STEPS) -> Sequence[str]:
    """Return a warning if a quantized file's outputs are further apart than kernels may be."""
    if found.largest_steps is None or found.largest_steps <= most_steps:
        return ()
    return (
        f"the device computes differently: outputs are up to {found.largest_steps} steps from those"
        f" of {found.reference}, expected at most {most_steps}; do not ship before that is known",
    )
