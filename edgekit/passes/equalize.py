"""Divides channels where they are made, and multiplies them where they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from edgekit.calibrate.samples import Samples
from edgekit.errors import OptionError
from edgekit.passes.absorb import absorb, scaled
from edgekit.passes.balance import Grid, Pair, Values, equalize, smooth
from edgekit.passes.base import Context, Need, Outcome, Pass, Treatment
from edgekit.passes.fold import fold
from edgekit.passes.graph import Graph, Node
from edgekit.passes.linear.extremes import Extremes, extremes
from edgekit.passes.linear.gathered import gathered
from edgekit.passes.linear.links import Link, Unlinked, axis_made, links
from edgekit.passes.linear.selection import refuse_behind, top_of
from edgekit.passes.listed import layers_of, listed
from edgekit.target import Target

_CEILING = 6.0
_LIKE = "its channels are of like range: factors would bring little"


@dataclass(frozen=True, kw_only=True)
class Equalize(Pass):
    """Balances the channels between layers; the function stays the same.

    Nagel et al. 2019, section 4.1: factors pass linear layers, rectifiers without a ceiling,
    pooling, padding and dropout. Where sums join channels, all that they add takes the same ones.
    Batch norms that can be folded are folded first; others that make channels take part. Layers
    whose channels somebody else reads (outputs, shared layers, other kinds) are left alone.

    ReLU6 lets no factor pass: its ceiling would have to be another one for every channel, which no
    Keras layer and no integer kernel has.

    Args:
        by: ``activations`` balances the range of a channel's values on calibration samples against
            that of the weights that read it (Xiao et al. 2022, eq. 4), as kernels want that have a
            step for each output channel; ``weights`` the ranges of weights on both sides of a
            channel (eq. 11), without any data, as kernels want that have one step for all.
        gain: By activations, the share of the variance of rounding that has to go by estimate, 0
            to 1; channels that would gain less are left as they were trained.
        rounds: By weights, at most so many; it ends where no factor moves any more.
        relu6: ``skip`` leaves layers before a ReLU6 alone; ``replace`` makes it a ReLU where no
            calibration sample comes near its ceiling.
        absorb: High biases go on to the next layer (section 4.1.3), where channels are above 0
            nearly always: never below on any calibration sample (``samples``), or 3 deviations
            below their mean by the batch norm that was folded (``batch-norm``). The function
            changes where a channel falls below all the same. ``none`` leaves them.
    """

    name: ClassVar[str] = "equalize"

    by: Literal["activations", "weights"] = "activations"
    gain: float = 0.5
    rounds: int = 50
    relu6: Literal["skip", "replace"] = "skip"
    absorb: Literal["none", "samples", "batch-norm"] = "none"

    def __post_init__(self) -> None:
        """Refuse options out of range."""
        if not 0 <= self.gain < 1:
            raise OptionError(f"gain: expected 0 or more and below 1, got {self.gain}")
        if self.rounds < 0:
            raise OptionError(f"rounds: expected 0 or more, got {self.rounds}")
        if self.by not in ("weights", "activations"):
            raise OptionError(f"by: expected activations or weights, got {self.by!r}")
        if self.relu6 not in ("skip", "replace"):
            raise OptionError(f"relu6: expected skip or replace, got {self.relu6!r}")
        if self.absorb not in ("none", "samples", "batch-norm"):
            raise OptionError(f"absorb: expected none, samples or batch-norm, got {self.absorb!r}")

    @property
    def needs(self) -> frozenset[Need]:
        """Samples only where they are looked at."""
        weights_only = self.by != "activations" and self.relu6 == "skip"
        looks = not weights_only or self.absorb == "samples"
        return frozenset({"graph", *(("calibration",) if looks else ())})

    def objections(self, target: Target | None, others: Sequence[Pass]) -> list[str]:
        """Refuse to move ranges that were trained, or weights that are rounded."""
        trained = ("qat", "adaround", "correct-bias")
        return [text for name in trained for text in refuse_behind(self.name, others, name)]

    def run(self, model: Any, context: Context) -> Outcome:
        """Equalize, then absorb."""
        if context.samples is None and "calibration" in self.needs:
            raise OptionError("equalize needs calibration samples: give --calibration DATA")
        layers, folded = layers_of(model), fold(model)
        graph = Graph(folded.model)
        kept, skipped = self._links(graph, context)
        pairs, write = gathered(kept)
        taken = self._balance(graph, kept, pairs, context)
        write()
        done = [t for link, pair in zip(kept, pairs, strict=False) for t in _done(link, pair)]
        moved = sum(any(pair.factors != 1) for pair in pairs[: len(kept)])
        figures = {"equalized": float(moved), "rounds": float(taken)}
        model = graph.model
        if self.absorb != "none":
            factors = {link.layers[0]: p.factors for link, p in zip(kept, pairs, strict=False)}
            samples = context.samples if self.absorb == "samples" else None
            model, count = absorb(model, scaled(folded.moments, factors), samples)
            figures["absorbed"] = float(count)
        said = listed(layers, (*done, *skipped, *folded.done), _not_linked)
        return Outcome(model=model, treatments=said, figures=figures)

    def _balance(
        self, graph: Graph, kept: Sequence[Link], pairs: Sequence[Pair], context: Context
    ) -> int:
        """Balance all pairs in place; return in how many rounds."""
        if self.by == "weights" or context.samples is None:
            return equalize(pairs, self.rounds)
        grid = _grid(context.target)
        for pair, (read, *added) in zip(pairs, _seen(graph, kept, context.samples), strict=False):
            smooth(pair, read, added, grid, gain=self.gain)
        return 1

    def _links(self, graph: Graph, context: Context) -> tuple[list[Link], list[Treatment]]:
        """Return the links that no ceiling is in, having replaced ceilings that do nothing."""
        found = list(links(graph))
        kept: list[Link] = []
        skipped: list[Treatment] = []
        highs = self._highs(graph, [f for f in found if isinstance(f, Link)], context)
        for one in found:
            if isinstance(one, Unlinked):
                skipped.extend(Treatment(layer=name, skipped=one.reason) for name in one.layers)
                continue
            reasons = [_stays(graph, node, highs.get(node)) for node in one.ceilings]
            if reason := next(filter(None, reasons), ""):
                skipped.extend(Treatment(layer=name, skipped=reason) for name in one.layers)
                continue
            for node in one.ceilings:
                _raise_ceiling(node.layer)
            kept.append(one)
        return kept, skipped

    def _highs(self, graph: Graph, found: Sequence[Link], context: Context) -> dict[Node, float]:
        blocked = [node for link in found for node in link.ceilings]
        if self.relu6 != "replace" or not blocked or context.samples is None:
            return {}
        seen = extremes(graph.model, [(node.output, 1) for node in blocked], context.samples)
        return {node: float(one.high.max()) for node, one in zip(blocked, seen, strict=True)}


def _not_linked(layer: Any) -> str:
    """Say why nothing was said of a layer: it begins no pair of layers."""
    if any(len(v.shape) > 1 for v in getattr(layer, "weights", ())):
        return "no layer with a kernel behind it reads its channels"
    return "it has no kernel"


def _stays(graph: Graph, node: Node, high: float | None) -> str:
    """Return why a ceiling cannot go; empty where it can."""
    import keras

    if high is None:
        return f"{node.name} cuts off at 6: a ReLU6 lets no factor pass; see the option relu6"
    if high >= _CEILING:
        return f"{node.name} cuts off at 6, which calibration samples reach"
    if len(graph.calls_of(node.layer)) > 1 or not isinstance(node.layer, keras.layers.Layer):
        return f"{node.name} cuts off at 6, and is shared or no layer"
    return ""


def _raise_ceiling(layer: Any) -> None:
    import keras

    if type(layer).__name__ == "ReLU":
        layer.max_value = None
    else:
        layer.activation = keras.activations.relu


def _grid(target: Target | None) -> Grid:
    bits = 8 if target is None else target.quantization.activation_bits
    return Grid(top=top_of(None, target), steps=np.inf if bits is None else 2.0**bits - 1)


def _seen(graph: Graph, kept: Sequence[Link], samples: Samples) -> list[list[Values]]:
    """Return what each link's channels are where they are read, and what is added up to that."""
    watched = [
        [
            (link.readers[0].tensor, link.readers[0].axis),
            *((m.node.output, axis_made(m.node)) for m in link.makers if len(link.makers) > 1),
        ]
        for link in kept
    ]
    found = iter(extremes(graph.model, [one for some in watched for one in some], samples))
    return [
        [
            _values(next(found), link.readers[0].copies if place == 0 else 1)
            for place in range(len(some))
        ]
        for link, some in zip(kept, watched, strict=True)
    ]


def _values(one: Extremes, copies: int) -> Values:
    low, high, power = (part.reshape(copies, -1) for part in (one.low, one.high, one.power))
    return Values(low=low.min(axis=0), high=high.max(axis=0), power=power.mean(axis=0))


def _done(link: Link, pair: Pair) -> list[Treatment]:
    low, high = float(pair.factors.min()), float(pair.factors.max())
    if low == high == 1:
        return [Treatment(layer=name, skipped=_LIKE) for name in link.layers]
    text = f"channels divided by {low:.2g} to {high:.2g}"
    return [Treatment(layer=name, done=text) for name in link.layers]
