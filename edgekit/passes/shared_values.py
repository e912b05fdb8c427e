"""A layer whose kernels are made of few values, which are what is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.passes.kmeans import Clustering
from edgekit.passes.weights import Weight


@dataclass(frozen=True, kw_only=True, eq=False)
class Shared:
    """A kernel and the clusters of its weights.

    ``zero`` says that centroid 0 stands for the zeros that stay, and comes before the others.
    """

    weight: Weight
    clusters: Clustering
    zero: bool = False


def sharing_layer(layer: Any, kernels: Sequence[Shared]) -> Any:
    """Return a layer that computes as ``layer`` does, with kernels gathered from centroids.

    It takes the name and every argument of the layer. Its trainable variables are the centroids,
    and what else is trainable in the layer. The gradient of a centroid is the mean of those of its
    weights: Han et al. 2016, "Deep compression", section 3.3, equation 3, divided by their number,
    so that learning rates keep their meaning for optimizers that do not scale gradients.

    The kernels in ``layer`` stop being trainable and keep their numbers: see ``put_back``.
    """
    from edgekit.passes.shared_layer import SharedValues

    return SharedValues(layer, kernels)


def put_back(sharing: Any) -> None:
    """Write the trained values into the kernels of the layer inside, which can be trained again."""
    for kernel, centroids, indices in sharing.parts():
        values = sharing.centroids_of(kernel, centroids)
        kernel.weight.write(np.asarray(values)[np.asarray(indices)])
        kernel.weight.variable.trainable = True
