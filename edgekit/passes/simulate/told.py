"""What a simulation did to each layer of the model that it was given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from edgekit.passes.base import Treatment
from edgekit.passes.listed import listed
from edgekit.passes.simulate.plan import Plan
from edgekit.passes.simulate.spread import origin_of


def told(layers: Sequence[Any], plan: Plan) -> tuple[Treatment, ...]:
    """Return what was done to each layer, or why nothing was.

    Args:
        layers: Of the model as it was, before it was spread out.
        plan: Of the spread model.
    """
    names = {str(layer.name) for layer in layers}
    own = _by_origin(plan.treatments, names)
    for layer in layers:
        name = str(layer.name)
        is_gone = name not in plan.groups and type(layer).__name__ == "BatchNormalization"
        if name not in own and (is_gone or name in plan.rounds):
            text = "folded into its neighbour" if is_gone else "its output is rounded"
            own[name] = Treatment(layer=name, done=text)
    return listed(layers, tuple(own.values()), lambda layer: _left(str(layer.name), plan))


def _by_origin(treatments: Sequence[Treatment], names: Collection[str]) -> dict[str, Treatment]:
    """Return one treatment a layer: what was done to any part of it goes before what was not."""
    parts: dict[str, list[Treatment]] = {}
    for treatment in treatments:
        name, at, call = treatment.layer.partition("@")
        parts.setdefault(f"{origin_of(name, names)}{at}{call}", []).append(treatment)
    return {name: _joined(name, own) for name, own in parts.items()}


def _joined(name: str, own: Sequence[Treatment]) -> Treatment:
    done = list(dict.fromkeys(t.done for t in own if t.done))
    if done:
        return Treatment(layer=name, done="; ".join(done))
    return Treatment(layer=name, skipped=own[0].skipped)


def _left(name: str, plan: Plan) -> str:
    if name in plan.loose:
        return f"its output stays in float in {plan.kind} files"
    if name in plan.groups:
        return "it only moves numbers that are rounded before it"
    return "its output is no float, or part of the operation behind it"


def patterns_for_parts(
    patterns: Sequence[str], names: Collection[str], parts: Collection[str]
) -> Mapping[str, str]:
    """Return, by part, the first pattern that fits the layer that it is a part of.

    Args:
        patterns: Of names of layers.
        names: Of the layers before the model was spread out.
        parts: Names of the layers of the spread model.
    """
    found: dict[str, str] = {}
    for part in parts:
        origin = origin_of(part, names)
        fitting = (p for p in patterns if origin != part and fnmatchcase(origin, p))
        if (first := next(fitting, None)) is not None:
            found[part] = first
    return found
