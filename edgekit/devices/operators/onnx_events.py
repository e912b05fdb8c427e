"""Reads the profile that ONNX Runtime writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from edgekit.errors import DeviceError

_SUFFIX = "_kernel_time"
_REPLACED = r"_token_\d+$"  # what is added to the name of a node that another kind replaced


class _Arguments(msgspec.Struct):
    op_name: str = ""


class Event(msgspec.Struct):
    """Something that began at ``ts`` and took ``dur``, as the clock tells."""

    cat: str = ""
    name: str = ""
    ts: int = 0
    dur: int = 0
    args: _Arguments = msgspec.field(default_factory=_Arguments)

    @property
    def end(self) -> int:
        """When it ended."""
        return self.ts + self.dur

    @property
    def kind(self) -> str:
        """The kind of the node."""
        return self.args.op_name


class Profile(msgspec.Struct, frozen=True):
    """``inferences`` and the ``nodes`` that ran in them, each in order."""

    inferences: list[Event]
    nodes: list[Event]


def read_profile(written: bytes) -> Profile:
    """Return what the runtime wrote, nodes with the names that the file has for them.

    Raises:
        DeviceError: it is no such profile.
    """
    try:
        events = msgspec.json.decode(written, type=list[Event])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceError(f"expected the runtime's profile, got something else: {error}") from error
    events.sort(key=lambda each: (each.ts, -each.dur))
    return Profile(
        inferences=[each for each in events if (each.cat, each.name) == ("Session", "model_run")],
        nodes=[
            msgspec.structs.replace(each, name=_own(each.name))
            for each in events
            if each.cat == "Node" and each.name.endswith(_SUFFIX)
        ],
    )


def outermost(nodes: Iterable[Event], start: int) -> Iterator[Event]:
    """Yield the nodes from ``start`` on; those in bodies of loops belong to these."""
    for node in nodes:
        if node.ts >= start:
            yield node
            start = node.end


def _own(name: str) -> str:
    return re.sub(_REPLACED, "", name.removesuffix(_SUFFIX))
