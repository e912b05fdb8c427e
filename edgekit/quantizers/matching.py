"""Ranges and means of the trace, under the tensor names of an exported float file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.quantizers.statistics import Statistics
from edgekit.trace.match import match, same_layout

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Matching:
    """Which tensor of the trace each tensor of a file is, and how its axes lie there.

    ``layouts[name]`` is (shape of the tensor in the file, order of its axes in the trace), for the
    tensors whose layout is known; the others only share their set of values.
    """

    tensors: Mapping[str, str]
    layouts: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]

    def save(self, folder: Path) -> None:
        """Write the matching into a folder."""
        plain = {"tensors": self.tensors, "layouts": self.layouts}
        (folder / "matching.json").write_text(json.dumps(plain), encoding="utf-8")

    @classmethod
    def restore(cls, folder: Path) -> Matching:
        """Read what ``save`` wrote."""
        plain = json.loads((folder / "matching.json").read_text(encoding="utf-8"))
        layouts = {
            n: (tuple(shape), tuple(order)) for n, (shape, order) in plain["layouts"].items()
        }
        return cls(tensors=plain["tensors"], layouts=layouts)

    def ranges(self, statistics: Statistics, estimator: str) -> dict[str, tuple[float, float]]:
        """Return the ranges by the file's tensor names."""
        table = statistics.tables[estimator]
        return {name: table[found] for name, found in self.tensors.items() if found in table}

    def means(self, statistics: Statistics) -> dict[str, NDArray[np.float32]]:
        """Return the mean maps by the file's tensor names, in the file's layout."""
        found = {}
        for name, (shape, order) in self.layouts.items():
            mean = statistics.means.get(self.tensors[name])
            if mean is not None and mean.size == np.prod(shape):
                moved = mean.reshape([shape[axis] for axis in order])
                found[name] = moved.transpose(np.argsort(order))
        return found


def match_artifact(artifact: Artifact, probe: Arrays, reference: Arrays) -> Matching:
    """Match a float file's tensors with the trace's, which hold ``reference`` for ``probe``.

    ``probe`` holds few samples by input name; ``reference`` (samples, 1, ...) by tensor. More than
    one tells apart what a single sample cannot, such as the two sides of a rectifier.
    """
    count = len(next(iter(probe.values())))
    floats = {name: value for name, value in probe.items() if value.dtype.kind == "f"}
    every = {**floats, **_tensors(artifact, probe)}
    found = {
        name: value.reshape((count, len(value) // count, *value.shape[1:]))
        for name, value in every.items()
        if value.ndim and len(value) % count == 0
    }
    tensors = match(found, reference)
    layouts = {}
    for name, tensor in tensors.items():
        order = _order(found[name][0], reference[tensor][0])
        if order is not None:
            layouts[name] = (tuple(found[name].shape[1:]), order)
    return Matching(tensors=tensors, layouts=layouts)


def _tensors(artifact: Artifact, probe: Arrays) -> dict[str, NDArray[Any]]:
    """Return a file's tensors for each sample, without those whose shape depends on the sample."""
    try:
        return dict(runtimes.tensors(artifact, probe))
    except ValueError:
        count = len(next(iter(probe.values())))
        ones = [{n: value[i : i + 1] for n, value in probe.items()} for i in range(count)]
        found = [runtimes.tensors(artifact, one) for one in ones]
        steady = [n for n in found[0] if len({one[n].shape for one in found if n in one}) == 1]
        return {n: np.concatenate([one[n] for one in found]) for n in steady}


def _order(value: NDArray[Any], reference: NDArray[Any]) -> tuple[int, ...] | None:
    """Return the order in which the file's axes lie in the trace: as they are, or channels last."""
    same = tuple(range(value.ndim))
    if same_layout(value, reference):
        return same
    if value.ndim >= 3:
        last = (0, *range(2, value.ndim), 1)
        if same_layout(value.transpose(last), reference):
            return last
    return None
