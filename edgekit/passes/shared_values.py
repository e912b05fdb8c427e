"""A layer whose kernels are made of few values, which are what is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
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
    return _class()(layer, kernels)


def put_back(sharing: Any) -> None:
    """Write the trained values into the kernels of the layer inside, which can be trained again."""
    for kernel, centroids, indices in sharing.parts():
        values = sharing.centroids_of(kernel, centroids)
        kernel.weight.write(np.asarray(values)[np.asarray(indices)])
        kernel.weight.variable.trainable = True


@cache
def _class() -> Any:
    import keras
    from keras import ops

    class SharedValues(keras.layers.Layer):  # type: ignore[misc]
        """Gathers kernels from centroids, and calls the layer with them."""

        def __init__(self, layer: Any, kernels: Sequence[Shared]) -> None:
            super().__init__(name=layer.name, dtype=layer.dtype_policy)
            self.layer = layer
            self.supports_masking = layer.supports_masking
            self._kernels = tuple(kernels)
            self._centroids: list[Any] = []
            self._indices: list[Any] = []
            self._shares: list[Any] = []
            for number, kernel in enumerate(kernels):
                self._add(number, kernel)
            self.trainable = layer.trainable
            for kernel in kernels:  # last: the line before sets what is inside as well
                kernel.weight.variable.trainable = False
            self.built = True

        def _add(self, number: int, kernel: Shared) -> None:
            found = kernel.clusters
            counts = np.bincount(found.indices.ravel(), minlength=found.centroids.size)
            free = slice(1, None) if kernel.zero else slice(None)
            self._shares.append(1.0 / counts[free].astype(np.float32))
            dtype = kernel.weight.variable.dtype
            self._centroids.append(
                self._holding(found.centroids[free], f"centroids_{number}", dtype)
            )
            self._indices.append(
                self._holding(found.indices, f"indices_{number}", "int32", trainable=False)
            )

        def _holding(self, values: Any, name: str, dtype: Any, trainable: bool = True) -> Any:
            variable = self.add_weight(
                shape=values.shape, dtype=dtype, initializer="zeros", name=name,
                trainable=trainable, autocast=False,
            )  # fmt: skip
            variable.assign(values)
            return variable

        def parts(self) -> list[tuple[Shared, Any, Any]]:
            return [
                (kernel, ops.convert_to_numpy(c.value), ops.convert_to_numpy(i.value))
                for kernel, c, i in zip(self._kernels, self._centroids, self._indices, strict=True)
            ]

        def centroids_of(self, kernel: Shared, free: Any) -> Any:
            """Put the zero that stays before the centroids that are trained."""
            return np.concatenate([np.zeros_like(free[:1]), free]) if kernel.zero else free

        def _gathered(self, number: int) -> Any:
            centroids = ops.convert_to_tensor(self._centroids[number].value)
            share = ops.convert_to_tensor(self._shares[number], dtype=centroids.dtype)
            scaled = centroids * share
            scaled = scaled + ops.stop_gradient(centroids - scaled)
            if self._kernels[number].zero:
                scaled = ops.concatenate([ops.zeros_like(scaled[:1]), scaled])
            return ops.take(scaled, self._indices[number].value, axis=0)

        def call(self, *args: Any, training: Any = None, **kwargs: Any) -> Any:
            gathered = {
                id(kernel.weight.variable): self._gathered(number)
                for number, kernel in enumerate(self._kernels)
            }
            before = [(v, gathered.get(id(v), v.value)) for v in self.layer.variables]
            if self.layer._call_has_training_arg:
                kwargs["training"] = training
            with keras.StatelessScope(state_mapping=before) as scope:
                result = self.layer(*args, **kwargs)
            for variable, value in before:
                after = scope.get_current_value(variable)
                if id(variable) not in gathered and after is not value:
                    variable.assign(after)
            return result

        def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
            return self.layer.compute_mask(inputs, previous_mask)

    return SharedValues
