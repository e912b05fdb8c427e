"""What keeps weights where a pass put them, while anything trains them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.masks import Array, Bools, sparsity_at
from edgekit.passes.weights import Weight

State = Mapping[str, Array]


class Projection(Protocol):
    """Moves weights to the nearest place where they may be, after every optimizer step.

    It acts on the variables and not on gradients, so no momentum can carry a weight away for
    longer than within a step; and from outside the compiled step, so that it works on every
    backend: under JAX's jit a mask inside the step would be a constant.
    """

    @property
    def settled(self) -> bool:
        """Whether the weights are already in the form that they will end in."""

    def begin(self) -> None:
        """Project before the first step, or after a resumption."""

    def step(self) -> None:
        """Project after a step."""

    def finish(self) -> None:
        """Project for good, and count no step."""

    def state(self) -> dict[str, Array]:
        """Return what a resumed training needs."""

    def restore(self, state: State) -> None:
        """Take back what ``state`` gave."""


def hook(projection: Projection, *, told: object) -> Any:
    """Return a ``keras.callbacks.Callback`` that projects after every step of a training.

    Args:
        projection: What to do.
        told: What it was made from, in plain values or dataclasses: a training that was killed
            goes on only if this is the same.
    """
    import keras

    class Hook(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.told = told

        @property
        def settled(self) -> bool:
            return projection.settled

        def on_train_begin(self, logs: Any = None) -> None:
            self._on_variables(projection.begin)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self._on_variables(projection.step)

        def on_train_end(self, logs: Any = None) -> None:
            # An optimizer that averages weights has just put the averages in their place.
            self._on_variables(projection.finish)

        def state(self) -> dict[str, Array]:
            return projection.state()

        def restore(self, state: State) -> None:
            projection.restore(state)

        def _on_variables(self, act: Callable[[], None]) -> None:
            sync = getattr(self.model, "jax_state_sync", None)
            if sync is not None:
                sync()
            act()

    return Hook()


class Masking:
    """Holds weights at zero where masks are False."""

    settled = True

    def __init__(self, weights: Sequence[Weight], masks: Sequence[Bools]) -> None:
        self._weights = tuple(weights)
        self.masks: list[Bools] = []
        self._factors: list[Any] = []
        self._set(masks)

    def begin(self) -> None:
        """Project."""
        self.project()

    def step(self) -> None:
        """Project."""
        self.project()

    def project(self) -> None:
        """Set what is masked to zero, or minus zero."""
        for weight, factor in zip(self._weights, self._factors, strict=True):
            weight.variable.assign(weight.variable.value * factor)

    def finish(self) -> None:
        """Set what is masked to plain zero: a compressed file is smaller for one zero than two."""
        for weight, mask in zip(self._weights, self.masks, strict=True):
            weight.write(np.where(mask, weight.read(), 0))

    def state(self) -> dict[str, Array]:
        """Return the masks, one bit a weight."""
        return {w.key: np.packbits(m) for w, m in zip(self._weights, self.masks, strict=True)}

    def restore(self, state: State) -> None:
        """Take masks back."""
        self._set(
            [
                np.unpackbits(state[w.key], count=w.size).astype(bool).reshape(w.shape)
                for w in self._weights
            ]
        )

    def _set(self, masks: Sequence[Bools]) -> None:
        import keras

        self.masks = list(masks)
        self._factors = [
            keras.ops.convert_to_tensor(mask, dtype=weight.variable.dtype)
            for mask, weight in zip(masks, self._weights, strict=True)
        ]


class GradualMasking(Masking):
    """Masks more and more weights, by a polynomial schedule.

    Args:
        weights: To be pruned.
        choose: Masks of the weights as they are, for a sparsity.
        final: Sparsity at the end.
        initial: Sparsity before the first step.
        ramp: Steps over which sparsity rises; 0 for the final one at once.
        every: Steps between two choices of masks.
    """

    def __init__(
        self,
        weights: Sequence[Weight],
        choose: Callable[[float], list[Bools]],
        *,
        final: float,
        initial: float,
        ramp: int,
        every: int,
    ) -> None:
        super().__init__(weights, [np.ones(weight.shape, dtype=bool) for weight in weights])
        self._choose, self._final, self._initial = choose, final, initial
        self._ramp, self._every = ramp, every
        self.steps = 0

    @property
    def settled(self) -> bool:  # type: ignore[override]
        """Whether the final sparsity is reached."""
        return self.steps >= self._ramp

    def begin(self) -> None:
        """Choose the first masks, unless a training is resumed, and project."""
        if self.steps == 0:
            self._update()
        self.project()

    def step(self) -> None:
        """Count a step, choose masks if it is time, and project."""
        self.steps += 1
        self.project()
        if self.steps <= self._ramp and (self.steps % self._every == 0 or self.steps == self._ramp):
            self._update()
            self.project()

    def state(self) -> dict[str, Array]:
        """Return masks and steps."""
        return {**super().state(), "steps": np.asarray(self.steps)}

    def restore(self, state: State) -> None:
        """Take masks and steps back."""
        super().restore(state)
        self.steps = int(state["steps"])

    def _update(self) -> None:
        sparsity = sparsity_at(
            self.steps, steps=self._ramp, final=self._final, initial=self._initial
        )
        self._set(self._choose(sparsity))


class Sharing:
    """Holds weights at one value a cluster: after every step, at the mean of its weights.

    After a step of plain gradient descent, that is descent of the centroids along the averaged
    gradient: Han et al. 2016, "Deep compression", section 3.3.

    Args:
        weights: That share values.
        indices: The cluster of every weight.
        fixed_zero: Whether cluster 0 of each stays at zero.
    """

    settled = True

    def __init__(
        self,
        weights: Sequence[Weight],
        indices: Sequence[NDArray[np.int32]],
        fixed_zero: Sequence[bool],
    ) -> None:
        self._weights, self._fixed_zero = tuple(weights), tuple(fixed_zero)
        self.indices = list(indices)

    def begin(self) -> None:
        """Project."""
        self.project()

    def step(self) -> None:
        """Project."""
        self.project()

    def project(self) -> None:
        """Set each weight to the mean of its cluster."""
        parts = zip(self._weights, self.indices, self._fixed_zero, strict=True)
        for weight, indices, zero in parts:
            weight.write(_shared(weight.read(), indices, zero=zero))

    finish = project

    def state(self) -> dict[str, Array]:
        """Return the cluster of every weight."""
        return {w.key: i for w, i in zip(self._weights, self.indices, strict=True)}

    def restore(self, state: State) -> None:
        """Take clusters back."""
        self.indices = [np.asarray(state[w.key], dtype=np.int32) for w in self._weights]


def _shared(numbers: Array, indices: NDArray[np.int32], *, zero: bool) -> Array:
    """Return numbers as the means of their clusters; with ``zero``, cluster 0 as zeros."""
    places = indices.ravel()
    means = np.bincount(places, weights=numbers.ravel()) / np.maximum(np.bincount(places), 1)
    if zero:
        means[0] = 0.0
    return means.astype(numbers.dtype)[indices]
