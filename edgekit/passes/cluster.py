"""Weight clustering: each kernel's weights share a few values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from edgekit.errors import OptionError, PassError
from edgekit.passes.base import Context, Need, Outcome, Pass, Treatment
from edgekit.passes.compressed import size_figures, sparsity_figures, variables
from edgekit.passes.graph import Graph, rebuilt
from edgekit.passes.kmeans import Clustering, Start, clustered
from edgekit.passes.preserve import is_pruned
from edgekit.passes.selection import Selection, left_out, selected
from edgekit.passes.shared_values import Shared, put_back, sharing_layer
from edgekit.passes.weights import Weight, kernels
from edgekit.target import Target

MOST = 65536
_UNDOING = ("magnitude-prune", "channel-prune", "fold-batchnorm", "equalize", "adaround")


@dataclass(frozen=True, kw_only=True)
class Cluster(Pass):
    """Lets the weights of each kernel share a few values, and trains the values. Biases are free.

    The file does not get smaller by itself, and nothing runs faster: it is the compressed file
    (gzip, or the download or update that compresses) that becomes a fraction of what it was.

    Layers are chosen as in magnitude-prune: embeddings, depthwise kernels and a small first
    convolution are left alone unless ``only`` names them, and custom layers unless they say what
    may be changed.

    Args:
        clusters: Values a kernel, zero included, at least 2.
        start: Where the values begin: "k-means++" (seeded), "linear" or "density".
        preserve_zeros: Whether zeros stay zero, as a cluster of their own; "auto" does it for
            kernels that were pruned: of which at least 1 % is exactly zero.
        epochs: None for those of the training; 0 clusters without training, and needs no data.
        learning_rate: None for that of the training.
        skip: Name patterns of layers to leave alone.
        only: Name patterns; if given, only these layers are clustered, whatever they are.
    """

    name: ClassVar[str] = "cluster"

    clusters: int = 16
    start: Start = "k-means++"
    preserve_zeros: bool | Literal["auto"] = "auto"
    epochs: int | None = None
    learning_rate: float | None = None
    skip: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if not 2 <= self.clusters <= MOST:
            raise OptionError(f"cluster: clusters: expected 2 to {MOST}, got {self.clusters}")
        if self.epochs is not None and self.epochs < 0:
            raise OptionError(f"cluster: epochs: expected 0 or more, got {self.epochs}")
        if self.learning_rate is not None and self.learning_rate <= 0:
            raise OptionError(
                f"cluster: learning_rate: expected more than 0, got {self.learning_rate}"
            )

    @property
    def needs(self) -> frozenset[Need]:
        """Data only where something is trained."""
        return frozenset({"graph", *(("training", "labels") if self.epochs != 0 else ())})

    def objections(self, target: Target | None, others: Sequence[Pass]) -> list[str]:
        """Say what would undo the clusters."""
        places = [place for place, other in enumerate(others) if other is self]
        later = [other.name for other in others[places[0] + 1 :]] if places else []
        undoing = [n for n in later if n in _UNDOING]
        return [
            f"{name} after cluster undoes the shared values: put it before cluster"
            for name in undoing
        ]

    def run(self, model: Any, context: Context) -> Outcome:
        """Cluster, train the values, and put them back into the kernels."""
        before = variables(model)
        choice = selected(
            model, skip=self.skip, only=self.only, unfit=lambda w: _unfit(w, self.clusters)
        )
        if choice.weights:
            shared = [self._shared(weight, context.seed) for weight in choice.weights]
            self._train(model, shared, context)
        values = {w.key: float(np.unique(w.read()).size) for w in choice.weights}
        return Outcome(
            model=model,
            treatments=(*_treatments(choice, values), *choice.skipped),
            figures={
                "values_most": max(values.values(), default=0.0),
                **{f"values/{key}": count for key, count in values.items()},
                **sparsity_figures(kernels(model)),
                **size_figures(before, variables(model)),
            },
        )

    def _shared(self, weight: Weight, seed: int) -> Shared:
        numbers = weight.read()
        zero = is_pruned(numbers) if self.preserve_zeros == "auto" else self.preserve_zeros
        zero = zero and bool((numbers == 0).any())
        if not zero:
            found = clustered(numbers, self.clusters, start=self.start, seed=seed)
            return Shared(weight=weight, clusters=found)
        rest = numbers != 0
        found = clustered(numbers[rest], self.clusters - 1, start=self.start, seed=seed)
        indices = np.zeros(numbers.shape, dtype=np.int32)
        indices[rest] = found.indices + 1
        with_zero = Clustering(
            centroids=np.concatenate([[0.0], found.centroids]),
            indices=indices,
            inertia=found.inertia,
        )
        return Shared(weight=weight, clusters=with_zero, zero=True)

    def _train(self, model: Any, shared: Sequence[Shared], context: Context) -> None:
        by_layer: dict[str, list[Shared]] = {}
        for kernel in shared:
            by_layer.setdefault(kernel.weight.layer.name, []).append(kernel)
        layers = {name: sharing_layer(own[0].weight.layer, own) for name, own in by_layer.items()}
        try:
            if self.epochs != 0:
                self._fit(model, layers, context)
        finally:
            for layer in layers.values():
                put_back(layer)

    def _fit(self, model: Any, layers: Mapping[str, Any], context: Context) -> None:
        if context.trainer is None:
            raise PassError(
                "cluster: expected training data, got none: give some, or epochs = 0 to cluster "
                "without training"
            )
        graph = Graph(model)
        substitutes = {
            n.number: layers[n.layer.name] for n in graph.nodes if n.layer.name in layers
        }
        context.trainer.fit(
            rebuilt(graph, substitutes),
            label=self.name,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
        )


def _unfit(weight: Weight, clusters: int) -> str | None:
    if weight.size <= clusters:
        return f"{weight.size} weights are not more than {clusters} values"
    return None


def _treatments(choice: Selection, values: Mapping[str, float]) -> list[Treatment]:
    done = []
    for name in choice.layers():
        own = [weight for weight in choice.weights if weight.layer.name == name]
        texts = [f"{w.name}: {w.size} weights share {values[w.key]:.0f} values" for w in own]
        done.append(Treatment(layer=name, done="; ".join(texts) + left_out(own[0].layer, own)))
    return done
