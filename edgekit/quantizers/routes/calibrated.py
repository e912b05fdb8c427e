"""What every static route starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact, TensorSpec
from edgekit.calibrate.samples import Samples
from edgekit.quantizers.attempts import Tried, leader
from edgekit.quantizers.matching import Matching
from edgekit.quantizers.statistics import Statistics
from edgekit.target import Quantization


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibrated:
    """A float artifact with everything that is known about its activations.

    ``observe`` gives the statistics; it is asked when they are needed, since it may have to wait.
    ``estimators`` are the ones to try, in order. ``trained`` says that the model was trained for
    these ranges, with its weights on their grids: then nothing is left to correct.
    """

    artifact: Artifact
    inputs: tuple[TensorSpec, ...]
    quantization: Quantization
    samples: Samples
    observe: Callable[[], tuple[Matching, Statistics]]
    estimators: Sequence[str]
    trained: bool = False

    @cached_property
    def matching(self) -> Matching:
        """Which tensors of the artifact are which of the trace."""
        return self._observed[0]

    @cached_property
    def _observed(self) -> tuple[Matching, Statistics]:
        return self.observe()

    def ranges(self, estimator: str) -> dict[str, tuple[float, float]]:
        """Return ranges by the artifact's tensor names."""
        return self.matching.ranges(self._observed[1], estimator)

    def extremes(self) -> dict[str, tuple[float, float]]:
        """Return least and largest values by the artifact's tensor names, if they were kept."""
        return self.ranges("min-max") if "min-max" in self._observed[1].tables else {}

    def means(self) -> Mapping[str, NDArray[np.float32]]:
        """Return mean maps by the artifact's tensor names."""
        return self.matching.means(self._observed[1])


def first_best(tried: Sequence[Tried]) -> str | None:
    """Return the estimator of the best attempt so far, or None before there is one."""
    found = leader(t for t in tried if t.attempt.estimator is not None)
    return None if found is None else str(found.attempt.estimator)


def write(path: Path, content: bytes) -> None:
    """Write one file."""
    path.write_bytes(content)
