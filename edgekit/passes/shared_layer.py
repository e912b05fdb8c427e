"""The layer that gathers its kernels from few values. It lives while training only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

if TYPE_CHECKING:
    from edgekit.passes.shared_values import Shared


class SharedValues(keras.layers.Layer):
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
        self._centroids.append(self._holding(found.centroids[free], f"centroids_{number}", dtype))
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
        """Return each kernel with its trained centroids, and the indices into them."""
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
        """Call the layer with gathered kernels; what it changes of its state stays changed."""
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
        """Return the layer's mask."""
        return self.layer.compute_mask(inputs, previous_mask)
