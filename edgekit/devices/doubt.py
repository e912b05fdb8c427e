"""Says where a device's outputs are further from this host's than kernels may be apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.devices.agreement import MOST_STEPS, distance, doubts
from edgekit.devices.figures import Agreement

_FLOAT_SHARE = 1e-3

Arrays = Mapping[str, NDArray[Any]]


def warnings_of(
    artifact: Artifact, found: Agreement, outputs: Arrays, reference: Arrays
) -> tuple[str, ...]:
    """Return warnings on outputs that differ by more than rounding.

    That is 2 steps of a quantized output's grid, or 0.1 % of the largest value of a float one; a
    different first class counts where the reference's scores are further apart than twice that.
    """
    said = list(doubts(found))
    for spec in artifact.outputs:
        ours, theirs = (np.asarray(a[spec.name], np.float64) for a in (outputs, reference))
        allowed = (
            MOST_STEPS * spec.scale
            if spec.scale is not None
            else _FLOAT_SHARE * max(_largest(theirs), 1e-6)
        )
        apart = float(distance(ours, theirs).max(initial=0.0))
        if not np.isfinite(ours).all() and np.isfinite(theirs).all():
            said.append(f"the device computes differently: {spec.name} is not finite there")
        elif spec.scale is None and apart > allowed:
            said.append(
                f"the device computes differently: {spec.name} is up to {apart:.3g} from that of"
                f" {found.reference}, expected at most {allowed:.3g}"
            )
        if _other_first(ours, theirs, 2 * allowed):
            said.append(f"the device finds another first class in {spec.name} than this host")
    return tuple(said)


def _other_first(ours: NDArray[Any], theirs: NDArray[Any], margin: float) -> bool:
    """Whether a sample's first class differs though its scores are more than ``margin`` apart."""
    if theirs.ndim != 2 or theirs.shape[1] < 2:
        return False
    rows = np.arange(len(theirs))
    with np.errstate(invalid="ignore"):
        lost = theirs.max(axis=1) - theirs[rows, ours.argmax(axis=1)]
        return bool((lost > margin).any())


def _largest(values: NDArray[Any]) -> float:
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
