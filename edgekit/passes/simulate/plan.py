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
from edgekit.passes.simulate.spread import activation_of

# Input and output have one scale. Those of the second kind average, and so round again.
_MOVES = frozenset({
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "GlobalMaxPooling1D",
    "GlobalMaxPooling2D", "GlobalMaxPooling3D", "Flatten", "Reshape", "Permute",
    "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D", "Cropping2D",
    "Cropping3D", "UpSampling1D", "UpSampling3D", "RepeatVector", "Dropout",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout",
    "GaussianNoise", "AlphaDropout", "ActivityRegularization", "Identity", "Transpose",
    "Squeeze", "ExpandDims", "GetItem", "Split", "Pad",
})  # fmt: skip
_AVERAGES = frozenset({
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "UpSampling2D",
})  # fmt: skip
_JOINS = frozenset(["Concatenate"])
# A rectifier right behind them is part of them.
_FUSING = frozenset({
    "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D", "Dense", "Add",
    "Subtract", "Multiply", "BatchNormalization",
})  # fmt: skip
_RECTIFIERS = ("relu", "relu6")
_FIXED: Mapping[str, Range] = {
    "softmax": (0.0, 255 / 256), "sigmoid": (0.0, 255 / 256), "tanh": (-1.0, 127 / 128),
}  # fmt: skip
_FIXED_INT16: Mapping[str, Range] = dict.fromkeys(_FIXED, (-32767 / 32768, 32767 / 32768))
_NAMED = {"ReLU": "relu", "Softmax": "softmax", "Relu": "relu", "Relu6": "relu6",
          "Sigmoid": "sigmoid", "Tanh": "tanh"}  # fmt: skip
# The axes of a kernel that one step covers.
_KERNELS: Mapping[str, tuple[int, ...]] = {
    "Dense": (0,), "Conv1D": (0, 1), "Conv2D": (0, 1, 2), "Conv3D": (0, 1, 2, 3),
    "DepthwiseConv1D": (0,), "DepthwiseConv2D": (0, 1), "Conv1DTranspose": (0, 2),
    "Conv2DTranspose": (0, 1, 3), "Conv3DTranspose": (0, 1, 2, 4),
}  # fmt: skip
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
        kind: The format. In OpenVINO and ONNX outputs stay in float. OpenVINO's last softmax reads
            float too, and it adds onto the sums of a convolution before they are rounded. ONNX
            Runtime averages whole maps that were never rounded.
    """
    draft = _Draft(graph, _FIXED_INT16 if wide else _FIXED)
    done: list[Treatment] = []
    weights: dict[str, Weights] = {}
    for node in graph.nodes:
        if any(fnmatchcase(str(node.layer.name), pattern) for pattern in skip):
            done.append(Treatment(layer=node.name, skipped="the option skip names it"))
            continue
        if node.kind not in _LEFT and node.kind in _KERNELS and _is_keras(node.layer):
            own = _levels(str(node.layer.name), levels, default_levels)
            weights[str(node.layer.name)] = Weights(axes=_KERNELS[node.kind], levels=own)
        done += _said(node, weights)
        draft.add(node)
    names = draft.names
    loose = _ends(graph, names, logits=kind == "openvino") if kind != "tflite" else set()
    loose |= _added_to(graph, names) if kind == "openvino" else set()
    loose |= _averaged(graph, names) if kind == "onnx" else set()
    groups = {name: draft.families.head(name) for name in draft.families}
    known = {groups[name]: limits for name, limits in draft.fixed.items()}
    return Plan(
        groups=groups, fixed=known, rounds=frozenset(draft.rounds - loose), loose=frozenset(loose),
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
        if function := _fixed_function(node, self._ranges):
            self.fixed[name] = self._ranges[function]
            self.rounds.add(name)
        elif node.kind in _MOVES | _AVERAGES | _JOINS:
            sources = [s for t in node.inputs if (s := self.names[id(t)]) in self.families]
            free = [s for s in sources if s not in self.fixed or node.kind not in _JOINS]
            for source in free:
                self.families.unite(source, name)
            if node.kind not in _MOVES or len(free) < len(node.inputs):
                self.rounds.add(name)
        else:
            self.rounds.add(name)


def _ends(graph: Graph, names: Mapping[int, str], *, logits: bool) -> set[str]:
    """Return the outputs, and with ``logits`` what nothing but a last softmax reads."""
    found = set()
    for tensor in graph.model.outputs:
        found.add(names[id(tensor)])
        node = graph.producer(tensor)
        if logits and node is not None and _fixed_function(node, _FIXED):
            before = node.inputs[0]
            if graph.only_consumer(before) is node and graph.producer(before) is not None:
                found.add(names[id(before)])
    return found


def _added_to(graph: Graph, names: Mapping[int, str]) -> set[str]:
    """Return the first operand of each addition that is a convolution's and nobody else's."""
    found = set()
    for node in graph.nodes:
        for tensor in node.inputs if node.kind == "Add" else ():
            producer = graph.producer(tensor)
            if producer and producer.kind in _KERNELS and graph.only_consumer(tensor) is node:
                found.add(names[id(tensor)])
                break
    return found


def _averaged(graph: Graph, names: Mapping[int, str]) -> set[str]:
    """Return what nothing but an average over whole maps reads."""
    return {
        names[id(tensor)]
        for node in graph.nodes
        if "AveragePooling" in node.kind and set(node.output.shape[1:-1]) <= {1}
        for tensor in node.inputs
        if graph.only_consumer(tensor) is node and graph.producer(tensor) is not None
    }


def _why(reason: str) -> str:
    return f"{reason}: its weights and inner activations are rounded at conversion, on calibration"


def _is_keras(layer: Any) -> bool:
    return type(layer).__module__.startswith("keras.") and not getattr(layer, "lora_enabled", False)


def _levels(name: str, patterns: Mapping[str, int], default: int) -> int:
    fitting = (levels for pattern, levels in patterns.items() if fnmatchcase(name, pattern))
    return next(fitting, default)


def function_of(node: Node) -> str:
    """Return the function that an activation layer computes; empty for other layers."""
    if node.kind == "Activation":
        return activation_of(node.layer)
    if node.kind == "ReLU" and _is_keras(node.layer):
        layer = node.layer
        plain = not layer.negative_slope and not layer.threshold
        if not plain or layer.max_value not in (None, 6.0):
            return "other"
        return "relu" if layer.max_value is None else "relu6"
    return _NAMED.get(node.kind, "")


def _fixed_function(node: Node, ranges: Mapping[str, Range]) -> str:
    function = function_of(node)
    return function if function in ranges else ""


def _is_fused(graph: Graph, node: Node) -> bool:
    """Whether the next operation is part of this one, so that nothing is rounded between."""
    follower = graph.only_consumer(node.output)
    if follower is None or node.kind not in _FUSING:
        return False
    if follower.kind == "BatchNormalization":
        return node.kind in _KERNELS
    return function_of(follower) in _RECTIFIERS


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
