"""Inputs on which float files are held against the source model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.calibrate.samples import Samples

Arrays = Mapping[str, NDArray[Any]]
Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]
WITNESSES = 8


def random_evidence(
    specs: Sequence[TensorSpec], predict: Callable[[Arrays], Arrays]
) -> tuple[Arrays, Arrays]:
    """Return seeded random inputs, and the source model's outputs for them.

    Inputs are normally distributed; where the outputs for these hold NaN or infinity, as those of
    a logarithm do, uniform in (0, 1]. The former also where the model has an answer to neither.
    """
    normal = _answered(specs, predict, _normal)
    if _finite(normal[1]):
        return normal
    positive = _answered(specs, predict, _positive)
    return positive if _finite(positive[1]) else normal


def _answered(
    specs: Sequence[TensorSpec], predict: Callable[[Arrays], Arrays], draw: Draw
) -> tuple[Arrays, Arrays]:
    inputs = _drawn(specs, draw)
    return inputs, predict(inputs)


def _finite(outputs: Arrays) -> bool:
    return all(bool(np.isfinite(output).all()) for output in outputs.values())


def witnesses(samples: Samples) -> Arrays:
    """Return the first few samples, by input name."""
    return next(iter(samples.batches(WITNESSES))).inputs


def _drawn(specs: Sequence[TensorSpec], draw: Draw) -> Arrays:
    rng = np.random.default_rng(0)
    return {spec.name: _one(spec, rng, draw) for spec in specs}


def _one(spec: TensorSpec, rng: np.random.Generator, draw: Draw) -> NDArray[Any]:
    shape = tuple(size or 1 for size in spec.shape)
    if np.dtype(spec.dtype).kind in "iub":
        return rng.integers(0, 2, shape).astype(spec.dtype)
    return draw(rng, shape).astype(spec.dtype)


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.normal(size=shape)


def _positive(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return 1 - rng.random(shape)
