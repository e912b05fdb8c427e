"""What a Keras model weighs: parameters, work, zeros, and its size in a compressed file."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.errors import PassError
from edgekit.passes.channels.costs import Costs
from edgekit.passes.channels.wiring import wired
from edgekit.passes.compressed import compressed_bytes, variables
from edgekit.passes.graph import Graph
from edgekit.report.model import ModelFigures


def weighed(model: Any) -> ModelFigures:
    """Return the figures of a model; its multiply-accumulates only if it is a flat graph."""
    arrays = variables(model)
    paths = (str(variable.path) for variable in model.weights)
    kernels = {p: array for p, array in zip(paths, arrays, strict=True) if array.ndim > 1}
    zeros = {path: int(np.count_nonzero(array == 0)) for path, array in kernels.items()}
    return ModelFigures(
        parameters=int(model.count_params()),
        macs=_macs(model),
        sparsity=sum(zeros.values()) / max(1, sum(array.size for array in kernels.values())),
        weight_bytes=sum(array.nbytes for array in arrays),
        compressed_bytes=compressed_bytes(arrays),
        zeros={path: zeros[path] / max(1, array.size) for path, array in kernels.items()},
        values={path: int(np.unique(array).size) for path, array in kernels.items()},
    )


def _macs(model: Any) -> int | None:
    if not hasattr(model, "_inputs_struct"):
        return None
    graph = Graph(model)
    try:
        wiring = wired(graph, skip=())
        macs, _ = Costs(graph, wiring).of(wiring.everything())
    except PassError:
        return None
    return macs
