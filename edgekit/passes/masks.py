"""Which weights to keep: magnitude, by itself, in groups of four, in blocks, over many kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Bools = NDArray[np.bool_]

MOST = 0.95
"""No kernel loses a greater share to a global threshold, unless the share asked for is greater."""


def sparsity_at(step: int, *, steps: int, final: float, initial: float = 0.0) -> float:
    """Return the sparsity of a gradual schedule, rising from ``initial`` to ``final``.

    s_t = s_f + (s_i - s_f) (1 - t / n)^3: Zhu & Gupta 2017, "To prune, or not to prune", eq. 1,
    with t_0 = 0. Never falls; is ``final`` from step ``steps`` on.

    Args:
        step: Optimizer steps done, from 0.
        steps: Over which sparsity rises; 0 means at once.
        final: In [0, 1).
        initial: In [0, final].
    """
    if step >= steps:
        return final
    left = 1.0 - max(step, 0) / steps
    return final + (initial - final) * left**3


def keep_mask(weights: Array, sparsity: float) -> Bools:
    """Mark the weights to keep.

    Exactly ``int(sparsity * weights.size)`` entries are False; equal magnitudes fall in memory
    order, so that a weight that is 0 is among the first to fall.

    Args:
        weights: Any shape.
        sparsity: Share of the weights to drop, in [0, 1).
    """
    scores = np.abs(np.asarray(weights, dtype=np.float32))
    return ~_smallest(scores.ravel(), int(sparsity * scores.size)).reshape(scores.shape)


def global_masks(kernels: Sequence[Array], sparsity: float) -> list[Bools]:
    """Mark the weights to keep, by one threshold for all kernels together.

    Exactly ``int(sparsity * total)`` entries are False. No kernel loses more than the share
    ``max(sparsity, MOST)``, rounded down: one that happens to be small all over must not vanish
    (layer collapse: Tanaka et al. 2020, "Pruning neural networks without any data").
    """
    scores = [np.abs(np.asarray(kernel, dtype=np.float32)).ravel() for kernel in kernels]
    most = max(sparsity, MOST)
    total = int(sparsity * sum(score.size for score in scores))
    pool = [np.where(_smallest(s, int(most * s.size)), s, np.inf) for s in scores]
    room = sum(int(most * score.size) for score in scores)
    dropped = _smallest(np.concatenate(pool), min(total, room)) if pool else np.zeros(0, bool)
    parts = np.split(~dropped, np.cumsum([score.size for score in scores])[:-1]) if pool else []
    return [part.reshape(k.shape) for part, k in zip(parts, kernels, strict=True)]


def two_of_four(weights: Array, axes: Sequence[int], sparsity: float = 0.5) -> Bools:
    """Keep two of each four consecutive weights along the input channels.

    Groups of four start at channel 0, as sparse tensor cores group them (Mishra et al. 2021,
    "Accelerating sparse deep neural networks", section 3); a last group that is not whole counts
    as filled up with zeros, so that it keeps up to two. Below ``sparsity`` 0.5 the share
    ``sparsity / 0.5`` of the groups is treated, those first that lose least.

    Args:
        weights: Any shape.
        axes: The axes of the input channels, outermost first.
        sparsity: At most 0.5.
    """
    channels = int(np.prod([weights.shape[axis] for axis in axes]))
    scores = np.abs(np.moveaxis(np.asarray(weights, dtype=np.float32), axes, range(-len(axes), 0)))
    rows = scores.reshape(-1, channels)
    filled = np.pad(rows, ((0, 0), (0, -channels % 4)))
    groups = filled.reshape(-1, 4)
    order = np.argsort(-groups, axis=1, kind="stable")
    keep = np.zeros(groups.shape, dtype=bool)
    np.put_along_axis(keep, order[:, :2], values=True, axis=1)
    lost = np.where(keep, 0.0, groups).sum(axis=1)
    untreated = ~_smallest(lost, int(min(1.0, sparsity / 0.5) * len(groups)))
    keep[untreated] = True
    whole = keep.reshape(filled.shape)[:, :channels].reshape(scores.shape)
    return np.ascontiguousarray(np.moveaxis(whole, range(-len(axes), 0), axes))


def block_mask(weights: Array, sparsity: float, *, block: int, axis: int = -1) -> Bools:
    """Drop whole blocks of consecutive output channels, by the mean magnitude of each block.

    Blocks start at channel 0, as XNNPACK's sparse kernels for 1x1 convolutions read them; channels
    beyond the last whole block are blocks of one, as there. At most ``int(sparsity * size)``
    entries are False, and less than ``block`` fewer than that.

    Args:
        weights: Any shape.
        sparsity: Share of the weights to drop, in [0, 1).
        block: Channels a block.
        axis: Of the output channels.
    """
    scores = np.moveaxis(np.abs(np.asarray(weights, dtype=np.float32)), axis, -1)
    rows = scores.reshape(-1, scores.shape[-1])
    whole = rows.shape[1] - rows.shape[1] % block
    means = rows[:, :whole].reshape(len(rows), -1, block).mean(axis=2)
    pool = np.concatenate([means.ravel(), rows[:, whole:].ravel()])
    sizes = np.where(np.arange(pool.size) < means.size, block, 1)
    order = np.argsort(pool, kind="stable")
    fits = np.cumsum(sizes[order]) <= int(sparsity * weights.size)
    keep = np.ones(pool.size, dtype=bool)
    keep[order[fits]] = False
    blocks = np.repeat(keep[: means.size].reshape(means.shape), block, axis=1)
    rest = keep[means.size :].reshape(len(rows), -1)
    mask = np.concatenate([blocks, rest], axis=1).reshape(scores.shape)
    return np.ascontiguousarray(np.moveaxis(mask, -1, axis))


def _smallest(scores: Array, count: int) -> Bools:
    """Mark exactly ``count`` smallest of flat scores; of equal ones those that come first."""
    chosen = np.zeros(scores.size, dtype=bool)
    if count <= 0:
        return chosen
    limit = np.partition(scores, count - 1)[count - 1]
    chosen[scores < limit] = True
    ties = np.flatnonzero(scores == limit)
    chosen[ties[: count - int(chosen.sum())]] = True
    return chosen
