"""Builds the simulating model around a plain one, and takes what it has learnt back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from edgekit.passes.base import Range
from edgekit.passes.graph import Graph, Node, dense, rebuilt
from edgekit.passes.simulate import grid
from edgekit.passes.simulate.grid import Activations
from edgekit.passes.simulate.kinds import function_of
from edgekit.passes.simulate.plan import Plan, Weights, gate_range

Learning = Literal["learnt", "moving-average", "fixed"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulated:
    """A plain model and the model that simulates it; they share every trained variable.

    ``quantizers`` are the layers that hold the ranges, by group.
    """

    plain: Any
    model: Any
    plan: Plan
    quantizers: Mapping[str, Any]
    activations: Activations

    def ranges(self) -> dict[str, Range]:
        """Return the range of every rounded tensor of the plain model, by its name."""
        known = {}
        for group, layer in self.quantizers.items():
            low, high = layer.range()
            known[group] = grid.representable(low, high, self.activations)
        return {tensor: known[group] for tensor, group in self.plan.groups.items()}

    def bake(self) -> None:
        """Put the plain model's weights onto their grids, and biases onto those of 32-bit sums."""
        graph, ranges = Graph(self.plain), self.ranges()
        names = graph.tensor_names()
        for layer in {id(n.layer): n.layer for n in graph.nodes}.values():
            found = self.plan.weights.get(str(layer.name))
            if found is None:
                continue
            kernel = layer.kernel.numpy()
            step = grid.steps(kernel, found.axes, found.levels)
            layer.kernel.assign(grid.baked(kernel, found.axes, found.levels))
            sources = {names[id(node.inputs[0])] for node in graph.calls_of(layer)}
            if layer.use_bias and len(sources) == 1 and (source := sources.pop()) in ranges:
                unit = grid.activation_step(ranges[source], self.activations) * step.ravel()
                layer.bias.assign(np.rint(layer.bias.numpy() / unit) * unit)


def simulate(
    plain: Any, plan: Plan, ranges: Mapping[str, Range], *,
    learning: Learning = "learnt", activations: Activations = "int8", corrected: bool = False,
    exact: bool = False,
) -> Simulated:  # fmt: skip
    """Build the model that computes like the integers of an artifact.

    Args:
        plain: A flat, spread model; what is trained.
        plan: Of it.
        ranges: The first range of each group that has no fixed one, by group.
        learning: How ranges go on from there.
        activations: Their integers.
        corrected: Whether batch norms behind convolutions are folded while their statistics still
            move; if not, they stay as they are, unrounded.
        exact: Whether products are summed as integers; only for fixed ranges and baked weights.
    """
    graph = Graph(plain)
    names = graph.tensor_names()
    given = {names[id(t)] for t in plain.inputs}
    quantizers = _quantizers(plan, ranges, learning, activations, given)
    wrapped: dict[int, Callable[..., Any]] = {}

    def around(node: Node) -> Callable[..., Any]:
        if _cut_by_range(node, plan, names, quantizers):
            return partial(_rounded, names[id(node.output)], plan, quantizers)
        if id(node.layer) not in wrapped:
            weights = plan.weights.get(str(node.layer.name))
            source = _source(graph, node, plan, names, quantizers) if exact else None
            wrapped[id(node.layer)] = (
                _integer(node, weights, source.range(), activations, plan.kind)
                if source is not None and (weights or _pools(node))
                else _gated(node, plan, names, activations) or _wrapped(node, weights)
            )
        inner = wrapped[id(node.layer)]

        def call(*args: Any, **kwargs: Any) -> Any:
            import keras

            result = inner(*args, **kwargs)
            flat = keras.tree.flatten(result)
            new = [_rounded(names[id(t)], plan, quantizers, dense(value))
                   for t, value in zip(node.outputs, flat, strict=True)]  # fmt: skip
            return keras.tree.pack_sequence_as(result, new)

        return call

    substitutes = {node.number: around(node) for node in graph.nodes}
    if corrected:
        substitutes |= _corrected(graph, plan, names, quantizers)
    entries = {
        id(t): quantizers[plan.groups[names[id(t)]]]
        for t in plain.inputs
        if names[id(t)] in plan.rounds
    }
    model = rebuilt(graph, substitutes, entries)
    model.output_names = list(plain.output_names)
    return Simulated(
        plain=plain, model=model, plan=plan, quantizers=quantizers, activations=activations
    )


def _source(
    graph: Graph, node: Node, plan: Plan, names: Mapping[int, str], quantizers: Mapping[str, Any]
) -> Any:
    """Return what rounds the input of a layer that is called once; None if nothing does."""
    name = names[id(node.inputs[0])]
    if name in plan.loose or len(graph.calls_of(node.layer)) != 1:
        return None
    return quantizers.get(plan.groups.get(name, ""))


def corrected_pairs(graph: Graph, plan: Plan) -> list[tuple[Node, Node]]:
    """Return the convolutions and dense layers with the batch norm that follows nothing else."""
    found = []
    for node in graph.nodes:
        follower = graph.only_consumer(node.output)
        alone = len(graph.calls_of(node.layer)) == 1
        if follower is None or follower.kind != "BatchNormalization" or not alone:
            continue
        single = len(graph.calls_of(follower.layer)) == 1
        last = follower.layer.axis in (-1, len(node.output.shape) - 1)
        if not follower.layer.trainable:  # Keras leaves its statistics alone
            continue
        if single and last and str(node.layer.name) in plan.weights:
            found.append((node, follower))
    return found


def _corrected(
    graph: Graph, plan: Plan, names: Mapping[int, str], quantizers: Mapping[str, Any]
) -> dict[int, Callable[..., Any]]:
    from edgekit.passes.simulate.layers import CorrectedBatchnorm

    made: dict[int, Callable[..., Any]] = {}
    for node, norm in corrected_pairs(graph, plan):
        weights = plan.weights[str(node.layer.name)]
        both = CorrectedBatchnorm(
            node.layer, norm.layer, (weights.axes, weights.levels),
            outward(node.kind, tuple(node.layer.kernel.shape)), name=f"{node.layer.name}__folded",
        )  # fmt: skip
        made[node.number] = both
        made[norm.number] = partial(_rounded, names[id(norm.output)], plan, quantizers)
    return made


def outward(kind: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in which a vector of output channels multiplies a kernel.

    Depthwise kernels hold (..., channels, multiplier), transposed ones (..., out, in).
    """
    if kind.startswith("Depthwise"):
        return (*(1 for _ in shape[:-2]), *shape[-2:])
    if kind.endswith("Transpose"):
        return (*(1 for _ in shape[:-2]), shape[-2], 1)
    return (*(1 for _ in shape[:-1]), shape[-1])


def _wrapped(node: Node, weights: Weights | None) -> Callable[..., Any]:
    if weights is None:
        return node.layer  # type: ignore[no-any-return]
    from edgekit.passes.simulate.layers import RoundedWeights

    axes = {id(node.layer.kernel): (weights.axes, weights.levels)}
    return RoundedWeights(node.layer, axes, name=f"{node.layer.name}__rounded")


def _gated(
    node: Node, plan: Plan, names: Mapping[int, str], activations: Activations
) -> Callable[..., Any] | None:
    """Return what computes silu as TFLite does; None for other layers."""
    limits = gate_range(plan, node, names[id(node.output)], wide=activations == "int16")
    if limits is None:
        return None
    from edgekit.passes.simulate.layers import RoundedGate

    return RoundedGate(limits, activations, name=f"{node.layer.name}__gated")


def _cut_by_range(
    node: Node, plan: Plan, names: Mapping[int, str], quantizers: Mapping[str, Any]
) -> bool:
    """Whether a rectifier does what rounding onto a range from 0 does behind it."""
    name = names[id(node.output)]
    if function_of(node) != "relu" or name not in plan.rounds:
        return False
    return bool(quantizers[plan.groups[name]].starts_at_zero)


def _pools(node: Node) -> bool:
    return node.kind.startswith("AveragePooling")


def _integer(
    node: Node, weights: Weights | None, limits: Range, activations: Activations, kind: str
) -> Callable[..., Any]:
    from edgekit.passes.simulate.layers import IntegerAverages, IntegerProducts

    name, step = f"{node.layer.name}__integer", grid.activation_step(limits, activations)
    if weights is None:
        zero = 0.0 if activations == "int16" else round(-limits[0] / step) - 128.0
        return IntegerAverages(node.layer, step, zero, away=kind == "tflite", name=name)
    return IntegerProducts(node.layer, (weights.axes, weights.levels), step, name=name)


def _rounded(name: str, plan: Plan, quantizers: Mapping[str, Any], value: Any, **_: Any) -> Any:
    return quantizers[plan.groups[name]](value) if name in plan.rounds else value


def _quantizers(
    plan: Plan, ranges: Mapping[str, Range], learning: Learning, activations: Activations,
    inputs: Collection[str],
) -> dict[str, Any]:  # fmt: skip
    """Return a layer for each group.

    Ranges of data are not learnt: their gradient would cost the first layer's by its input.
    """
    from edgekit.passes.simulate.layers import FixedRange, LearntRange, MovingRange

    kind = {"learnt": LearntRange, "moving-average": MovingRange, "fixed": FixedRange}[learning]
    computed = {plan.groups[name] for name in plan.rounds - set(inputs)}
    made: dict[str, Any] = {}
    for number, group in enumerate(dict.fromkeys(plan.groups.values())):
        name = f"range_{number}"
        if group in plan.fixed:
            made[group] = FixedRange(plan.fixed[group], activations, name=name)
        else:
            low, high = ranges[group]
            limits = grid.representable(low, high, activations)
            known = learning == "learnt" and group not in computed
            made[group] = (FixedRange if known else kind)(limits, activations, name=name)
    return made
