"""Rounds weights and lets biases make up for the mean error that this brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from edgekit.errors import OptionError
from edgekit.passes.base import Context, Need, Outcome, Pass, Treatment
from edgekit.passes.fold import Folded, fold
from edgekit.passes.graph import Graph
from edgekit.passes.linear.bias import mean_outputs
from edgekit.passes.linear.layout import response
from edgekit.passes.linear.moments import Array, input_means
from edgekit.passes.linear.selection import check_bits, refuse_behind, select, top_of
from edgekit.passes.linear.view import Linear, linear, with_biases
from edgekit.passes.linear.walk import Stop, walk
from edgekit.passes.listed import layers_of, listed, nothing_to_round
from edgekit.passes.rounding import nearest, steps_of
from edgekit.target import Target

_NO_MEANS = "no batch norm tells the mean of its input; calibration samples would: by = 'data'"


@dataclass(frozen=True, kw_only=True)
class CorrectBias(Pass):
    """Puts weights onto their grid, and shifts biases so that mean outputs stay what they were.

    A bias belongs to the weights that it corrects, so both are left in the model; exporters find
    the same grid again. Batch norms that can be folded are folded first. Nagel et al. 2019,
    section 4.2.

    Args:
        by: ``data`` takes the means from calibration samples, layer by layer, with inputs from the
            layers that are corrected already; ``batch-norm`` from the batch norms in the model
            (eq. 17 and 19), without any data: their layers must not have been folded before.
        bits: Of the weights; those that the target stores if None.
        skip: Name patterns of layers to leave alone.
    """

    name: ClassVar[str] = "correct-bias"

    by: Literal["data", "batch-norm"] = "data"
    bits: int | None = None
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse options out of range."""
        if self.by not in ("data", "batch-norm"):
            raise OptionError(f"by: expected data or batch-norm, got {self.by!r}")
        check_bits(self.bits)

    @property
    def needs(self) -> frozenset[Need]:
        """Samples, unless batch norms say what they would."""
        return frozenset({"graph", *(("calibration",) if self.by == "data" else ())})

    def objections(self, target: Target | None, others: Sequence[Pass]) -> list[str]:
        """Refuse to round what is rounded, and to ask batch norms that are gone."""
        said = refuse_behind(self.name, others)
        names = [other.name for other in others]
        before = names[: names.index(self.name)] if self.name in names else []
        gone = [name for name in before if name in ("fold-batchnorm", "equalize", "adaround")]
        if self.by == "batch-norm" and gone:
            said.append(f"correct-bias by batch-norm: {gone[0]} before it leaves no batch norms")
        return said

    def run(self, model: Any, context: Context) -> Outcome:
        """Round and correct."""
        layers, folded = layers_of(model), fold(model)
        names = [str(node.layer.name) for node in select(Graph(folded.model), self.skip).nodes]
        graph = Graph(with_biases(folded.model, names))
        top = top_of(self.bits, context.target)
        if self.by == "batch-norm":
            done = self._by_norms(graph, folded, top)
        else:
            done = self._by_data(graph, context, top)
        said = (*done, *select(graph, self.skip).skipped, *folded.done)
        return Outcome(model=graph.model, treatments=listed(layers, said, nothing_to_round))

    def _by_data(self, graph: Graph, context: Context, top: int) -> list[Treatment]:
        if context.samples is None:
            raise OptionError("correct-bias needs calibration samples: give --calibration DATA")
        chosen, done = select(graph, self.skip).nodes, []

        def change(stop: Stop) -> None:
            view = linear(stop.node.layer)
            if view is not None:
                wanted = mean_outputs(view, stop.exact)
                _round(view, top)
                done.append(_shift(view, wanted - mean_outputs(view, stop.changed)))
                context.progress.advance()

        with context.progress.stage("correcting biases", len(chosen)):
            walk(graph, context.samples, {node.number for node in chosen}, change)
        return done

    def _by_norms(self, graph: Graph, folded: Folded, top: int) -> list[Treatment]:
        means, done = input_means(graph, folded.moments), []
        for node in select(graph, self.skip).nodes:
            view = linear(node.layer)
            mean = means.get(id(node.inputs[0]))
            if view is None or mean is None:
                done.append(Treatment(layer=node.name, skipped=_NO_MEANS))
                continue
            wanted = _expected(view, mean)
            _round(view, top)
            done.append(_shift(view, wanted - _expected(view, mean)))
        return done


def _round(view: Linear, top: int) -> None:
    for kernel in view.kernels:
        weights = kernel.read()
        kernel.write(nearest(weights, top) * steps_of(weights, top))


def _shift(view: Linear, shift: Array) -> Treatment:
    view.layer.bias.assign((view.bias + shift).astype(np.float32))
    return Treatment(layer=view.layer.name, done=f"bias moved by up to {np.abs(shift).max():.2g}")


def _expected(view: Linear, means: Array) -> Array:
    """Return the mean output for a mean input, away from padded edges."""
    for kernel in view.kernels:
        means = response(kernel.layout, kernel.read(), means)
    return means
