"""Lets the channels that stay make up for those that leave: least squares, layer by layer.

He et al. 2017, "Channel Pruning for Accelerating Very Deep Neural Networks", equation 2 with the
channels chosen already: the kernel that reads the channels left gives, as nearly as it can, what
the whole layer gave. Inputs come from the layers that were fitted before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.calibrate.samples import Samples
from edgekit.passes.channels.wiring import Keep, Wiring
from edgekit.passes.graph import Graph, Node
from edgekit.passes.linear.sampled import patches
from edgekit.passes.linear.taps import rows
from edgekit.passes.linear.view import Linear, linear
from edgekit.passes.linear.walk import Stop, walk

Array = NDArray[Any]
_PLACES = 16  # for each weight of an output channel
_RIDGE = 1e-3  # of the mean square of an input


def refit(graph: Graph, wiring: Wiring, keep: Keep, samples: Samples, *, seed: int) -> list[str]:
    """Change the kernels that read channels which leave; those channels' weights become 0.

    Left alone are layers that are called several times, depthwise and grouped ones, and those of
    two kernels; also a layer for which the samples give no finite solution.

    Args:
        graph: Of the model; its layers are changed in place.
        wiring: Of the same graph.
        keep: By class, whether it stays.
        samples: That the layers are fitted on.
        seed: Of the places that are looked at.

    Returns:
        The names of the layers that were fitted.
    """
    cuts = {node.number: _cut(graph, node, wiring, keep) for node in graph.nodes}
    masks = {number: mask for number, mask in cuts.items() if mask is not None}
    generator, done = np.random.default_rng(seed), list[str]()

    def change(stop: Stop) -> None:
        view = linear(stop.node.layer)
        if view is not None:
            _fit(view, stop, masks[stop.node.number], generator)
            done.append(stop.node.name)

    if masks:
        walk(graph, samples, masks, change)
    return done


def _cut(graph: Graph, node: Node, wiring: Wiring, keep: Keep) -> Keep | None:
    """Return which input channels of a layer stay; None if all do, or it cannot be fitted."""
    view = linear(node.layer)
    if view is None or len(view.kernels) > 1 or len(graph.calls_of(node.layer)) > 1:
        return None
    layout = view.kernels[0].layout
    mask = wiring.mask(wiring.tensors[id(node.inputs[0])], keep)
    if layout.groups > 1 or layout.inputs != len(mask) or mask.all() or not mask.any():
        return None
    return mask


def _fit(view: Linear, stop: Stop, mask: Keep, generator: Any) -> None:
    kernel = view.kernels[0]
    read = patches(view, stop.exact, stop.changed, generator, each=_PLACES)
    before = kernel.read()[0].astype(np.float64)
    wanted = rows(kernel.layout, read.exact)[0] @ before
    stay = np.tile(mask, kernel.layout.taps)
    inputs = rows(kernel.layout, read.changed)[0][:, stay].astype(np.float64)
    if view.layer.bias is not None:
        mean, aim = inputs.mean(axis=0), wanted.mean(axis=0)
    else:
        mean, aim = np.zeros(inputs.shape[1]), np.zeros(wanted.shape[1])
    found = solved(inputs - mean, wanted - aim, before[stay])
    if not np.isfinite(found).all():
        return
    weights = np.zeros_like(before)
    weights[stay] = found
    kernel.write(weights[None].astype(np.float32))
    if view.layer.bias is not None:
        view.layer.bias.assign((view.bias + aim - mean @ found).astype(np.float32))


def solved(inputs: Array, wanted: Array, before: Array) -> Array:
    """Return weights W of least |inputs @ W - wanted|^2 + ridge |W - before|^2.

    Args:
        inputs: (n, k).
        wanted: (n, outputs).
        before: (k, outputs), what to stay near where the inputs do not tell.
    """
    square = inputs.T @ inputs
    ridge = _RIDGE * max(float(np.trace(square)) / len(square), 1e-30)
    square[np.diag_indices_from(square)] += ridge
    found: Array = np.linalg.solve(square, inputs.T @ wanted + ridge * before)
    return found
