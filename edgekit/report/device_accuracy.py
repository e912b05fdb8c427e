"""What files score on devices, as a table, and what to look out for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgekit.devices.figures import DeviceAccuracy, DeviceMeasurement
from edgekit.report import text

if TYPE_CHECKING:
    from rich.table import Table

_HEADING = ("device", "score there", "score here", "drop [95 %]", "samples that differ")


def accuracy_table(measurements: Sequence[DeviceMeasurement]) -> Table | None:
    """Return a row for each device that a file was evaluated on; None if there is none."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = [(one.device, one.accuracy) for one in measurements if one.accuracy is not None]
    if not rows:
        return None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False,
                  collapse_padding=True)  # fmt: skip
    for at, title in enumerate(_HEADING):
        table.add_column(title, justify="right" if at in (1, 2, 3) else "left", overflow="fold")
    for device, found in rows:
        cells = (text.visible(device), _score(found, found.device_score),
                 _score(found, found.host_score), _drop(found), _different(found))  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells))
    return table


def accuracy_notes(found: DeviceAccuracy) -> Iterator[tuple[str, str]]:
    """Yield (kind, text): what was evaluated on, and whether the device scores worse for sure."""
    if found.drop_low_pp is not None and found.drop_low_pp > 0:
        yield (
            "warning",
            f"{found.metric} is worse there than on this host by {text.drop(found)}, beyond chance:"
            " the device computes differently",
        )
    chosen = "" if found.samples == found.available else f" of {found.available:,}"
    yield "note", f"evaluated on {found.samples:,} samples{chosen} ({text.visible(found.data)})"
    for line in found.notes:
        yield "note", line


def _score(found: DeviceAccuracy, score: float | None) -> str:
    return "-" if found.metric is None else f"{text.visible(found.metric)} {text.score(score)}"


def _drop(found: DeviceAccuracy) -> str:
    return "-" if found.metric is None else text.drop(found).replace(" [", "\n[")


def _different(found: DeviceAccuracy) -> str:
    outputs = f"outputs {found.other_outputs} of {found.samples}"
    if found.other_answers is None:
        return outputs
    return f"answers {found.other_answers} of {found.samples}\n{outputs}"
