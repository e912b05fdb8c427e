"""Functional Keras models as graphs of calls: flattened, looked at, and rebuilt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.errors import PassError
from edgekit.trace import entry_name


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One call of a layer or operation.

    ``name`` is the layer's, and ``layer@1`` for its second call. ``inputs`` and ``outputs`` are
    KerasTensors, flat and in order.
    """

    number: int
    name: str
    layer: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The class of the layer or operation, such as ``Conv2D``."""
        return type(self.layer).__name__

    @property
    def output(self) -> Any:
        """The first output."""
        return self.outputs[0]


class Graph:
    """The calls of a flat functional model in the order of execution, and who feeds whom."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.nodes = tuple(_nodes(model))
        self._producers = {id(t): node for node in self.nodes for t in node.outputs}
        self._consumers: dict[int, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for tensor in {id(t): t for t in node.inputs}.values():
                self._consumers[id(tensor)].append(node)
        self._ends = {id(tensor) for tensor in model.outputs}

    def producer(self, tensor: Any) -> Node | None:
        """Return the call that a tensor comes from; None for an input of the model."""
        return self._producers.get(id(tensor))

    def consumers(self, tensor: Any) -> list[Node]:
        """Return the calls that read a tensor, in order, each once."""
        return list(self._consumers.get(id(tensor), ()))

    def is_output(self, tensor: Any) -> bool:
        """Whether a tensor is an output of the model."""
        return id(tensor) in self._ends

    def only_consumer(self, tensor: Any) -> Node | None:
        """Return the one call that reads a tensor, if nobody else does and it is no output."""
        found = self.consumers(tensor)
        return found[0] if len(found) == 1 and not self.is_output(tensor) else None

    def calls_of(self, layer: Any) -> list[Node]:
        """Return every call of a layer: more than one where it is shared."""
        return [node for node in self.nodes if node.layer is layer]

    def tensor_names(self) -> dict[int, str]:
        """Return the name of each tensor by its id, as ``Simulation.ranges`` names it."""
        names = {id(t): str(t.name) for t in self.model.inputs}
        for node in self.nodes:
            for place, tensor in enumerate(node.outputs):
                names[id(tensor)] = f"{node.name}:{place}" if place else node.name
        return names


Substitute = Callable[..., Any]


def rebuilt(
    graph: Graph,
    substitutes: Mapping[int, Substitute],
    entries: Mapping[int, Substitute] | None = None,
) -> Any:
    """Return a model in which some calls are replaced; layers that stay are the same objects.

    Args:
        graph: Of a flat model.
        substitutes: By the number of a node: called as its layer was, with new tensors; returns
            tensors of the same structure as the node's outputs. ``lambda x: x`` removes a node.
        entries: By the id of an input: called with it; what it returns is what others read.
    """
    import keras

    known: dict[int, Any] = {}
    sparse = any(getattr(tensor, "sparse", False) for tensor in graph.model.inputs)
    for tensor in graph.model.inputs:
        enter = (entries or {}).get(id(tensor))
        known[id(tensor)] = enter(tensor) if enter else tensor
    for node in graph.nodes:
        args, kwargs = keras.tree.map_structure(
            lambda value: known.get(id(value), value), (node.args, dict(node.kwargs))
        )
        result = substitutes.get(node.number, node.layer)(*args, **kwargs)
        for old, new in zip(node.outputs, keras.tree.flatten(result), strict=True):
            known[id(old)] = new if sparse else dense(new)
    outputs = keras.tree.map_structure(
        lambda tensor: known[id(tensor)], graph.model._outputs_struct
    )
    return keras.Model(graph.model._inputs_struct, outputs, name=graph.model.name)


def dense(tensor: Any) -> Any:
    """Return a symbolic tensor, marked as dense.

    Keras marks the product of a tensor and a plain number as sparse, though what is made in the
    end is dense; a layer that Keras has to trace, as it does those of passes, then fails.
    """
    if getattr(tensor, "sparse", False):
        tensor._sparse = False
    return tensor


def flat(model: Any) -> Any:
    """Return a copy of a model without models inside: new layers, the same weights and names.

    A layer of an inner model whose name is taken gets the inner model's name in front.

    Raises:
        PassError: a model, or one inside it, is subclassed: its calls are code, not a graph.
    """
    import keras

    source = _functional(model)
    _refuse_subclassed(source)
    copies: dict[int, Any] = {}
    inputs = _fresh_inputs(source._inputs_struct)
    taken: set[str] = {tensor.name for tensor in keras.tree.flatten(inputs)}

    def own(layer: Any, prefix: str) -> Any:
        if not isinstance(layer, keras.layers.Layer):
            return layer
        if id(layer) not in copies:
            name = layer.name if layer.name not in taken else f"{prefix}_{layer.name}"
            taken.add(name)
            copies[id(layer)] = _copied(layer, name)
        return copies[id(layer)]

    def run(inner: Any, tensors: Any, prefix: str) -> Any:
        graph = Graph(_functional(inner))
        known = dict(zip(map(id, graph.model.inputs), keras.tree.flatten(tensors), strict=True))
        for node in graph.nodes:
            args, kwargs = keras.tree.map_structure(
                lambda value: known.get(id(value), value), (node.args, dict(node.kwargs))
            )
            if isinstance(node.layer, keras.Model):
                result = run(node.layer, args[0], f"{node.layer.name}")
            else:
                result = own(node.layer, prefix)(*args, **kwargs)
            for old, new in zip(node.outputs, keras.tree.flatten(result), strict=True):
                known[id(old)] = new
        return keras.tree.map_structure(lambda t: known[id(t)], graph.model._outputs_struct)

    made = keras.Model(inputs, run(source, inputs, source.name), name=model.name)
    _copy_weights(copies, source)
    return made


def _fresh_inputs(nested: Any, key: str | None = None) -> Any:
    """Return new inputs, nested in the same way; each is called what data call it.

    That is its key where the model takes a dict, whatever its tensor's name: see ``trace.shapes``.
    """
    import keras

    if isinstance(nested, dict):
        return {name: _fresh_inputs(value, str(name)) for name, value in nested.items()}
    if isinstance(nested, (list, tuple)):
        return type(nested)(_fresh_inputs(value) for value in nested)
    name = key or entry_name(nested)
    return keras.Input(batch_shape=nested.shape, dtype=nested.dtype, name=name)


def _copied(layer: Any, name: str) -> Any:
    config = layer.get_config()
    config["name"] = name
    return type(layer).from_config(config)


def _copy_weights(copies: Mapping[int, Any], source: Any) -> None:
    import keras

    for layer in source._flatten_layers(include_self=False):
        copy = copies.get(id(layer))
        if copy is None:
            continue
        for new, old in zip(copy.variables, layer.variables, strict=True):
            new.assign(keras.ops.convert_to_numpy(old.value))  # on JAX, an array of its own
        copy.trainable = layer.trainable


def _functional(model: Any) -> Any:
    """Return a Sequential's inner functional model; others as they are."""
    return getattr(model, "_functional", None) or model


def _refuse_subclassed(model: Any) -> None:
    import keras

    for layer in (model, *model._flatten_layers(include_self=False)):
        if not isinstance(layer, keras.Model):
            continue
        if not hasattr(_functional(layer), "_inputs_struct"):
            raise PassError(
                f"{layer.name!r} is a subclassed model, whose calls are code and no graph: "
                "expected a Sequential or functional model; build it again with keras.Input and "
                "keras.Model(inputs, outputs) and copy its weights"
            )


def _nodes(model: Any) -> Iterator[Node]:
    calls: dict[int, int] = defaultdict(int)
    number = 0
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input or not node.operation:
                continue
            layer = node.operation
            call, name = calls[id(layer)], str(layer.name)
            calls[id(layer)] += 1
            arguments = node.arguments
            yield Node(
                number=number,
                name=f"{name}@{call}" if call else name,
                layer=layer,
                inputs=tuple(node.input_tensors),
                outputs=tuple(node.output_tensors),
                args=tuple(arguments.args),
                kwargs=dict(arguments.kwargs),
            )
            number += 1
