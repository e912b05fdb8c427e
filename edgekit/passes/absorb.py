"""Moves biases that keep a channel above 0 on to the layers that read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.calibrate.samples import Samples
from edgekit.passes.graph import Graph
from edgekit.passes.linear.extremes import extremes
from edgekit.passes.linear.layout import response
from edgekit.passes.linear.links import Link, axis_made, links
from edgekit.passes.linear.moments import Moments
from edgekit.passes.linear.view import with_biases

Array = NDArray[Any]


def scaled(moments: Mapping[str, Moments], factors: Mapping[str, Array]) -> dict[str, Moments]:
    """Return the moments of layers whose channels were divided."""
    return {name: _divided(m, factors.get(name, np.ones(1))) for name, m in moments.items()}


def _divided(moments: Moments, factors: Array) -> Moments:
    known = moments.deviations
    return Moments(
        means=moments.means / factors, deviations=None if known is None else known / factors
    )


def absorb(model: Any, moments: Mapping[str, Moments], samples: Samples | None) -> tuple[Any, int]:
    """Take c from the bias of each channel, and give W c to the biases behind.

    relu(W x + b - c) = relu(W x + b) - c wherever a channel is at least c: Nagel et al. 2019,
    section 4.1.3, eq. 12 to 15. Only where no zeros are put around the channels behind, and no
    ceiling is in the way. c is max(0, least value on samples), or 3 deviations below the mean.

    Args:
        model: Flat; it may be changed.
        moments: Before the activation, by layer; used where there are no samples.
        samples: Calibration samples.

    Returns:
        The model, and how many channels had something to absorb.
    """
    names = [
        str(layer.name)
        for link in _usable(Graph(model))
        for layer in (link.makers[0].node.layer, *(reader.view.layer for reader in link.readers))
    ]
    model = with_biases(model, names)
    found = _usable(Graph(model))
    lows = _from_samples(Graph(model), samples) if samples else _from_moments(found, moments)
    return model, sum(
        _move_on(link, lows[link.layers[0]]) for link in found if link.layers[0] in lows
    )


def _usable(graph: Graph) -> list[Link]:
    found = (one for one in links(graph) if isinstance(one, Link))
    single = (one for one in found if len(one.makers) == 1 and one.makers[0].view is not None)
    return [one for one in single if one.rectified and not one.padded and not one.ceilings]


def _from_samples(graph: Graph, samples: Samples) -> dict[str, Array]:
    nodes = [link.makers[0].node for link in _usable(graph)]
    watched = [(node.output, axis_made(node)) for node in nodes]
    seen = extremes(graph.model, watched, samples)
    return {node.name: one.low for node, one in zip(nodes, seen, strict=True)}


def _from_moments(found: list[Link], moments: Mapping[str, Moments]) -> dict[str, Array]:
    known = {link.layers[0]: moments.get(link.layers[0]) for link in found}
    return {
        name: one.means - 3 * one.deviations
        for name, one in known.items()
        if one is not None and one.deviations is not None
    }


def _move_on(link: Link, lows: Array) -> int:
    extra, view = np.maximum(0.0, lows), link.makers[0].view
    if view is None:
        return 0
    view.layer.bias.assign((view.bias - extra).astype(np.float32))
    for reader in link.readers:
        given = np.tile(extra, reader.copies)
        for kernel in reader.view.kernels:
            given = response(kernel.layout, kernel.read(), given)
        reader.view.layer.bias.assign((reader.view.bias + given).astype(np.float32))
    return int(np.count_nonzero(extra))
