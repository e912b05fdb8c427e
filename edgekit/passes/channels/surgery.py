"""Removes channels from a model: new layers with fewer of them, and slices of the old weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.passes.channels.ledger import Cut
from edgekit.passes.channels.wiring import Keep, Wiring
from edgekit.passes.graph import Graph, Substitute, rebuilt


def removed(graph: Graph, wiring: Wiring, keep: Keep) -> Any:
    """Return a model without the channels of some classes, of the same inputs and outputs.

    Every channel that stays has the value that it would have if what reads the removed ones read
    zeros; only normalizations over channels take their statistics over fewer. Layers keep their
    names, and those that no removed channel touches are the same objects.

    Args:
        graph: Of the model.
        wiring: Of the same graph.
        keep: By class, whether it stays.
    """
    fresh: dict[int, tuple[Any, Any]] = {}
    substitutes: dict[int, Substitute] = {}
    for node in graph.nodes:
        cut = _cut(wiring, node.layer)
        ids = [wiring.tensors[id(t)] for t in (*node.inputs, *node.outputs)]
        if all(wiring.mask(along, keep).all() for along in [*ids, *cut.ids()]):
            continue
        if id(node.layer) not in fresh:
            fresh[id(node.layer)] = node.layer, _smaller(node.layer, cut, wiring, keep)
        substitutes[node.number] = fresh[id(node.layer)][1]
    model = rebuilt(graph, substitutes)
    for old, new in fresh.values():
        if getattr(old, "variables", None):
            _carry(old, new, wiring, keep)
    return model


def sliced(weights: Any, masks: Mapping[int, Keep]) -> Any:
    """Return an array without the places that masks leave out, axis by axis."""
    for axis, mask in masks.items():
        weights = np.compress(mask, weights, axis=axis)
    return weights


def _cut(wiring: Wiring, layer: Any) -> Cut:
    return wiring.cuts[layer.name] if wiring.knows(layer) else Cut()


def _smaller(layer: Any, cut: Cut, wiring: Wiring, keep: Keep) -> Any:
    """Return a layer of the same name and options, with fewer channels."""
    config = _unbuilt(layer.get_config())
    place = config
    for key in cut.path:
        place = place[key]
    for key, ids in cut.counts.items():
        place[key] = _counted(place[key], int(wiring.mask(ids, keep).sum()))
    return type(layer).from_config({**config, "name": layer.name})


def _unbuilt(config: Any) -> Any:
    """Return a configuration without the shapes that layers in it were built with."""
    if isinstance(config, dict):
        return {key: _unbuilt(value) for key, value in config.items() if key != "build_config"}
    return config


def _counted(old: Any, count: int) -> Any:
    if isinstance(old, list | tuple):
        return type(old)([*old[:-1], old[-1] if old[-1] in (-1, None) else count])
    return count


def _carry(old: Any, new: Any, wiring: Wiring, keep: Keep) -> None:
    import keras

    axes = _cut(wiring, old).axes
    for place, (source, target) in enumerate(zip(old.variables, new.variables, strict=True)):
        masks = {axis: wiring.mask(ids, keep) for axis, ids in axes.get(place, {}).items()}
        # A copy: two models must not share memory, which JAX gives away when it trains one.
        target.assign(np.array(sliced(keras.ops.convert_to_numpy(source), masks)))
    new.trainable = old.trainable
