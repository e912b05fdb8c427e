"""The channels of a whole model: walked once, then divided into what leaves together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.channels import known
from edgekit.passes.channels.custom import custom
from edgekit.passes.channels.ledger import Call, Cut, Ids, Ledger, Rule, Untreated
from edgekit.passes.channels.weighted import RECURRENT, RULES
from edgekit.passes.channels.weightless import LAYERS, OPERATIONS
from edgekit.passes.custom_layers import is_custom

Keep = NDArray[np.bool_]
"""By class of channels: whether it stays."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Classes of channels that the same layers make, so that any of them may leave.

    Args:
        classes: Numbers of the classes.
        makers: How many channels of each class each layer makes, by the layer's name.
    """

    classes: Ids
    makers: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Wiring:
    """Who makes, passes on and reads the channels of a model.

    Args:
        classes: Class of every id.
        groups: Groups that may shrink.
        layers: Layers with a cut, or which make channels, by name.
        cuts: How layers follow their channels, by name.
        works: Variables and how often each of their entries is multiplied, all calls together.
        makers: Ids of the channels that a layer makes, by its name.
        reasons: Why a class stays, by its number; the first reason found.
        unknown: Why a layer could not be followed, by its name.
        tensors: Ids along the last axis of each tensor, by the tensor's ``id()``.
    """

    classes: Ids
    groups: tuple[Group, ...]
    layers: Mapping[str, Any]
    cuts: Mapping[str, Cut]
    works: Mapping[str, Sequence[tuple[int, int]]]
    makers: Mapping[str, Ids]
    reasons: Mapping[int, str]
    unknown: Mapping[str, str]
    tensors: Mapping[int, Ids]

    def everything(self) -> Keep:
        """Return the choice in which every channel stays."""
        return np.ones(int(self.classes.max(initial=-1)) + 1, np.bool_)

    def knows(self, layer: Any) -> bool:
        """Whether a layer has a cut."""
        return layer.name in self.cuts and self.layers[layer.name] is layer

    def mask(self, ids: Ids, keep: Keep) -> Keep:
        """Return for each of some ids whether its class stays."""
        found: Keep = keep[self.classes[ids]]
        return found


def wired(graph: Any, *, skip: Sequence[str] = ()) -> Wiring:
    """Follow the channels of a model.

    Inputs and outputs of the model keep all their channels, and so does what a layer touches that
    no rule is known for.

    Args:
        graph: Of a flat model.
        skip: Patterns of names of layers that keep all channels that they make.
    """
    ledger, unknown = Ledger(), dict[str, str]()
    tensors: dict[int, Ids] = {}
    for tensor in graph.model.inputs:
        tensors[id(tensor)] = ledger.fresh(_width(tensor))
        ledger.freeze(tensors[id(tensor)], f"they are the input {tensor.name!r}")
    for node in graph.nodes:
        given = tuple(tensors[id(tensor)] for tensor in node.inputs)
        try:
            outputs: tuple[Ids, ...] = (_followed(node, given, ledger),)
        except Untreated as reason:
            unknown.setdefault(node.layer.name, str(reason))
            outputs = _stopped(node, given, ledger)
        for tensor, ids in zip(node.outputs, outputs, strict=True):
            tensors[id(tensor)] = ids
    for tensor in graph.model.outputs:
        ledger.freeze(tensors[id(tensor)], "they are an output of the model")
    for layer, ids in ledger.makers():
        if any(fnmatchcase(layer.name, pattern) for pattern in skip):
            ledger.freeze(ids, "skipped by name")
    return _resolved(ledger, unknown, tensors)


def _followed(node: Any, given: tuple[Ids, ...], ledger: Ledger) -> Ids:
    call = Call(node=node, layer=node.layer, given=given)
    if node.kind == "TimeDistributed" and not is_custom(node.layer):
        call = Call(node=node, layer=node.layer.layer, given=given, path=("layer", "config"))
    rule = custom if is_custom(call.layer) else _rule(call.layer)
    if len(node.outputs) != 1 or getattr(call.layer, "data_format", None) == "channels_first":
        raise Untreated("it has several outputs, or channels first")
    if rule in RULES.values() and len(given) != 1:
        raise Untreated("it takes more than one input")
    out = rule(call, ledger)
    if len(out) != (node.output.shape[-1] if node.output.shape else None):
        raise Untreated("its last axis is of open length")
    if mixing := _mixes(call.layer):
        ledger.freeze(out, f"the activation {mixing} of {node.name} mixes them")
    return out


def _rule(layer: Any) -> Rule:
    import keras

    kind = type(layer).__name__
    rules = {**RULES, **LAYERS} if isinstance(layer, keras.Layer) else OPERATIONS
    if kind not in rules:
        raise Untreated(f"how {kind} passes channels on is not known")
    return rules[kind]


def _mixes(layer: Any) -> str | None:
    """Return the name of a layer's activation, unless it is known to take channels one by one."""
    import keras

    activation = getattr(layer, "activation", None)
    kind = type(layer).__name__
    if activation is None or kind in RECURRENT or kind == "Bidirectional":
        return None
    if isinstance(activation, keras.Layer):
        return None if type(activation).__name__ in ("ReLU", "LeakyReLU", "ELU") else "layer"
    name = str(getattr(activation, "__name__", activation))
    plain = name in known.ACTIVATIONS and getattr(keras.activations, name, None) is activation
    return None if plain else name


def _stopped(node: Any, given: tuple[Ids, ...], ledger: Ledger) -> tuple[Ids, ...]:
    """Freeze all that a call touches."""
    outputs = tuple(ledger.fresh(_width(tensor)) for tensor in node.outputs)
    cut = ledger.cuts.get(id(node.layer))
    for ids in (*given, *outputs, *(cut.ids() if cut else ())):
        ledger.freeze(ids, f"{node.name} reads or makes them")
    return outputs


def _width(tensor: Any) -> int:
    return int(tensor.shape[-1] or 0) if len(tensor.shape) > 1 else 0


def _resolved(ledger: Ledger, unknown: Mapping[str, str], tensors: Mapping[int, Ids]) -> Wiring:
    classes = ledger.classes()
    reasons: dict[int, str] = {}
    for ids, reason in ledger.frozen:
        for number in np.unique(classes[ids]).tolist():
            reasons.setdefault(number, reason)
    makers = {layer.name: ids for layer, ids in ledger.makers()}
    names = {key: layer.name for key, layer in ledger.layers.items()}
    return Wiring(
        classes=classes,
        groups=_groups(classes, makers, reasons),
        layers={layer.name: layer for layer in ledger.layers.values()},
        cuts={names[key]: cut for key, cut in ledger.cuts.items()},
        works={names[key]: works for key, works in ledger.works.items()},
        makers=makers,
        reasons=reasons,
        unknown=unknown,
        tensors=tensors,
    )


def _groups(
    classes: Ids, makers: Mapping[str, Ids], reasons: Mapping[int, str]
) -> tuple[Group, ...]:
    made: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for name, ids in makers.items():
        numbers, counts = np.unique(classes[ids], return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            made[number].append((name, count))
    alike: dict[tuple[tuple[str, int], ...], list[int]] = defaultdict(list)
    for number, makes in sorted(made.items()):
        if number not in reasons:
            alike[tuple(makes)].append(number)
    return tuple(
        Group(classes=np.array(numbers), makers=dict(makes)) for makes, numbers in alike.items()
    )
