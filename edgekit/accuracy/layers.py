"""Which tensor of a quantized model is far from the float one, and where it gets worse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.accuracy.sqnr import Power
from edgekit.errors import DataError

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """One tensor.

    ``position`` is its place in execution order; ``rank`` its place among the worst, 1 the lowest
    SQNR; ``added_noise`` the noise, as a share of the signal's energy, less that of the tensor
    compared before it: large where an error arises, near 0 where one is passed on.
    """

    name: str
    position: int
    rank: int
    sqnr_db: float
    added_noise: float
    max_abs_error: float


@dataclass(frozen=True, kw_only=True)
class LayerErrors:
    """All tensors in execution order, and those that could not be compared, with the reason."""

    layers: tuple[LayerError, ...]
    skipped: tuple[tuple[str, str], ...]

    @property
    def worst(self) -> LayerError | None:
        """The tensor of the lowest SQNR; None if nothing could be compared."""
        return min(self.layers, key=lambda layer: layer.rank, default=None)

    @property
    def worst_drop(self) -> LayerError | None:
        """The tensor that adds the most noise to the one before it: where the error arises."""
        return max(self.layers, key=lambda layer: layer.added_noise, default=None)


_MOST_NOISE = 1e15  # so that infinite ones can be subtracted


def compare_layers(
    batches: Iterable[tuple[Tensors, Tensors]], *, order: Sequence[str] | None = None
) -> LayerErrors:
    """Compare reference and candidate tensor by tensor, matched by name, over all batches.

    Constant memory: a batch is let go before the next one is asked for.

    Args:
        batches: Pairs (reference, candidate) of {name: (samples, ...)} for the same samples.
        order: Names in execution order; the reference's own order if left out.

    Raises:
        DataError: there is no batch.
    """
    powers: dict[str, Power] = {}
    skipped: dict[str, str] = {}
    names: list[str] | None = None
    for reference, candidate in batches:
        names = names or list(order if order is not None else reference)
        for name in names:
            reason = _objection(name, reference, candidate)
            if reason:
                skipped[name] = reason
                continue
            powers[name] = powers.get(name, Power()).add(reference[name], candidate[name])
    if names is None:
        raise DataError("expected tensors of at least one batch of samples, got none")
    compared = [name for name in names if name in powers and name not in skipped]
    extra = tuple((name, skipped[name]) for name in names if name in skipped)
    return LayerErrors(layers=_ranked(compared, powers), skipped=extra)


def _objection(name: str, reference: Tensors, candidate: Tensors) -> str | None:
    if name not in reference:
        return "not in the reference"
    if name not in candidate:
        return "not in the candidate"
    if reference[name].shape != candidate[name].shape:
        return f"shapes differ: {reference[name].shape}, {candidate[name].shape}"
    if not np.all(np.isfinite(reference[name])):
        return "not finite in the reference"
    return None


def _ranked(names: Sequence[str], powers: Mapping[str, Power]) -> tuple[LayerError, ...]:
    decibels = [powers[name].sqnr_db for name in names]
    places = {at: rank for rank, at in enumerate(np.argsort(decibels, kind="stable"), start=1)}
    noise = [min(10 ** (-max(value, -150.0) / 10), _MOST_NOISE) for value in decibels]
    before = [0.0, *noise]
    return tuple(
        LayerError(
            name=name,
            position=at,
            rank=places[at],
            sqnr_db=decibels[at],
            added_noise=noise[at] - before[at],
            max_abs_error=powers[name].peak,
        )
        for at, name in enumerate(names)
    )
