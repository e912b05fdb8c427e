"""Where channels can be scaled in one layer and scaled back in those behind, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgekit.passes.graph import Graph, Node
from edgekit.passes.linear.activation import Function, function, own_function
from edgekit.passes.linear.view import Kernel, Linear, linear

# They act on every channel alike, and give s f(x) for s x, s > 0.
_ANYWHERE = frozenset({
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout",
    "GaussianNoise", "ActivityRegularization",
})  # fmt: skip
_PADDING = frozenset({"ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"})
_ALONG_SPACE = _PADDING | frozenset({
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D",
    "AveragePooling3D", "Cropping1D", "Cropping2D", "Cropping3D", "UpSampling1D", "UpSampling2D",
    "UpSampling3D",
})  # fmt: skip
_GLOBAL = frozenset({
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Reader:
    """A layer that reads the scaled channels, ``copies`` times one after the other (flattened)."""

    view: Linear
    copies: int = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Link:
    """A layer whose output channels can be divided, and all that read them.

    Args:
        node: The call of the layer.
        view: Of the layer.
        readers: What reads the channels, in the end.
        ceilings: Calls on the way, maybe the layer's own, that cut off at 6: no factor passes them.
        rectified: Whether negative values are cut off on the way, or bent.
        padded: Whether zeros are put around the channels on the way, or by a reader.
    """

    node: Node
    view: Linear
    readers: tuple[Reader, ...]
    ceilings: tuple[Node, ...]
    rectified: bool
    padded: bool

    @property
    def kernel(self) -> Kernel:
        """The kernel that makes the channels."""
        return self.view.kernels[-1]


class NoLink(Exception):
    """Channels of a layer cannot be scaled; the text says why."""


def links(graph: Graph) -> Iterator[Link | tuple[Node, str]]:
    """Yield, for each linear layer in order, its link, or the call and why there is none."""
    for node in graph.nodes:
        view = linear(node.layer)
        if view is None:
            continue
        try:
            yield _link(graph, node, view)
        except NoLink as error:
            yield node, str(error)


def _link(graph: Graph, node: Node, view: Linear) -> Link:
    _refuse_shared(graph, node)
    way = _Way(graph)
    mine = own_function(node.layer)
    way.pass_function(node, mine)
    way.follow(node.output, view.axis(len(node.output.shape)), 1)
    return Link(
        node=node,
        view=view,
        readers=tuple(way.readers),
        ceilings=tuple(way.ceilings),
        rectified=way.rectified,
        padded=way.padded or any(reader.view.pads for reader in way.readers),
    )


def _refuse_shared(graph: Graph, node: Node) -> None:
    if len(graph.calls_of(node.layer)) > 1:
        raise NoLink(f"{node.layer.name} is shared")


class _Way:
    """What is met on the way from a tensor to the layers that read it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.readers: list[Reader] = []
        self.ceilings: list[Node] = []
        self.rectified = self.padded = False

    def pass_function(self, node: Node, name: Function) -> None:
        if name == "other":
            raise NoLink(f"{node.name} ({node.kind}) does not commute with scaling")
        if name == "relu6":
            self.ceilings.append(node)
        self.rectified |= name != "linear"

    def follow(self, tensor: Any, axis: int, copies: int) -> None:
        """Collect the readers of a tensor whose channels lie along an axis."""
        if self._graph.is_output(tensor):
            raise NoLink("its channels are an output of the model")
        for node in self._graph.consumers(tensor):
            view = linear(node.layer)
            if view is None:
                self.follow(node.output, *self._through(node, axis, copies))
                continue
            _refuse_shared(self._graph, node)
            if view.axis(len(tensor.shape)) != axis:
                raise NoLink(f"{node.name} has its channels along another axis")
            self.readers.append(Reader(view=view, copies=copies))

    def _through(self, node: Node, axis: int, copies: int) -> tuple[int, int]:
        """Return axis and copies behind a call that no weights are in."""
        kind, layer, rank = node.kind, node.layer, len(node.inputs[0].shape)
        if not type(layer).__module__.startswith("keras.") or len(node.inputs) != 1:
            raise NoLink(f"{node.name} ({kind}) is in the way")
        first = getattr(layer, "data_format", "channels_last") == "channels_first"
        fits = axis == (1 if first else rank - 1)
        if kind in _ANYWHERE:
            return axis, copies
        if kind in _ALONG_SPACE and fits:
            self.padded |= kind in _PADDING
            return axis, copies
        if kind in _GLOBAL and fits:
            return (axis if layer.keepdims else 1), copies
        if kind == "Flatten" and fits and not first:
            channels, size = node.inputs[0].shape[-1], node.output.shape[-1]
            if channels and size:
                return 1, copies * (size // channels)
        self.pass_function(node, function(node))
        return axis, copies
