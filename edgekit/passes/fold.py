"""Folds batch norms into the layers before them, or behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgekit.passes.base import Context, Outcome, Pass, Treatment
from edgekit.passes.graph import Graph, Node, rebuilt
from edgekit.passes.linear.batchnorm import Affine, Array, batchnorm
from edgekit.passes.linear.layout import response, scale_inputs, scale_outputs
from edgekit.passes.linear.moments import Moments
from edgekit.passes.linear.view import Linear, linear, with_biases
from edgekit.passes.listed import layers_of, listed


@dataclass(frozen=True, kw_only=True, eq=False)
class Folded:
    """A model without the batch norms that could be folded.

    ``moments`` are those of layers that a batch norm was folded into from behind, by name, as far
    as its statistics tell.
    """

    model: Any
    treatments: tuple[Treatment, ...]
    moments: Mapping[str, Moments]

    @property
    def done(self) -> tuple[Treatment, ...]:
        """Return what became of the batch norms that are gone."""
        return tuple(treatment for treatment in self.treatments if treatment.done)


@dataclass(frozen=True, kw_only=True)
class FoldBatchnorm(Pass):
    """Makes batch norms part of the convolution or dense layer right before, or right behind them.

    The function at inference stays the same; so quantizers see the weights that will be used.
    Folded layers have a bias. Treated are batch norms, by call; a batch norm that is called often
    goes where each of its calls can be folded, and stays for the others.
    """

    name: ClassVar[str] = "fold-batchnorm"

    def run(self, model: Any, context: Context) -> Outcome:
        """Fold what can be folded."""
        layers, folded = layers_of(model), fold(model)
        count = sum(t.done is not None for t in folded.treatments)
        return Outcome(
            model=folded.model,
            treatments=listed(layers, folded.treatments, lambda layer: "it is no batch norm"),
            figures={"folded": float(count)},
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Step:
    """Batch norm calls that go away, and the layers that take them up."""

    norms: tuple[Node, ...]
    layers: tuple[Any, ...]
    backward: bool
    values: Affine


def fold(model: Any) -> Folded:
    """Return a model of the same function in which batch norms are folded; see the pass."""
    moments: dict[str, Moments] = {}
    done: list[Treatment] = []
    while steps := _steps(Graph(model)):
        model = _without(model, steps)
        layers = {str(n.layer.name): n.layer for n in Graph(model).nodes}
        for step in steps:
            names = [str(layer.name) for layer in step.layers]
            for name in names:
                _take_up(layers[name], step)
            if step.backward:
                values = step.values
                moments[names[0]] = Moments(means=values.means, deviations=values.deviations)
            where = ", ".join(names)
            done.extend(Treatment(layer=n.name, done=f"folded into {where}") for n in step.norms)
    left = [n for n in Graph(model).nodes if n.kind == "BatchNormalization"]
    graph = Graph(model)
    kept = [Treatment(layer=node.name, skipped=_reason(graph, node)) for node in left]
    return Folded(model=model, treatments=(*done, *kept), moments=moments)


def _steps(graph: Graph) -> list[_Step]:
    """Return steps that touch different layers, so that one rebuilding serves all."""
    found: list[_Step] = []
    touched: set[int] = set()
    for node in graph.nodes:
        values = batchnorm(node)
        if values is None:
            continue
        for step in (_before(graph, node, values), _behind(graph, node, values)):
            if isinstance(step, str):
                continue
            parts = {*map(id, step.norms), *map(id, step.layers)}
            if not parts & touched:
                touched |= parts
                found.append(step)
            break
    return found


def _reason(graph: Graph, node: Node) -> str:
    values = batchnorm(node)
    if values is None:
        return "it computes with the statistics of the batch, or is a class of its own"
    return f"{_before(graph, node, values)}; {_behind(graph, node, values)}"


def _before(graph: Graph, node: Node, values: Affine) -> _Step | str:
    """Return how to fold into the layer before, or why not."""
    source = graph.producer(node.inputs[0])
    if source is None:
        return "it reads an input of the model"
    view = linear(source.layer)
    if view is None:
        return f"what it follows, {source.name} ({source.kind}), is no convolution or dense layer"
    if not view.is_linear:
        return f"{source.name} has an activation in between"
    if view.axis(len(node.inputs[0].shape)) != values.axis:
        return f"{source.name} has its channels along another axis"
    calls = graph.calls_of(source.layer)
    norms = [graph.only_consumer(call.output) for call in calls]
    if any(norm is None for norm in norms):
        return f"others read {source.name} too"
    if any(norm.layer is not node.layer for norm in norms if norm is not None):
        return f"{source.name} is called {len(calls)} times, and what follows differs"
    return _Step(
        norms=tuple(norm for norm in norms if norm is not None),
        layers=(source.layer,),
        backward=True,
        values=values,
    )


def _behind(graph: Graph, node: Node, values: Affine) -> _Step | str:
    """Return how to fold into the layers behind, or why not."""
    readers = graph.consumers(node.output)
    if graph.is_output(node.output) or not readers:
        return "it is an output"
    for reader in readers:
        view = linear(reader.layer)
        if view is None:
            return f"{reader.name} ({reader.kind}), behind it, is no convolution or dense layer"
        if len(graph.calls_of(reader.layer)) > 1:
            return f"{reader.name}, behind it, is shared"
        if view.axis(len(node.output.shape)) != values.axis:
            return f"{reader.name}, behind it, has its channels along another axis"
        if view.pads and np.any(values.shifts):
            return f"{reader.name}, behind it, pads with zeros, which are no zeros before the norm"
    layers = tuple(reader.layer for reader in readers)
    return _Step(norms=(node,), layers=layers, backward=False, values=values)


def _without(model: Any, steps: list[_Step]) -> Any:
    """Return a model without the batch norms, whose other layers have biases."""
    import keras

    graph = Graph(model)
    substitutes: dict[int, Any] = {}
    for norm in (norm for step in steps for norm in step.norms):
        name = norm.name.replace("@", "_")  # of an output, which keeps it
        is_output = graph.is_output(norm.output)
        substitutes[norm.number] = (
            _only_input(keras.layers.Identity(name=name)) if is_output else _same
        )
    names = [str(layer.name) for step in steps for layer in step.layers]
    return with_biases(rebuilt(graph, substitutes), names)


def _only_input(layer: Any) -> Callable[..., Any]:
    return lambda tensor, *_, **__: layer(tensor)


def _same(tensor: Any, *_: Any, **__: Any) -> Any:
    return tensor


def _take_up(layer: Any, step: _Step) -> None:
    view = linear(layer)
    if view is None:
        return
    change = _scale_and_shift if step.backward else _absorb
    layer.bias.assign(change(view, step.values).astype(np.float32))


def _scale_and_shift(view: Linear, values: Affine) -> Array:
    """Multiply the outputs and return the bias: Jacob et al. 2018, eq. 14."""
    last = view.kernels[-1]
    bias = view.bias * values.factors + values.shifts
    last.write(scale_outputs(last.layout, last.read(), values.factors))
    return bias


def _absorb(view: Linear, values: Affine) -> Array:
    """Multiply the inputs and return the bias: W (a x + b) + c = (W a) x + (W b + c)."""
    constants = values.shifts
    for kernel in view.kernels:
        constants = response(kernel.layout, kernel.read(), constants)
    first = view.kernels[0]
    first.write(scale_inputs(first.layout, first.read(), values.factors))
    return view.bias + (constants if np.any(values.shifts) else 0.0)
