"""Decides where an integer runtime rounds: which tensors, on whose range, and which weights.

The rules are those of TFLite's int8 specification: what an operator's kernel wants at one scale has
one range, softmax, sigmoid and tanh have fixed ones, and what is fused is never rounded between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from edgekit.passes.base import Treatment
from edgekit.passes.graph import Graph, Node
from edgekit.passes.simulate.grid import Range
from edgekit.passes.simulate.kinds import (
    AVERAGES,
    FIXED,
    FIXED_INT16,
    FUSING,
    JOINS,
    KERNELS,
    MOVES,
    RECTIFIERS,
    fixed_function,
    function_of,
    is_keras,
)  # fmt: skip
from edgekit.passes.simulate.loose import loose

_LEFT = {
    "LSTM": "recurrent", "GRU": "recurrent", "SimpleRNN": "recurrent", "Bidirectional": "recurrent",
    "RNN": "recurrent", "TimeDistributed": "a layer inside", "ConvLSTM1D": "recurrent",
    "ConvLSTM2D": "recurrent", "MultiHeadAttention": "attention", "Attention": "attention",
    "GroupedQueryAttention": "attention", "AdditiveAttention": "attention",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """A kernel to round: one step covers ``axes``, integers go from -levels to levels."""

    axes: tuple[int, ...]
    levels: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What is rounded.

    ``groups`` names the range of each tensor that is rounded, by the tensor's name; tensors of one
    group share it. ``fixed`` are the groups whose range is known. ``rounds`` are the tensors that
    need rounding themselves; the others only move values of their group, but for the ``loose``
    ones, which stay in float. ``weights`` are the kernels by
    layer; ``kind`` is the format.
    """

    groups: Mapping[str, str]
    fixed: Mapping[str, Range]
    rounds: frozenset[str]
    loose: frozenset[str]
    weights: Mapping[str, Weights]
    kind: str
    treatments: tuple[Treatment, ...]


def plan(
    graph: Graph, *, levels: Mapping[str, int], default_levels: int, skip: Sequence[str] = (),
    wide: bool = False, kind: str = "tflite",
) -> Plan:  # fmt: skip
    """Plan the simulation of a spread model.

    Args:
        graph: Of the model.
        levels: Largest integer of the weights by layer name pattern; the first that fits counts.
        default_levels: Of the layers that no pattern fits.
        skip: Name patterns of layers whose weights and outputs are left alone.
        wide: Whether activations have 16 bits.
        kind: The format.
    """
    draft = _Draft(graph, FIXED_INT16 if wide else FIXED)
    done: list[Treatment] = []
    weights: dict[str, Weights] = {}
    for node in graph.nodes:
        if any(fnmatchcase(str(node.layer.name), pattern) for pattern in skip):
            done.append(Treatment(layer=node.name, skipped="the option skip names it"))
            continue
        if node.kind not in _LEFT and node.kind in KERNELS and is_keras(node.layer):
            own = _levels(str(node.layer.name), levels, default_levels)
            weights[str(node.layer.name)] = Weights(axes=KERNELS[node.kind], levels=own)
        done += _said(node, weights)
        draft.add(node)
    names = draft.names
    free = loose(graph, names, kind)
    groups = {name: draft.families.head(name) for name in draft.families}
    known = {groups[name]: limits for name, limits in draft.fixed.items()}
    return Plan(
        groups=groups, fixed=known, rounds=frozenset(draft.rounds - free), loose=frozenset(free),
        weights=weights, kind=kind, treatments=tuple(done),
    )  # fmt: skip


def _said(node: Node, weights: Mapping[str, Weights]) -> list[Treatment]:
    """Say what happens to the weights of a layer; nothing of one that has none to round."""
    own = weights.get(str(node.layer.name))
    if reason := _LEFT.get(node.kind):
        return [Treatment(layer=node.name, skipped=_why(reason))]
    if own is not None:
        return [Treatment(layer=node.name, done=f"weights on {2 * own.levels + 1} steps")]
    if node.layer.__class__.__module__.split(".")[0] != "keras":
        return [Treatment(layer=node.name, skipped="a custom layer: left in float inside")]
    return []


class _Draft:
    """Which tensors are rounded, on whose range, as far as the graph has been looked at."""

    def __init__(self, graph: Graph, ranges: Mapping[str, Range]) -> None:
        self.graph, self.names, self._ranges = graph, graph.tensor_names(), ranges
        self.families = _Families()
        self.fixed: dict[str, Range] = {}
        self.rounds: set[str] = set()
        for tensor in graph.model.inputs:
            if "float" in str(tensor.dtype):
                self.families.add(self.names[id(tensor)])
                self.rounds.add(self.names[id(tensor)])

    def add(self, node: Node) -> None:
        """Look at what a node gives."""
        if _is_fused(self.graph, node):
            return
        for tensor in node.outputs:
            if "float" in str(tensor.dtype):
                self._add(node, self.names[id(tensor)])

    def _add(self, node: Node, name: str) -> None:
        self.families.add(name)
        if function := fixed_function(node, self._ranges):
            self.fixed[name] = self._ranges[function]
            self.rounds.add(name)
        elif node.kind in MOVES | AVERAGES | JOINS:
            sources = [s for t in node.inputs if (s := self.names[id(t)]) in self.families]
            free = [s for s in sources if s not in self.fixed or node.kind not in JOINS]
            for source in free:
                self.families.unite(source, name)
            if node.kind not in MOVES or len(free) < len(node.inputs):
                self.rounds.add(name)
        else:
            self.rounds.add(name)
            if _rectifies(node):
                self._unite_with_twins(node, name)

    def _unite_with_twins(self, node: Node, name: str) -> None:
        """Give equal rectifiers of one tensor one range: converters make one of them."""
        for other in self.graph.consumers(node.inputs[0]):
            if function_of(other) == function_of(node):
                self.families.unite(name, self.names[id(other.output)])


def _why(reason: str) -> str:
    return f"{reason}: its weights and inner activations are rounded at conversion, on calibration"


def _levels(name: str, patterns: Mapping[str, int], default: int) -> int:
    fitting = (levels for pattern, levels in patterns.items() if fnmatchcase(name, pattern))
    return next(fitting, default)


def gate_range(plan: Plan, node: Node, name: str, *, wide: bool) -> Range | None:
    """Return the range of the sigmoid that TFLite rounds inside silu; None for other layers.

    TFLite has no operator for silu: x is multiplied by a sigmoid of its own.
    """
    if plan.kind != "tflite" or function_of(node) != "silu" or name not in plan.rounds:
        return None
    return (FIXED_INT16 if wide else FIXED)["sigmoid"]


def _is_fused(graph: Graph, node: Node) -> bool:
    """Whether what follows is part of this operation, so that nothing is rounded between.

    Converters make one of equal rectifiers.
    """
    followers = graph.consumers(node.output)
    if graph.is_output(node.output) or node.kind not in FUSING or not followers:
        return False
    if len(followers) == 1 and followers[0].kind == "BatchNormalization":
        return node.kind in KERNELS
    return len({function_of(each) for each in followers}) == 1 and _rectifies(followers[0])


def _rectifies(node: Node) -> bool:
    return function_of(node) in RECTIFIERS


class _Families:
    """Disjoint sets of names."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._parents

    def __iter__(self) -> Any:
        return iter(tuple(self._parents))

    def add(self, name: str) -> None:
        self._parents.setdefault(name, name)

    def head(self, name: str) -> str:
        while self._parents[name] != name:
            name = self._parents[name]
        return name

    def unite(self, one: str, other: str) -> None:
        self.add(one)
        self.add(other)
        self._parents[self.head(other)] = self.head(one)
