"""Completes what a pass says of layers, so that none is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgekit.passes.base import Treatment
from edgekit.passes.graph import Graph


def layers_of(model: Any) -> list[Any]:
    """Return the layers and operations that a flat model calls, each once, in order."""
    return list({id(node.layer): node.layer for node in Graph(model).nodes}.values())


def listed(
    layers: Sequence[Any], treatments: Sequence[Treatment], otherwise: Callable[[Any], str]
) -> tuple[Treatment, ...]:
    """Return treatments that name every layer.

    Args:
        layers: Those of the model that a pass was given.
        treatments: What the pass said; ``layer@1`` names the second call of a layer.
        otherwise: Why a layer of which nothing was said was left alone.
    """
    said = {treatment.layer for treatment in treatments}
    said |= {name.rpartition("@")[0] for name in said if "@" in name}
    rest = (layer for layer in layers if str(layer.name) not in said)
    added = (Treatment(layer=str(layer.name), skipped=otherwise(layer)) for layer in rest)
    return (*treatments, *added)


def nothing_to_round(layer: Any) -> str:
    """Say why a layer has no weights that a pass could round or scale."""
    kernels = any(len(v.shape) > 1 for v in getattr(layer, "weights", ()))
    return "no convolution or dense layer" if kernels else "it has no kernel"
