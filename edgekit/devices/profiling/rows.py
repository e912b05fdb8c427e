"""What ran in an inference, and how long it takes in the middle of many."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from edgekit.errors import DeviceError

_CUT_US, _MOST_CUT = 0.5, 0.1


class Row(msgspec.Struct, frozen=True):
    """Something that ran: ``name`` is the runtime's own, ``us`` how long it took.

    ``node`` is the operator's place in the file where the runtime tells it, ``kind`` its kind.
    """

    name: str
    us: float
    kind: str = ""
    node: int | None = None


def middle(inferences: Sequence[Sequence[Row]]) -> list[Row]:
    """Return the interquartile mean of each row over inferences, in the order in which they ran.

    The median would be one of the whole microseconds that profilers tell. Inferences that ran
    something else than most are left out.

    Raises:
        DeviceError: fewer than half of the inferences are alike, or there are none.
    """
    runs: dict[tuple[tuple[str, int | None], ...], list[Sequence[Row]]] = {}
    for rows in inferences:
        runs.setdefault(tuple((row.name, row.node) for row in rows), []).append(rows)
    alike = max(runs.values(), key=len, default=[])
    if not alike or not alike[0] or 2 * len(alike) < len(inferences):
        raise DeviceError("the profiler did not tell the same operators of each inference")
    return [
        msgspec.structs.replace(same[0], us=_midmean([row.us for row in same]))
        for same in zip(*alike, strict=True)
    ]


def demand_resolution(rows: Sequence[Row]) -> None:
    """Refuse rows that say little: profilers cut off what is less than a microsecond.

    That is half of one for each row, which is to be at most a tenth of all.

    Raises:
        DeviceError: it may be more.
    """
    whole = sum(row.us for row in rows)
    if _CUT_US * len(rows) > _MOST_CUT * whole:
        raise DeviceError(
            f"its profiler counts whole microseconds, too few of which ({whole:.0f}) are spent"
            f" on {len(rows)} operators"
        )


def _midmean(values: Sequence[float]) -> float:
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return statistics.fmean(ordered[quarter : len(ordered) - quarter])
