"""Zeros and shared values that earlier passes left in a model, and keeping them in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.hooks import Masking, Sharing, hook
from edgekit.passes.weights import Weight, kernels

PRUNED = 0.01
"""From this share of exact zeros on a kernel counts as pruned; a trained one has next to none."""

SHARED = 256
"""Up to so many values, with three weights for two of them on average, a kernel is clustered."""

SHARED_PER_CHANNEL = 64
"""So many a channel count too: where a batch norm was folded, each channel has its own factor."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Preserved:
    """What earlier passes left, by ``layer/kernel``, in the shapes of the kernels.

    Args:
        masks: False where a pruned kernel is zero.
        clusters: The cluster of each weight of a clustered kernel, by ascending value.
    """

    masks: Mapping[str, NDArray[np.bool_]]
    clusters: Mapping[str, NDArray[np.int32]]


def preserved(model: Any) -> Preserved:
    """Find pruned and clustered kernels by the numbers that they hold."""
    masks, clusters = {}, {}
    for weight in kernels(model):
        numbers = weight.read()
        if is_pruned(numbers):
            masks[weight.key] = numbers != 0
        if (indices := _shared(numbers)) is not None:
            clusters[weight.key] = indices
    return Preserved(masks=masks, clusters=clusters)


def hooks_for(model: Any, *, sparsity: bool, clusters: bool) -> list[Any]:
    """Return ``keras.callbacks.Callback``s that keep what earlier passes left, in any training.

    After every optimizer step zeros are zeros, and weights that were equal are equal: as in TFMOT's
    PQAT, CQAT and PCQAT. Values may change. Zeros that share a kernel with clusters stay zeros only
    with ``sparsity``.

    Args:
        model: Flat, as it is before the training; its variables are what is trained, maybe within
            another model.
        sparsity: Keep zeros.
        clusters: Keep values shared.
    """
    found = preserved(model)
    weights = kernels(model)
    hooks = []
    if clusters and found.clusters:
        sharing = [weight for weight in weights if weight.key in found.clusters]
        hooks.append(hook(_sharing(sharing, found, zeros=sparsity), told=("clusters", sparsity)))
    if sparsity and found.masks:
        masked = [weight for weight in weights if weight.key in found.masks]
        hooks.append(hook(Masking(masked, [found.masks[w.key] for w in masked]), told="zeros"))
    return hooks


def is_pruned(numbers: NDArray[Any]) -> bool:
    """Whether a kernel holds more exact zeros than training leaves."""
    return int(np.count_nonzero(numbers == 0)) >= max(1.0, PRUNED * numbers.size)


def _shared(numbers: NDArray[Any]) -> NDArray[np.int32] | None:
    rest = numbers[numbers != 0]  # half of a pruned kernel is equal, and yet not clustered
    count, channels = np.unique(rest).size, max(numbers.shape[-2:], default=1)
    most = max(SHARED, SHARED_PER_CHANNEL * channels)
    return _numbered(numbers) if 0 < count <= most and 3 * count <= 2 * rest.size else None


def _numbered(numbers: NDArray[Any]) -> NDArray[np.int32]:
    """Replace each number by its place among the different ones, ascending."""
    places = np.unique(numbers, return_inverse=True)[1]
    return places.reshape(numbers.shape).astype(np.int32)


def _sharing(weights: list[Weight], found: Preserved, *, zeros: bool) -> Sharing:
    """Return a projection whose cluster 0 is zero in the kernels that are pruned."""
    indices, fixed = [], []
    for weight in weights:
        clusters = found.clusters[weight.key]
        mask = found.masks.get(weight.key) if zeros else None
        if mask is not None:
            clusters = _numbered(np.where(mask, clusters + 1, 0))
        indices.append(clusters)
        fixed.append(mask is not None)
    return Sharing(weights, indices, fixed)
