"""What every static route starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact, TensorSpec
from edgekit.calibrate.samples import Samples
from edgekit.quantizers.matching import Matching
from edgekit.quantizers.statistics import Statistics
from edgekit.target import Quantization


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibrated:
    """A float artifact with everything that is known about its activations.

    ``estimators`` are the ones to try, in order. ``trained`` says that the model was trained for
    these ranges, with its weights on their grids: then nothing is left to correct.
    """

    artifact: Artifact
    inputs: tuple[TensorSpec, ...]
    quantization: Quantization
    samples: Samples
    statistics: Statistics
    matching: Matching
    estimators: Sequence[str]
    trained: bool = False

    def ranges(self, estimator: str) -> dict[str, tuple[float, float]]:
        """Return ranges by the artifact's tensor names."""
        return self.matching.ranges(self.statistics, estimator)

    def means(self) -> Mapping[str, NDArray[np.float32]]:
        """Return mean maps by the artifact's tensor names."""
        return self.matching.means(self.statistics)


def first_best(tried: Sequence[Any]) -> str | None:
    """Return the estimator of the best attempt so far, or None before there is one."""
    judged = [t for t in tried if t.agreement is not None and t.attempt.estimator is not None]
    if not judged:
        return None
    return str(max(judged, key=lambda t: t.agreement.sqnr_db).attempt.estimator)


def write(path: Path, content: bytes) -> None:
    """Write one file."""
    path.write_bytes(content)
