"""Finds out what ran between which looks at the clock.

While operators are profiled the clock counts looks at it. TFLite looks before and after each
operator of its own, so that an event's time and length say between which looks it ran. XNNPACK
looks once when it begins with its part of the graph and once after each piece of its operators, and
tells of these in that order with lengths alone: what lies between TFLite's own events is theirs.

Looking costs instructions too: an operator of XNNPACK's is some hundred too dear, one of TFLite's
own some hundreds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from edgekit.devices.emulated.lines import Event, Figures, added
from edgekit.devices.operators.ran import Ran
from edgekit.errors import DeviceError

_OPERATOR, _DELEGATED = 2, 8


def spans(events: Sequence[Event], ticks: Sequence[Figures]) -> list[Ran]:
    """Return what ran, in order; operators in bodies of loops and branches belong to these.

    Raises:
        DeviceError: events and looks do not fit together.
    """
    events = [each for each in events if each.graph == 0]
    whole = next((each for each in events if each.tag == "Invoke" and each.kind == 1), None)
    if whole is None:
        raise DeviceError("the profiler told of no inference")
    found = list[Ran]()
    at, end = whole.start + 1, whole.start + whole.elapsed
    for event, run in _steps(events):
        if event.kind == _OPERATOR and event.start == at:
            found.append(_span(event.tag, event.node, ticks, at, at + event.elapsed))
            at += event.elapsed + 1
        elif event.kind == _DELEGATED:
            for each in run:
                found.append(_span(each.tag, None, ticks, at, at + each.elapsed))
                at += each.elapsed
            at += 1
        else:
            raise _unfit(f"{event.tag} began at look {event.start}, expected {at}")
    if at != end:
        raise _unfit(f"{end - at} looks are left over")
    return found


def watched(events: Sequence[Event], ticks: Sequence[Figures], operators: int) -> list[Ran]:
    """Return what TFLite ran, in order, where Python marked it off.

    Nodes beyond those of the file are XNNPACK's: each is a part of the graph that it took over.
    What Python takes to mark, which lies between the first two looks, is taken off; it differs by
    some hundred instructions from one to the next.

    Args:
        events: Which operator ran between which looks.
        ticks: Figures between looks.
        operators: How many the main graph of the file has.

    Raises:
        DeviceError: events and looks do not fit together.
    """
    if len(ticks) < 2:
        raise _unfit(f"{len(ticks)} looks, expected two around nothing")
    idle = ticks[1]["instructions"]
    found = [
        _span("XNNPACK", each.node if each.node < operators else None, ticks, each.start - 1,
              each.start - 1 + each.elapsed)
        for each in events
    ]  # fmt: skip
    return [replace(one, cost=max(one.cost - idle, 0)) for one in found]


def _steps(events: Sequence[Event]) -> Iterator[tuple[Event, list[Event]]]:
    """Yield operators of TFLite's own, and the first of each delegate's part with all of it."""
    part = list[Event]()
    for event in events:
        if part and (event.kind == _OPERATOR or (event.kind == _DELEGATED and event.node == 0)):
            yield part[0], part
            part = []
        if event.kind == _DELEGATED:
            part.append(event)
        elif event.kind == _OPERATOR:
            yield event, []
    if part:
        yield part[0], part


def _span(name: str, node: int | None, ticks: Sequence[Figures], start: int, end: int) -> Ran:
    if not 0 < start <= end <= len(ticks):
        raise _unfit(f"{name} lies between looks {start} and {end} of {len(ticks)}")
    return Ran(name=name, node=node, cost=added(ticks[start:end])["instructions"])


def _unfit(what: str) -> DeviceError:
    return DeviceError(f"the profiler's events do not fit its looks at the clock: {what}")
