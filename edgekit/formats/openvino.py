"""OpenVINO models on their way to disk."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from edgekit.extras import load

# A kind of operation and a number, as OpenVINO names what nobody named; NNCF's quantizers follow.
_NUMBERED = re.compile(r"(?P<kind>[A-Z][A-Za-z0-9]*)_(?P<number>\d+)(?P<rest>/fq_\w+)?")
_KEPT = ("Parameter", "Result")


def save(model: Any, path: Path, *, half: bool = False) -> None:
    """Write an ``openvino.Model``; the same model gives the same bytes in every process.

    With ``half`` constants are stored in half precision.
    """
    name_by_place(model)
    load("openvino").save_model(model, str(path), compress_to_fp16=half)


def name_by_place(model: Any) -> None:
    """Name the operations that nobody named by their place.

    OpenVINO gives them a number that counts all operations that the process ever made. Copies and
    rewritten operations inherit it, so that it is known by its form only.
    """
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() not in _KEPT]
    found = [_unnamed(node) for node in nodes]
    taken = {n.get_friendly_name() for n, own in zip(nodes, found, strict=True) if own is None}
    places: dict[tuple[str, str], str] = {}
    for index, (node, own) in enumerate(zip(nodes, found, strict=True)):
        if own is None:
            continue
        kind, number, rest = own
        if (kind, number) not in places:
            place = f"{kind}.{index}"
            while place in taken:
                place += ".1"
            taken.add(place)
            places[kind, number] = place
        node.set_friendly_name(f"{places[kind, number]}{rest}")


def _unnamed(node: Any) -> tuple[str, str, str] | None:
    """Return kind, number and rest of a name that OpenVINO gave; None if somebody else did."""
    name = node.get_friendly_name()
    if name == node.get_name():
        return node.get_type_name(), name, ""
    found = _NUMBERED.fullmatch(name)
    if found is None or found["kind"].lower() not in _kinds():
        return None
    return found["kind"], found["number"], found["rest"] or ""


@functools.cache
def _kinds() -> frozenset[str]:
    """Return the kinds of operation that OpenVINO has, in small letters."""
    opset = load("openvino.opset13")
    return frozenset(name.replace("_", "") for name in dir(opset))
