"""Reads what the runner and the plugin tell; a line that is not as expected is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgekit.devices.figures import Counts
from edgekit.errors import DeviceError

_FIXED = (
    "instructions", "loads", "stores", "load_bytes", "store_bytes", "l1_misses", "l2_misses",
)  # fmt: skip

Figures = Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Counted:
    """``totals`` of each marked inference; ``ticks`` between looks at the clock in the last one.

    ``gathers`` are AVX2's by an index in vector register 4, of all of these inferences together.
    """

    totals: tuple[Figures, ...]
    ticks: tuple[Figures, ...]
    gathers: int = 0


@dataclass(frozen=True, kw_only=True)
class Event:
    """What the profiler tells; times are numbers of looks at the clock, counted from 1.

    ``kind`` is 2 for an operator of the file, ``node`` its place; 8 for one of a delegate's own.
    """

    kind: int
    start: int
    elapsed: int
    node: int
    graph: int
    tag: str


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node that ran, and between which looks at the clock, counted from the inference's begin."""

    kind: str
    name: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Told:
    """``outputs`` are (bytes, name) in the order in which they are written.

    ``profiled_from`` are the looks at the clock that a profile in a file counts before the
    inference. ``nodes`` are as the profiler listed them. ``gathers_right`` says that the emulator
    was seen to do right what ``Counted.gathers`` counts.
    """

    outputs: tuple[tuple[int, str], ...]
    events: tuple[Event, ...]
    profiled_from: int = 0
    nodes: tuple[Node, ...] = ()
    gathers_right: bool = False


def read_counts(text: str) -> Counted:
    """Read the plugin's file.

    Raises:
        DeviceError: it is not whole.
    """
    head, *rest = text.splitlines() or [""]
    word, *classes = head.split() or [""]
    if word != "classes" or not classes:
        raise _unexpected(head)
    names = (*_FIXED, *classes)
    totals, ticks, gathers = list[Figures](), list[Figures](), 0
    for line in rest:
        kind, *numbers = line.split() or [""]
        if kind == "gathers" and len(numbers) == 1:
            gathers = _number(numbers[0])
            continue
        if kind not in ("total", "tick") or len(numbers) != len(names):
            raise _unexpected(line)
        row = dict(zip(names, map(_number, numbers), strict=True))
        (totals if kind == "total" else ticks).append(row)
    return Counted(totals=tuple(totals), ticks=tuple(ticks), gathers=gathers)


def read_told(text: str) -> Told:
    """Read what the runner printed.

    Raises:
        DeviceError: it did not come to its end, or printed something else.
    """
    outputs, events, nodes, ended, profiled_from, right = [], [], [], False, 0, False
    for line in text.split("\n")[:-1]:
        word, _, rest = line.partition(" ")
        if word == "output":
            size, _, name = rest.partition(" ")
            outputs.append((_number(size), _plain(name)))
        elif word == "event":
            *numbers, tag = rest.split(" ", 5)
            if len(numbers) != 5:
                raise _unexpected(line)
            kind, start, elapsed, node, graph = map(_number, numbers)
            events.append(Event(kind=kind, start=start, elapsed=elapsed, node=node, graph=graph,
                                tag=_plain(tag)))  # fmt: skip
        elif word == "node":
            nodes.append(_node(line, rest.split(" ", 3)))
        elif word == "profile":
            profiled_from = _number(rest)
        elif word == "gathers":
            right = True
        elif word == "done":
            ended = True
        elif word != "input":
            raise _unexpected(line)
    if not ended:
        raise DeviceError("expected the runner to come to its end, it stopped before")
    return Told(
        outputs=tuple(outputs), events=tuple(events), profiled_from=profiled_from,
        nodes=tuple(nodes), gathers_right=right,
    )  # fmt: skip


def _node(line: str, words: Sequence[str]) -> Node:
    if len(words) != 4:
        raise _unexpected(line)
    start, end, kind, name = words
    return Node(kind=_plain(kind), name=_plain(name), start=_number(start), end=_number(end))


def counts_of(figures: Figures) -> Counts:
    """Return figures as they are reported; classes that did not occur are left out."""
    fixed = {name: figures[name] for name in _FIXED}
    classes = {name: n for name, n in figures.items() if name not in _FIXED and n}
    return Counts(**fixed, classes=classes)


def added(rows: Sequence[Figures]) -> dict[str, int]:
    """Return the sum of rows, name by name; of none, no instructions."""
    names = rows[0] if rows else ("instructions",)
    return {name: sum(row[name] for row in rows) for name in names}


def _plain(name: str) -> str:
    """Return a name in which the runner has spelled out what is no plain character."""
    spelled = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes.fromhex(m[1].decode()), name.encode())
    return spelled.decode("utf-8", errors="replace")


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise _unexpected(text) from error


def _unexpected(line: str) -> DeviceError:
    return DeviceError(
        f"expected counts from the emulator, got {line[:100]!r};"
        " fetch its tools again: edgekit devices install --again"
    )
