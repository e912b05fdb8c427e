"""Where channels can be scaled as they are made and scaled back where they are read, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgekit.passes.graph import Graph, Node
from edgekit.passes.linear.activation import Function, function, own_function
from edgekit.passes.linear.batchnorm import batchnorm
from edgekit.passes.linear.view import Linear, linear

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
_JOINS = frozenset({"Add", "Subtract", "Average", "Maximum", "Minimum"})


@dataclass(frozen=True, kw_only=True, eq=False)
class Reader:
    """A layer that reads the scaled channels from ``tensor``, along ``axis``.

    Behind a flattening it reads them ``copies`` times, one after the other.
    """

    view: Linear
    tensor: Any
    axis: int
    copies: int = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Maker:
    """A call that makes the channels: a linear layer, or a batch norm (no view)."""

    node: Node
    view: Linear | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Link:
    """Channels that can be divided where they are made and multiplied where they are read.

    Args:
        makers: In order; several where sums join what they make.
        readers: What reads the channels, in the end.
        ceilings: Calls on the way that cut off at 6: no factor passes them.
        rectified: Whether negative values are cut off on the way, or bent.
        padded: Whether zeros are put around the channels on the way, or by a reader.
    """

    makers: tuple[Maker, ...]
    readers: tuple[Reader, ...]
    ceilings: tuple[Node, ...]
    rectified: bool
    padded: bool

    @property
    def layers(self) -> list[str]:
        """Names of the layers that make the channels."""
        return [maker.node.name for maker in self.makers]


@dataclass(frozen=True, kw_only=True)
class Unlinked:
    """Layers whose channels cannot be scaled, and why."""

    layers: tuple[str, ...]
    reason: str


class _No(Exception):
    """Channels cannot be scaled; the text says why."""


def links(graph: Graph) -> Iterator[Link | Unlinked]:
    """Yield, in order, what links the linear layers of a model, each of them in one link.

    Batch norms that make channels take part; alone, without a linear layer, too.
    """
    seen: set[int] = set()
    for node in graph.nodes:
        if node.number in seen or not _makes(node):
            continue
        way = _Way(graph)
        try:
            found: Link | Unlinked = way.link(node)
        except _No as error:
            found = Unlinked(layers=(node.name,), reason=str(error))
        else:
            seen.update(maker.node.number for maker in way.makers)
        yield found


class _Way:
    """What is met on the way from a call to the layers that read its channels, and back."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._scaled: dict[int, tuple[int, int]] = {}
        self._pending: list[Any] = []
        self._readers: list[Reader] = []
        self._ceilings: dict[int, Node] = {}
        self._rectified = self._padded = False
        self.makers: list[Maker] = []

    def link(self, node: Node) -> Link:
        """Return the link that a call's channels are in.

        A scaled tensor has a maker that can scale it, and is scaled for everybody who reads it; so
        whatever stands between two scaled tensors must commute with scaling, and sums want all that
        they add scaled.
        """
        self._reach(node.output, axis_made(node), 1)
        while self._pending:
            tensor = self._pending.pop()
            axis, copies = self._scaled[id(tensor)]
            if self._graph.is_output(tensor):
                raise _No("its channels are an output of the model")
            self._look_back(tensor, axis, copies)
            for reader in self._graph.consumers(tensor):
                self._look_ahead(reader, tensor, axis, copies)
        return Link(
            makers=tuple(sorted(self.makers, key=lambda maker: maker.node.number)),
            readers=tuple(self._readers),
            ceilings=tuple(self._ceilings.values()),
            rectified=self._rectified,
            padded=self._padded or any(reader.view.pads for reader in self._readers),
        )

    def _reach(self, tensor: Any, axis: int, copies: int) -> None:
        if id(tensor) not in self._scaled:
            self._scaled[id(tensor)] = axis, copies
            self._pending.append(tensor)
        elif self._scaled[id(tensor)] != (axis, copies):
            raise _No("its channels meet others in another order")

    def _look_back(self, tensor: Any, axis: int, copies: int) -> None:
        node = self._graph.producer(tensor)
        if node is None:
            raise _No("its channels are added to an input of the model")
        if _makes(node):
            self._make(node, axis, copies)
        elif _joins(node):
            self._join(node, axis, copies)
        else:
            self._pass(node)
            gathers = node.kind in _GLOBAL or node.kind == "Flatten"
            source = node.inputs[0]
            self._reach(source, *((_axis_read(node), 1) if gathers else (axis, copies)))

    def _look_ahead(self, node: Node, tensor: Any, axis: int, copies: int) -> None:
        view = linear(node.layer)
        if view is not None:
            self._refuse_shared(node)
            if view.axis(len(tensor.shape)) != axis:
                raise _No(f"{node.name} has its channels along another axis")
            self._readers.append(Reader(view=view, tensor=tensor, axis=axis, copies=copies))
        elif _joins(node):
            self._join(node, axis, copies)
        else:
            self._pass(node)
            self._reach(node.output, *_through(node, axis, copies))

    def _make(self, node: Node, axis: int, copies: int) -> None:
        self._refuse_shared(node)
        if (axis, copies) != (axis_made(node), 1):
            raise _No(f"{node.name} has its channels along another axis")
        view = linear(node.layer)
        if view is not None:
            self._activate(node, own_function(node.layer))
        elif not (node.layer.scale and node.layer.center):
            raise _No(f"{node.name} has nothing to scale")
        self.makers.append(Maker(node=node, view=view))

    def _join(self, node: Node, axis: int, copies: int) -> None:
        """Scale all that is added up, and the sum."""
        shape = node.output.shape
        if any(len(t.shape) != len(shape) or t.shape[axis] != shape[axis] for t in node.inputs):
            raise _No(f"{node.name} ({node.kind}) repeats what it joins")
        for tensor in (*node.inputs, node.output):
            self._reach(tensor, axis, copies)

    def _pass(self, node: Node) -> None:
        """Refuse a call that does not commute with positive factors."""
        if not type(node.layer).__module__.startswith("keras.") or len(node.inputs) != 1:
            raise _No(f"{node.name} ({node.kind}) is in the way")
        self._padded |= node.kind in _PADDING
        if node.kind not in _ANYWHERE | _ALONG_SPACE | _GLOBAL | {"Flatten"}:
            self._activate(node, function(node))

    def _activate(self, node: Node, name: Function) -> None:
        if name == "other":
            raise _No(f"{node.name} ({node.kind}) does not commute with scaling")
        if name == "relu6":
            self._ceilings[node.number] = node
        self._rectified |= name != "linear"

    def _refuse_shared(self, node: Node) -> None:
        if len(self._graph.calls_of(node.layer)) > 1:
            raise _No(f"{node.layer.name} is shared")


def _makes(node: Node) -> bool:
    return linear(node.layer) is not None or batchnorm(node) is not None


def _joins(node: Node) -> bool:
    """Whether a call adds up tensors, or the like; ``x + 1`` does not, nor does a weighted mean."""
    home = type(node.layer).__module__
    layer = home.startswith("keras.") and (".layers." in home or node.kind != "Average")
    return layer and node.kind in _JOINS and len(node.inputs) > 1


def axis_made(node: Node) -> int:
    """Return the channel axis of what a linear layer or a batch norm makes."""
    view, norm, rank = linear(node.layer), batchnorm(node), len(node.output.shape)
    if view is not None:
        return view.axis(rank)
    return norm.axis if norm is not None else rank - 1


def _axis_read(node: Node) -> int:
    """Return which axis of its input a layer without weights takes for the channels."""
    first = getattr(node.layer, "data_format", "channels_last") == "channels_first"
    return 1 if first else len(node.inputs[0].shape) - 1


def _through(node: Node, axis: int, copies: int) -> tuple[int, int]:
    """Return axis and copies behind a call that commutes with factors."""
    if node.kind in _ALONG_SPACE | _GLOBAL | {"Flatten"} and axis != _axis_read(node):
        raise _No(f"{node.name} has its channels along another axis")
    if node.kind in _GLOBAL:
        return (axis if node.layer.keepdims else 1), copies
    if node.kind != "Flatten":
        return axis, copies
    channels, size = node.inputs[0].shape[axis], node.output.shape[-1]
    if axis != len(node.inputs[0].shape) - 1 or not channels or not size:
        raise _No(f"{node.name} mixes the channels up")
    return 1, copies * (size // channels)
