"""Where each operator of a file runs, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.auditing import AuditResult
from edgekit.devices.figures import OperatorCost
from edgekit.devices.npu.tables import Compiled, Row
from edgekit.errors import DeviceError

NOWHERE = "none"


def operators(compiled: Compiled, audited: AuditResult) -> tuple[OperatorCost, ...]:
    """Return the operators of the file's main graph, in its order.

    ``where`` is ``npu``, ``cpu``, ``cpu+npu``, or ``none`` for one that the compiler has merged
    into a neighbour or left out. Cycles are None on the CPU, which Vela does not estimate.

    Raises:
        DeviceError: Vela has seen other operators than the file has.
    """
    count = len(compiled.sources)
    if list(compiled.sources) != list(range(count)) or count > len(audited.operators):
        raise DeviceError(
            f"ethos-u-vela: expected the {len(audited.operators)} operators of the file, got"
            f" {count}; install version 5.2"
        )
    rows: dict[int, list[Row]] = {}
    for row in compiled.rows:
        rows.setdefault(row.source, []).append(row)
    found = []
    for one in audited.operators[:count]:
        units = sorted({row.where for row in rows.get(one.index, ())})
        cycles = sum(row.cycles for row in rows.get(one.index, ()))
        timed = units != ["cpu"]
        found.append(
            OperatorCost(
                index=one.index,
                kind=one.kind,
                layer=one.layer,
                where="+".join(units) or NOWHERE,
                cycles=cycles if timed else None,
                latency_ms=cycles / compiled.clock_hz * 1e3 if timed else None,
            )
        )
    return tuple(found)


def npu_share(placed: Sequence[OperatorCost], audited: AuditResult) -> float:
    """Return the share in [0, 1] of multiply-accumulates on the NPU; of operators without any.

    What the compiler has merged into a neighbour or left out is not on the CPU, so it counts in.
    """
    macs = [audited.operators[place].macs for place in range(len(placed))]
    off = [one.where in ("cpu", "cpu+npu") for one in placed]
    if sum(macs):
        return 1 - sum(m for m, away in zip(macs, off, strict=True) if away) / sum(macs)
    run = [one for one in placed if one.where != NOWHERE]
    return sum(one.where == "npu" for one in run) / len(run) if run else 0.0
