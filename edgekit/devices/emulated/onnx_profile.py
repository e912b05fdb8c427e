"""What each node of an ONNX file costs, from ONNX Runtime's profile.

The runtime runs a graph of its own making: it fuses nodes, and adds some that reorder. A node that
it kept has the file's name for it. Between the two looks at the clock of a node the profiler writes
down its shapes, which takes some 28,000 instructions: about that is taken off each node.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgekit.auditing import AuditResult
from edgekit.devices.emulated.lines import Figures, added
from edgekit.devices.emulated.matching import NOT_OF_THE_FILE
from edgekit.devices.figures import OperatorCost
from edgekit.errors import DeviceError
from edgekit.extras import load

_SUFFIX = "_kernel_time"
_REPLACED = r"_token_\d+$"  # what is added to the name of a node that another kind replaced


class _Arguments(msgspec.Struct):
    op_name: str = ""


class _Event(msgspec.Struct):
    cat: str = ""
    name: str = ""
    ts: int = 0
    dur: int = 0
    args: _Arguments = msgspec.field(default_factory=_Arguments)


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node that ran, and between which looks at the clock, counted from the inference's begin."""

    kind: str
    name: str
    start: int
    end: int


def nodes_of(profile: bytes, profiled_from: int) -> list[Node]:
    """Return the nodes of the inference, in order; those in bodies of loops belong to these.

    Args:
        profile: What the runtime wrote, JSON.
        profiled_from: How many looks at the clock it counts before the inference.

    Raises:
        DeviceError: it is not such a profile.
    """
    try:
        events = msgspec.json.decode(profile, type=list[_Event])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceError(f"expected the runtime's profile, got something else: {error}") from error
    found = list[Node]()
    for event in sorted(events, key=lambda each: (each.ts, -each.dur)):
        start = event.ts - profiled_from
        ours = event.cat == "Node" and event.name.endswith(_SUFFIX) and start > 0
        if ours and (not found or start >= found[-1].end):
            name = re.sub(_REPLACED, "", event.name.removesuffix(_SUFFIX))
            found.append(
                Node(kind=event.args.op_name, name=name, start=start, end=start + event.dur)
            )
    return found


def node_costs(
    audited: AuditResult, nodes: Sequence[Node], ticks: Sequence[Figures], total: Figures
) -> tuple[OperatorCost, ...]:
    """Return the instructions of each operator of the file, then of what else ran.

    Raises:
        DeviceError: nodes and looks at the clock do not fit together.
    """
    places, spent = _places(audited), dict[int, int]()
    extra = list[OperatorCost]()
    for node, cost in zip(nodes, _costs(nodes, ticks, total), strict=True):
        if (index := places.get(node.name)) is not None and index not in spent:
            spent[index] = cost
        else:
            extra.append(_extra(node.kind, node.name, cost))
    rest = total["instructions"] - sum(spent.values()) - sum(e.instructions or 0 for e in extra)
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


def _costs(nodes: Sequence[Node], ticks: Sequence[Figures], total: Figures) -> list[int]:
    """Return the instructions of each node, less what the profiler takes.

    That is the mean of what the profiled inference took more, and no more than the least node took.
    """
    costs = list[int]()
    for node in nodes:
        if not 0 < node.start <= node.end <= len(ticks):
            raise DeviceError(
                f"{node.name} lies between looks {node.start} and {node.end} of {len(ticks)}"
            )
        costs.append(added(ticks[node.start : node.end])["instructions"])
    if not costs:
        return []
    more = added(ticks)["instructions"] - total["instructions"]
    looking = min(max(more, 0) // len(costs), *costs)
    return [cost - looking for cost in costs]


def _places(audited: AuditResult) -> dict[str, int]:
    """Return the index of each node that has a name."""
    graph = load("onnx").load(str(Path(audited.path)), load_external_data=False).graph
    kinds = {each.index: each.kind for each in audited.operators}
    return {
        node.name: index
        for index, node in enumerate(graph.node)
        if node.name and kinds.get(index) == node.op_type
    }


def _extra(kind: str, layer: str, instructions: int) -> OperatorCost:
    return OperatorCost(
        index=NOT_OF_THE_FILE, kind=kind, layer=layer, where="cpu", instructions=instructions
    )
