"""How a custom layer passes channels on, as its author says.

The layer, or an entry point (see ``custom_layers``), has a method ``edgekit_channels``. It returns
a dictionary: ``weights`` says for each weight, by the attribute that holds it, what each of its
axes counts: "in", "out" or None; ``counts`` names the key of ``get_config()`` that says how many
channels come out. Without ``counts`` every channel passes by itself, and only "in" may be used::

    def edgekit_channels(self):
        return {"weights": {"kernel": ["in", "out"], "bias": ["out"]}, "counts": "units"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.errors import OptionError
from edgekit.passes.channels.ledger import Call, Cut, Ids, Ledger, Untreated
from edgekit.passes.channels.weighted import place
from edgekit.passes.custom_layers import description

METHOD = "edgekit_channels"


def custom(call: Call, ledger: Ledger) -> Ids:
    """Follow a layer by its author's description.

    Raises:
        Untreated: there is none.
        OptionError: it does not fit the layer.
    """
    layer = call.node.layer
    said = description(layer, METHOD)
    if said is None or len(call.given) != 1:
        raise Untreated(f"how {type(layer).__name__} passes channels on is not known")
    table = said()
    if not isinstance(table, Mapping) or set(table) - {"weights", "counts"}:
        raise OptionError(f"{layer.name}: expected {METHOD} to give weights and counts: {table!r}")
    key = table.get("counts")
    out = call.given[0] if key is None else ledger.made(layer, call.result[-1] or 0)
    if key is None and call.result[-1] != len(out):
        raise OptionError(f"{layer.name}: {METHOD} names no counts, but channels do not pass by")
    axes: dict[int, dict[int, Ids]] = {}
    filters = []
    for name, letters in dict(table.get("weights", {})).items():
        number = _found(layer, name, letters)
        known = {"in": call.given[0], "out": out}
        axes[number] = {axis: known[what] for axis, what in enumerate(letters) if what in known}
        if key is not None and len(letters) > 1:
            filters += [(number, axis) for axis, what in enumerate(letters) if what == "out"]
    _refuse_sizes(layer, axes)
    works = tuple((number, call.places(call.result)) for number, _ in filters)
    counts = {} if key is None else {str(key): out}
    ledger.cut(layer, Cut(axes=axes, counts=counts, filters=tuple(filters), works=works))
    return out


def _found(layer: Any, name: str, letters: Any) -> int:
    number = place(layer, layer, name)
    if number is None or len(layer.variables[number].shape) != len(letters):
        raise OptionError(
            f"{layer.name}: {METHOD} gives {len(letters)} axes of {name!r}, which is no weight of "
            "so many"
        )
    return number


def _refuse_sizes(layer: Any, axes: Mapping[int, Mapping[int, Ids]]) -> None:
    for number, along in axes.items():
        shape = layer.variables[number].shape
        for axis, ids in along.items():
            if shape[axis] != len(ids):
                raise OptionError(
                    f"{layer.name}: {METHOD} says that axis {axis} of a weight counts {len(ids)} "
                    f"channels, and its shape is {tuple(shape)}"
                )
