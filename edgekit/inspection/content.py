"""What numbers a constant holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.auditing.constants import Constants
from edgekit.auditing.flow import analyse
from edgekit.auditing.program import QUANTIZED, Grid
from edgekit.auditing.read import read_program
from edgekit.inspection.grids import grids

BINS = 16
_CHUNK = 1 << 22
_MOST_DISTINCT = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Statistics over the finite numbers of a constant.

    ``edges`` has one number more than ``counts``. ``zeros`` is a share, in [0, 1]. ``distinct`` is
    None above 65,536. ``unit`` says whether they are the stored numbers or the real ones that these
    stand for.
    """

    unit: str
    elements: int
    low: float
    high: float
    mean: float
    deviation: float
    zeros: float
    distinct: int | None
    not_finite: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]


def numbers_of(path: str | Path, key: str) -> tuple[Numbers, ...]:
    """Return statistics of a constant as stored and, if they differ, of what it stands for.

    Nothing is returned for what is no constant, and for types that cannot be read.

    Raises:
        ArtifactError: the file cannot be read.
    """
    file, program, _ = read_program(path)
    constants = Constants(file, program)
    stored = constants.array(key)
    if stored is None or stored.size == 0:
        return ()
    found = [statistics(stored, "stored")]
    grid = grids(analyse(program), constants).get(key)
    if grid is not None and program.values[key].dtype in QUANTIZED | {"int32"}:
        real = _real(stored, grid)
        found += [] if real is None else [statistics(real, "real")]
    return tuple(one for one in found if one is not None)


def _real(stored: NDArray[Any], grid: Grid) -> NDArray[Any] | None:
    scales, points = np.array(grid.scales, np.float32), np.array(grid.zero_points or (0,))
    if points.size not in (1, scales.size) or stored.size > _CHUNK * 16:
        return None
    if scales.size > 1:
        fits = 0 <= grid.axis < stored.ndim and stored.shape[grid.axis] == scales.size
        if not fits:
            return None
        shape = [1] * stored.ndim
        shape[grid.axis] = scales.size
        scales = scales.reshape(shape)
        points = points.reshape(shape) if points.size > 1 else points
    real: NDArray[Any] = (stored.astype(np.float32) - points.astype(np.float32)) * scales
    return real


def statistics(array: NDArray[Any], unit: str) -> Numbers | None:
    """Return statistics, a piece at a time; None where no number is finite."""
    count, total, squares, zeros, bad = 0, 0.0, 0.0, 0, 0
    low, high = np.inf, -np.inf
    seen: NDArray[Any] | None = np.empty(0)
    for piece in _pieces(array):
        finite = piece[np.isfinite(piece)]
        bad += piece.size - finite.size
        if finite.size == 0:
            continue
        count += finite.size
        low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        total += float(finite.sum())
        squares += float(np.square(finite).sum())
        zeros += int(np.count_nonzero(finite == 0))
        seen = None if seen is None else np.union1d(seen, finite)
        seen = None if seen is None or seen.size > _MOST_DISTINCT else seen
    if not count:
        return None
    mean = total / count
    counts, edges = _histogram(array, low, high)
    return Numbers(
        unit=unit, elements=count + bad, low=low, high=high, mean=mean,
        deviation=max(squares / count - mean * mean, 0.0) ** 0.5, zeros=zeros / count,
        distinct=None if seen is None else int(seen.size), not_finite=bad,
        edges=edges, counts=counts,
    )  # fmt: skip


def _histogram(
    array: NDArray[Any], low: float, high: float
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    whole = array.dtype.kind in "iub" and high - low < BINS
    if whole or low == high:
        edges = np.arange(low - 0.5, high + 1.0)
    else:
        edges = np.linspace(low, high, BINS + 1)
    counts = np.zeros(len(edges) - 1, np.int64)
    for piece in _pieces(array):
        counts += np.histogram(piece[np.isfinite(piece)], edges)[0]
    return tuple(int(count) for count in counts), tuple(map(float, edges))


def _pieces(array: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    flat = array.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        yield flat[start : start + _CHUNK].astype(np.float64)
