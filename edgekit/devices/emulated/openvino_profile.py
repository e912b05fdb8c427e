"""What each layer of an OpenVINO file costs, from the counters of OpenVINO's CPU plugin.

The plugin looks at the clock before and after each node, and nowhere else. The runner looks twice
before the inference begins: what lies between is what looking takes.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.devices.emulated.lines import Figures, Node
from edgekit.devices.emulated.looks import between
from edgekit.devices.operators.ran import Ran
from edgekit.errors import DeviceError

_IDLE = 2  # looks before the inference


def costs(nodes: Sequence[Node], ticks: Sequence[Figures], total: Figures) -> list[Ran]:
    """Return the nodes in order with the instructions of each, less what looking takes.

    Nodes in bodies of loops and branches belong to these.

    Raises:
        DeviceError: nodes and looks at the clock do not fit together, one to one.
    """
    found, whole, at = list[Ran](), 0, _IDLE
    for node in sorted(nodes, key=lambda each: (each.start, -each.end)):
        if _IDLE < node.start < node.end <= at:
            continue
        if node.start != at + 1 or node.end <= node.start:
            looks = f"looks {node.start} and {node.end}"
            raise _unfit(f"{node.name} lies between {looks}, expected it from {at + 1} on")
        cost = max(between(node, ticks) - between(_idle(), ticks), 0)
        found.append(Ran(name=node.name, kind=node.kind, cost=cost))
        whole += cost
        at = node.end
    if at != len(ticks):
        raise _unfit(f"{len(ticks) - at} looks are left over")
    if whole > total["instructions"]:
        raise _unfit(f"{whole} instructions are more than the inference takes")
    return found


def _idle() -> Node:
    return Node(kind="", name="nothing", start=1, end=_IDLE)


def _unfit(what: str) -> DeviceError:
    return DeviceError(f"the plugin's counters do not fit its looks at the clock: {what}")
