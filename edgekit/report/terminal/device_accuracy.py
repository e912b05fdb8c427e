"""What files score on devices, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgekit.devices.figures import DeviceAccuracy, DeviceMeasurement
from edgekit.report import text
from edgekit.report.terminal.table import table

if TYPE_CHECKING:
    from rich.table import Table

_HEADING = ("device", "score there", "score here", "drop [95 %]", "samples that differ")


def accuracy_table(measurements: Sequence[DeviceMeasurement]) -> Table | None:
    """Return a row for each device that a file was evaluated on; None if there is none."""
    rows = [(one.device, one.accuracy) for one in measurements if one.accuracy is not None]
    if not rows:
        return None
    return table(
        _HEADING,
        ((text.visible(device), _score(found, found.device_score),
          _score(found, found.host_score), _drop(found), _different(found))
         for device, found in rows),
        right=(1, 2, 3),
    )  # fmt: skip


def _score(found: DeviceAccuracy, score: float | None) -> str:
    return "-" if found.metric is None else f"{text.visible(found.metric)} {text.score(score)}"


def _drop(found: DeviceAccuracy) -> str:
    return "-" if found.metric is None else text.drop(found, between="\n")


def _different(found: DeviceAccuracy) -> str:
    outputs = f"outputs {found.other_outputs} of {found.samples}"
    if found.other_answers is None:
        return outputs
    return f"answers {found.other_answers} of {found.samples}\n{outputs}"
