"""What each node of an ONNX file costs, from ONNX Runtime's profile.

The runtime runs a graph of its own making: it fuses nodes, and adds some that reorder. A node that
it kept has the file's name for it. Between the two looks at the clock of a node the profiler writes
down its shapes, which takes some 28,000 instructions: about that is taken off each node.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edgekit.auditing import AuditResult
from edgekit.devices.emulated.lines import Figures, Node, added
from edgekit.devices.emulated.nodes import between
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


def costs(
    nodes: Sequence[Node], ticks: Sequence[Figures], total: Figures
) -> list[tuple[Node, int]]:
    """Return the nodes and the instructions of each, less what the profiler takes.

    That is the mean of what the profiled inference took more, and no more than the least node took.

    Raises:
        DeviceError: nodes and looks at the clock do not fit together.
    """
    spent = [between(node, ticks) for node in nodes]
    if not spent:
        return []
    more = added(ticks)["instructions"] - total["instructions"]
    looking = min(max(more, 0) // len(spent), *spent)
    return [(node, cost - looking) for node, cost in zip(nodes, spent, strict=True)]


def places_of(audited: AuditResult) -> dict[str, int]:
    """Return the index of each node that has a name."""
    graph = load("onnx").load(str(Path(audited.path)), load_external_data=False).graph
    kinds = {each.index: each.kind for each in audited.operators}
    return {
        node.name: index
        for index, node in enumerate(graph.node)
        if node.name and kinds.get(index) == node.op_type
    }
