"""What ran, and the rows that tell of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from edgekit.auditing import Operator
from edgekit.devices.figures import OperatorCost

NOT_OF_THE_FILE = -1
Unit = Literal["instructions", "latency_ms"]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """Something that ran: ``name`` is the runtime's own, ``cost`` in whatever is counted.

    ``node`` is the operator's place in the file, None where the runtime does not tell.
    """

    name: str
    cost: float
    kind: str = ""
    node: int | None = None


def of_the_file(
    operators: Sequence[Operator], costs: Mapping[int, float], unit: Unit
) -> list[OperatorCost]:
    """Return a row for each operator; one without a cost was fused, or is not told apart."""
    return [
        _row(each.index, each.kind, each.layer, costs.get(each.index), unit) for each in operators
    ]


def not_of_the_file(kind: str, layer: str, cost: float, unit: Unit) -> OperatorCost:
    """Return the row of something that is not of the file."""
    return _row(NOT_OF_THE_FILE, kind, layer, cost, unit)


def outside(rows: Sequence[OperatorCost], total: int) -> list[OperatorCost]:
    """Return a row of the instructions that no other row holds, if there are any."""
    rest = total - sum(row.instructions or 0 for row in rows)
    return (
        [not_of_the_file("runtime", "outside of all operators", rest, "instructions")]
        if rest > 0
        else []
    )


def _row(index: int, kind: str, layer: str, cost: float | None, unit: Unit) -> OperatorCost:
    if cost is None:
        return OperatorCost(index=index, kind=kind, layer=layer, where="cpu, not told apart")
    row = OperatorCost(index=index, kind=kind, layer=layer)
    if unit == "instructions":
        return replace(row, instructions=int(cost))
    return replace(row, latency_ms=cost)
