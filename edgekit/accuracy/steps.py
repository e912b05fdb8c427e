"""How many steps of its grid an artifact's outputs are away from what it was trained to give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class StepErrors:
    """Differences of outputs, in steps of their grids (1 LSB), over all samples and outputs.

    ``within_one`` is the share of values at most one step away; ``agreement`` the share of samples
    with the same first class, None where no output holds class scores.
    """

    samples: int
    largest_lsb: float
    within_one: float
    agreement: float | None = None


def step_errors(reference: Arrays, outputs: Arrays, steps: Mapping[str, float]) -> StepErrors:
    """Compare outputs by name; ``steps`` is the step of each one's grid."""
    distances, same, count = [], [], 0
    for name, wanted in reference.items():
        got, count = outputs[name], len(wanted)
        distances.append((np.abs(got.astype(np.float64) - wanted) / steps[name]).ravel())
        if wanted.ndim == 2 and wanted.shape[1] > 1:
            same.append(float((wanted.argmax(-1) == got.argmax(-1)).mean()))
    whole = np.concatenate(distances)
    return StepErrors(
        samples=count,
        largest_lsb=float(whole.max(initial=0.0)),
        within_one=float((whole <= 1.001).mean()),
        agreement=min(same) if same else None,
    )
