"""Learns for each weight whether to round it up or down, on calibration samples, without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgekit.errors import OptionError
from edgekit.passes.base import Context, Need, Outcome, Pass, Treatment
from edgekit.passes.fold import fold
from edgekit.passes.graph import Graph, Node
from edgekit.passes.linear.activation import behind
from edgekit.passes.linear.bias import mean_outputs
from edgekit.passes.linear.sampled import Patches, patches
from edgekit.passes.linear.selection import check_bits, refuse_behind, select, top_of
from edgekit.passes.linear.taps import channels, rows
from edgekit.passes.linear.view import Linear, linear, with_biases
from edgekit.passes.linear.walk import Stop, walk
from edgekit.passes.listed import layers_of, listed, nothing_to_round
from edgekit.passes.rounding import Problem, Rectifier, Search, adaround, nearest, steps_of
from edgekit.target import Target


@dataclass(frozen=True, kw_only=True)
class Adaround(Pass):
    """Rounds the weights of convolutions and dense layers so that their outputs change least.

    Layer by layer, in the order of execution: a weight goes to the integer below or above it,
    whichever lets the layer give what it gave in float, for inputs from the layers that are rounded
    already; then the bias makes up for what is left of the mean. Nagel et al. 2020. No channel
    reconstructs worse than with nearest rounding on the places that were looked at. Weights end up
    on the grid that exporters find again: symmetric, one step a channel, its largest weight kept.
    Batch norms that can be folded are folded first.

    Args:
        bits: Of the weights; those that the target stores if None.
        steps: Of Adam, a layer.
        learning_rate: Of Adam.
        regularization: How strongly weights are pushed to a decision, against the loss.
        skip: Name patterns of layers to leave alone.
    """

    name: ClassVar[str] = "adaround"

    bits: int | None = None
    steps: int = 400
    learning_rate: float = 0.03
    regularization: float = 2.0
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse options out of range."""
        check_bits(self.bits)
        if self.steps < 0:
            raise OptionError(f"steps: expected 0 or more, got {self.steps}")
        for option in ("learning_rate", "regularization"):
            if getattr(self, option) <= 0:
                raise OptionError(f"{option}: expected more than 0, got {getattr(self, option)}")

    @property
    def needs(self) -> frozenset[Need]:
        """Samples, to learn from."""
        return frozenset({"graph", "calibration"})

    def objections(self, target: Target | None, others: Sequence[Pass]) -> list[str]:
        """Refuse to round what is rounded."""
        return refuse_behind(self.name, others)

    def run(self, model: Any, context: Context) -> Outcome:
        """Round layer by layer."""
        if context.samples is None:
            raise OptionError("adaround needs calibration samples: give --calibration DATA")
        layers, folded = layers_of(model), fold(model)
        model = folded.model
        names = [str(node.layer.name) for node in select(Graph(model), self.skip).nodes]
        graph = Graph(with_biases(model, names))
        chosen = select(graph, self.skip)
        learner = _Learner(self, graph, top_of(self.bits, context.target), context.seed)

        def change(stop: Stop) -> None:
            learner.change(stop)
            context.progress.advance()

        with context.progress.stage("rounding", len(chosen.nodes)):
            walk(graph, context.samples, {n.number for n in chosen.nodes}, change)
        figures = {"error_share": float(np.mean(learner.shares))} if learner.shares else {}
        said = (*learner.done, *chosen.skipped, *folded.done)
        treatments = listed(layers, said, nothing_to_round)
        return Outcome(model=graph.model, treatments=treatments, figures=figures)


class _Learner:
    """Rounds one layer after the other, and notes what came of it."""

    def __init__(self, options: Adaround, graph: Graph, top: int, seed: int) -> None:
        self._graph, self._top = graph, top
        self._search = Search(
            steps=options.steps,
            learning_rate=options.learning_rate,
            regularization=options.regularization,
        )
        self._generator = np.random.default_rng(seed)
        self.done: list[Treatment] = []
        self.shares: list[float] = []

    def change(self, stop: Stop) -> None:
        """Round the layer of a call, and correct its bias."""
        view = linear(stop.node.layer)
        if view is None:
            return
        wanted = mean_outputs(view, stop.exact)
        read = patches(view, stop.exact, stop.changed, self._generator)
        share = self._round(view, stop.node, read)
        bias = view.bias + wanted - mean_outputs(view, stop.changed)
        view.layer.bias.assign(bias.astype(np.float32))
        self.shares.append(share)
        text = f"{100 * share:.0f} % of the error of nearest rounding left"
        self.done.append(Treatment(layer=stop.node.name, done=text))

    def _round(self, view: Linear, node: Node, read: Patches) -> float:
        """Round the kernels of a layer in turn; return the share of error left at the last."""
        exact, changed, share = read.exact, read.changed, 1.0
        for place, kernel in enumerate(view.kernels):
            last = place == len(view.kernels) - 1
            weights = kernel.read()
            wanted = rows(kernel.layout, exact) @ weights.astype(np.float32)
            inputs = rows(kernel.layout, changed)
            bias = view.bias if last else np.zeros(wanted.shape[0] * wanted.shape[2])
            biases = bias.reshape(wanted.shape[0], 1, -1).astype(np.float32)
            plain = nearest(weights, self._top) * steps_of(weights, self._top)
            off = wanted - inputs @ plain.astype(np.float32)
            problem = Problem(
                weights=weights,
                inputs=inputs,
                targets=wanted + biases,
                biases=biases + off.mean(axis=1, keepdims=True),
                rectifier=_rectifier(self._graph, node) if last else "linear",
            )
            integers = adaround(problem, self._search, self._top)
            rounded = integers * steps_of(weights, self._top)
            kernel.write(rounded)
            share = problem.share(rounded, plain)
            exact = channels(wanted)[:, None]
            changed = channels(inputs @ rounded.astype(np.float32))[:, None]
        return share


def _rectifier(graph: Graph, node: Node) -> Rectifier:
    found = behind(graph, node)
    return found if found in ("relu", "relu6") else "linear"
