"""What each operator of a file costs, where what ran has the file's names: ONNX and OpenVINO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.auditing import AuditResult
from edgekit.devices.emulated.lines import Figures, Node, added
from edgekit.devices.emulated.matching import NOT_OF_THE_FILE
from edgekit.devices.figures import OperatorCost
from edgekit.errors import DeviceError


def between(node: Node, ticks: Sequence[Figures]) -> int:
    """Return the instructions between a node's looks at the clock.

    Raises:
        DeviceError: there are no such looks.
    """
    if not 0 < node.start <= node.end <= len(ticks):
        raise DeviceError(
            f"{node.name} lies between looks {node.start} and {node.end} of {len(ticks)}"
        )
    return added(ticks[node.start : node.end])["instructions"]


def node_costs(
    audited: AuditResult,
    ran: Sequence[tuple[Node, int]],
    places: Mapping[str, int],
    total: Figures,
) -> tuple[OperatorCost, ...]:
    """Return the instructions of each operator of the file, then of what else ran.

    Args:
        audited: The file.
        ran: What ran, and its instructions.
        places: The index of the operator that has a name.
        total: Figures of the whole inference.
    """
    spent, extra = dict[int, int](), list[OperatorCost]()
    for node, cost in ran:
        if (index := places.get(node.name)) is not None and index not in spent:
            spent[index] = cost
        else:
            extra.append(_extra(node.kind, node.name, cost))
    rest = total["instructions"] - sum(cost for _, cost in ran)
    if rest > 0:
        extra.append(_extra("runtime", "outside of all operators", rest))
    rows = [
        OperatorCost(
            index=each.index, kind=each.kind, layer=each.layer,
            where="cpu" if each.index in spent else "cpu, not told apart",
            instructions=spent.get(each.index),
        )
        for each in audited.operators
    ]  # fmt: skip
    return (*rows, *extra)


def _extra(kind: str, layer: str, instructions: int) -> OperatorCost:
    return OperatorCost(
        index=NOT_OF_THE_FILE, kind=kind, layer=layer, where="cpu", instructions=instructions
    )
