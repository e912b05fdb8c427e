"""Decides for each weight whether it is rounded up or down: AdaRound. Pure numpy.

Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training Quantization". Kernels are in
the canonical form of ``linear.layout``: ``(groups, rows, outputs)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Rectifier = Literal["linear", "relu", "relu6"]

_STRETCH, _SHIFT = 1.2, -0.1  # zeta - gamma and gamma of eq. 23
_BETAS = (20.0, 2.0)
_WARM = 0.2


@dataclass(frozen=True, kw_only=True)
class Search:
    """How rounding is learnt: Adam steps, rows a step, learning rate, weight of the regularizer."""

    steps: int = 400
    rows: int = 512
    learning_rate: float = 0.03
    regularization: float = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """A layer whose output is to be reconstructed.

    ``inputs`` (groups, n, rows) are what it reads, with every layer before it rounded; ``targets``
    (groups, n, outputs) what it should give before its rectifier; ``biases`` (groups, 1, outputs).
    """

    weights: Array
    inputs: Array
    targets: Array
    biases: Array
    rectifier: Rectifier = "linear"

    def share(self, weights: Array, others: Array) -> float:
        """Return the squared error that weights leave, as a share of what others leave."""
        left, before = (float(_errors(self, w).sum()) for w in (weights, others))
        return left / before if before else 1.0


def rectified_sigmoid(values: Array) -> Array:
    """Return h(V), in [0, 1] and flat where it touches them: eq. 23."""
    return np.clip(_STRETCH / (1 + np.exp(-values)) + _SHIFT, 0, 1)


def inverse_rectified_sigmoid(shares: Array) -> Array:
    """Return V such that h(V) is ``shares``, which are in [0, 1]."""
    return np.asarray(-np.log(_STRETCH / (shares - _SHIFT) - 1))


def undecidedness(shares: Array, beta: float) -> tuple[Array, Array]:
    """Return 1 - |2 h - 1| ** beta, which is 0 where h is 0 or 1, and its derivative: eq. 24."""
    centred = 2 * shares - 1
    size = np.abs(centred)
    return 1 - size**beta, -2 * beta * np.sign(centred) * size ** (beta - 1)


def steps_of(weights: Array, top: int) -> Array:
    """Return the step of each output channel, max |w| / top; 1 where all weights are 0."""
    largest = np.abs(weights).max(axis=1, keepdims=True)
    return np.asarray(np.where(largest > 0, largest / top, 1.0))


def nearest(weights: Array, top: int) -> Array:
    """Return the integers that weights are rounded to, half to even; the largest is ``top``."""
    return np.asarray(np.clip(np.rint(weights / steps_of(weights, top)), -top, top))


def adaround(problem: Problem, search: Search, top: int) -> Array:
    """Return integers, each the floor or the ceiling of a weight in steps.

    The largest magnitude of every channel is rounded to ``top``, so that whoever takes the step
    from the rounded weights gets the same one. On the rows of ``problem`` no channel is further
    from its target than with nearest rounding.
    """
    step = steps_of(problem.weights, top)
    exact, plain = problem.weights / step, nearest(problem.weights, top)
    floors = np.clip(np.floor(exact), -top, top - 1)
    free = (np.abs(exact) < top * (1 - 1e-9)) & (exact != plain)
    shares = np.clip(exact - floors, 0.01, 0.99)
    found = _learnt(problem, search, (step, floors, free, plain, shares))
    worse = _errors(problem, found * step) > _errors(problem, plain * step)
    return np.where(worse, plain, found)


def _learnt(
    problem: Problem, search: Search, grid: tuple[Array, Array, Array, Array, Array]
) -> Array:
    step, floors, free, plain, shares = (np.asarray(part, np.float32) for part in grid)
    step = step.astype(np.float32)
    values = inverse_rectified_sigmoid(shares)
    norms = np.maximum(_errors(problem, plain * step), 1e-12).astype(np.float32)
    first, second = np.zeros_like(values), np.zeros_like(values)
    starts = _starts(problem.inputs.shape[1], search)
    pressure = search.regularization / values.shape[1]
    for number in range(search.steps):
        share = rectified_sigmoid(values)
        rounded = np.where(free > 0, floors + share, plain) * step
        part = slice(starts[number], starts[number] + search.rows)
        slope = _slope(problem, rounded, part, norms) * step
        done = number / search.steps
        if done >= _WARM:
            beta = annealed((done - _WARM) / (1 - _WARM))
            slope += pressure * undecidedness(share, beta)[1]
        sigmoid = (share - _SHIFT) / _STRETCH
        slope *= _STRETCH * sigmoid * (1 - sigmoid) * free * (share > 0) * (share < 1)
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope * slope
        rate = search.learning_rate * np.sqrt(1 - 0.999 ** (number + 1)) / (1 - 0.9 ** (number + 1))
        values -= rate * first / (np.sqrt(second) + 1e-12)
    up = rectified_sigmoid(values) >= 0.5
    return np.where(free > 0, floors + up, plain)


def annealed(done: float) -> float:
    """Return beta on its way from 20 to 2 along a half cosine; ``done`` is in [0, 1]."""
    high, low = _BETAS
    return float(low + 0.5 * (high - low) * (1 + np.cos(np.pi * done)))


def _starts(count: int, search: Search) -> Array:
    """Return where the rows of each step begin: blocks one after the other, round and round."""
    blocks = max(count // search.rows, 1)
    return np.arange(search.steps) % blocks * search.rows


def _slope(problem: Problem, weights: Array, part: slice, norms: Array) -> Array:
    """Return the gradient, by the weights, of the squared error over ``norms``."""
    inputs, targets = problem.inputs[:, part], problem.targets[:, part]
    made = inputs @ weights + problem.biases
    off, open_ = _difference(made, targets, problem.rectifier)
    slopes = 2 * off * open_ / (norms * inputs.shape[1])
    return np.asarray(inputs.transpose(0, 2, 1) @ slopes)


def _difference(made: Array, targets: Array, rectifier: Rectifier) -> tuple[Array, Array | float]:
    """Return the difference after the rectifier, and where it lets changes through."""
    if rectifier == "linear":
        return made - targets, 1.0
    most = 6.0 if rectifier == "relu6" else np.inf
    off = np.clip(made, 0, most) - np.clip(targets, 0, most)
    return off, (made > 0) & (made < most)


def _errors(problem: Problem, weights: Array) -> Array:
    """Return the mean squared error of each channel, (groups, 1, outputs)."""
    total = np.zeros((weights.shape[0], 1, weights.shape[2]))
    count = problem.inputs.shape[1]
    for start in range(0, count, 4096):
        part = slice(start, start + 4096)
        made = problem.inputs[:, part] @ weights.astype(np.float32) + problem.biases
        off, _ = _difference(made, problem.targets[:, part], problem.rectifier)
        total += np.square(off, dtype=np.float64).sum(axis=1, keepdims=True)
    return np.asarray(total / count)
