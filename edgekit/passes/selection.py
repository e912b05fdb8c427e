"""Which kernels of a model a pass treats, and why not the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from edgekit.passes.base import Treatment
from edgekit.passes.graph import Graph
from edgekit.passes.weights import Weight, kernels, weights_of, without_kernel

FIRST_SHARE = 0.05
"""A first convolution with less than this share of all kernels is not worth what it costs."""

Reason = str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Selection:
    """The kernels to treat, in the order of the model, and the layers that are left alone."""

    weights: tuple[Weight, ...]
    skipped: tuple[Treatment, ...]

    def layers(self) -> list[str]:
        """Return the names of the layers to treat, in order."""
        return list(dict.fromkeys(weight.layer.name for weight in self.weights))


def selected(
    model: Any,
    *,
    skip: Sequence[str],
    only: Sequence[str],
    unfit: Callable[[Weight], Reason] = lambda weight: None,
) -> Selection:
    """Choose kernels by the names of their layers.

    Without ``only``, a few are left alone: embeddings (a row each for a word: rare words have
    small gradients, not small use), depthwise kernels (about 1 % of the weights; Zhu & Gupta 2017,
    section 5.1) and a first convolution with few weights (the same place, and Gale et al. 2019,
    "The state of sparsity", section 4: everything after depends on it). The last layer is treated,
    as there and in TFMOT.

    Args:
        model: Flat.
        skip: Patterns of layer names to leave alone.
        only: Patterns of layer names; if given, everything else is left alone, and what they
            match is treated even if it is one of those above.
        unfit: Why the pass cannot treat a kernel; None if it can.
    """
    first = _first_convolutions(model)
    chosen: list[Weight] = []
    skipped: list[Treatment] = []
    taken = {id(weight.variable) for weight in kernels(model)}
    for layer in _layers(model):
        own = [weight for weight in weights_of(layer) if id(weight.variable) in taken]
        taken -= {id(weight.variable) for weight in own}
        reason = _by_name(layer.name, skip, only)
        reasons = [
            reason or (None if only else _by_default(weight, first)) or unfit(weight)
            for weight in own
        ]
        fit = [weight for weight, why in zip(own, reasons, strict=True) if not why]
        chosen += fit
        if not own:
            skipped.append(Treatment(layer=layer.name, skipped=reason or without_kernel(layer)))
        elif not fit:
            skipped.append(Treatment(layer=layer.name, skipped=_joined(own, reasons)))
    return Selection(weights=tuple(chosen), skipped=tuple(skipped))


def left_out(layer: Any, weights: Sequence[Weight]) -> str:
    """Return a remark on the kernels of a treated layer that are not among ``weights``."""
    treated = {id(weight.variable) for weight in weights}
    names = [w.name for w in weights_of(layer) if id(w.variable) not in treated]
    return f"; not {', '.join(names)}" if names else ""


def _layers(model: Any) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]


def _joined(own: Sequence[Weight], reasons: Sequence[Reason]) -> str:
    if len(set(reasons)) == 1:
        return str(reasons[0])
    return "; ".join(f"{w.name}: {why}" for w, why in zip(own, reasons, strict=True))


def _by_name(name: str, skip: Sequence[str], only: Sequence[str]) -> Reason:
    for pattern in skip:
        if fnmatchcase(name, pattern):
            return f"skip: {pattern!r}"
    if only and not any(fnmatchcase(name, pattern) for pattern in only):
        return "not in only"
    return None


def _by_default(weight: Weight, first: set[int]) -> Reason:
    if weight.kind == "embedding":
        return "embedding: what is rare is small, not useless; name it by only"
    if weight.kind == "depthwise" and "Separable" not in type(weight.layer).__name__:
        return "depthwise: few weights, each of which counts; name it by only"
    if id(weight.layer) in first:
        return "first convolution: few weights, and all depends on them; name it by only"
    return None


def _first_convolutions(model: Any) -> set[int]:
    """Return the ids of convolutions that see the model's inputs, and hold little of its weight.

    Layers without kernels between do not count.
    """
    raw = {id(tensor) for tensor in model.inputs}
    total = sum(weight.size for weight in kernels(model))
    found: set[int] = set()
    for node in Graph(model).nodes:
        if not all(id(tensor) in raw for tensor in node.inputs):
            continue
        own = weights_of(node.layer) if hasattr(node.layer, "variables") else ()
        if not own:
            raw |= {id(tensor) for tensor in node.outputs}
        elif any(w.kind == "convolution" for w in own) and (
            sum(w.size for w in own) < FIRST_SHARE * total
        ):
            found.add(id(node.layer))
    return found
