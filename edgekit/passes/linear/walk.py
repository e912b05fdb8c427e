"""Runs a model call by call over all samples, while its layers are changed one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.calibrate.samples import Samples
from edgekit.files import scratch
from edgekit.passes.graph import Graph, Node

Array = NDArray[Any]
Batches = Sequence[Array]

BATCH = 32
_HELD_BYTES = 512 * 2**20


@dataclass(frozen=True, kw_only=True, eq=False)
class Stop:
    """A call whose layer may be changed now: what it reads, batch by batch, in steady order.

    ``exact`` is its input in the model as it came, ``changed`` in the model with every layer before
    as it is now.
    """

    node: Node
    exact: Batches
    changed: Batches


def walk(
    graph: Graph, samples: Samples, stops: Collection[int], change: Callable[[Stop], None], *,
    held: int = _HELD_BYTES,
) -> None:  # fmt: skip
    """Run the samples through a model, once as it came and once as ``change`` leaves its layers.

    ``change`` is called before each call whose number is among ``stops``, in the order of
    execution, and may assign to the weights of its layer; later calls of a shared layer are run
    with the new weights. Of activations only those that are still needed are kept, beyond ``held``
    bytes on disk.
    """
    with scratch() as folder:
        tracks = _Tracks(graph, _Shelf(folder, held))
        tracks.enter(samples)
        for node in graph.nodes:
            tracks.step(node, change if node.number in stops else None)


class _Tracks:
    """The activations that are still needed: as the model came (0), and as it is now (1)."""

    def __init__(self, graph: Graph, shelf: _Shelf) -> None:
        self._graph, self._shelf = graph, shelf
        self._known: tuple[dict[int, Batches], dict[int, Batches]] = ({}, {})
        self._left = Counter(id(t) for node in graph.nodes for t in _read(node))
        self._before: dict[int, list[Array]] = {}
        self._count = 0

    def enter(self, samples: Samples) -> None:
        """Take the samples as the model's inputs."""
        kept: dict[int, list[Array]] = {id(t): [] for t in self._graph.model.inputs}
        for batch in samples.batches(BATCH):
            for tensor in self._graph.model.inputs:
                kept[id(tensor)].append(self._shelf.put(batch.inputs[str(tensor.name)]))
            self._count += 1
        for known in self._known:
            known.update(kept)

    def step(self, node: Node, change: Callable[[Stop], None] | None) -> None:
        """Run one call on both tracks; they stay one for as long as they are the same."""
        exact = self._exact(node)
        if change is not None:
            self._before.setdefault(id(node.layer), _weights(node.layer))
            source = id(node.inputs[0])
            change(Stop(node=node, exact=self._known[0][source], changed=self._known[1][source]))
        same = id(node.layer) not in self._before and all(
            self._known[0][id(t)] is self._known[1][id(t)] for t in node.inputs
        )
        changed = exact if same else self._run(node, self._known[1])
        for place, tensor in enumerate(node.outputs):
            self._known[0][id(tensor)] = exact[place]
            self._known[1][id(tensor)] = changed[place]
            if not self._left[id(tensor)]:
                self._forget(id(tensor))
        for tensor in _read(node):
            self._left[id(tensor)] -= 1
            if not self._left[id(tensor)]:
                self._forget(id(tensor))

    def _exact(self, node: Node) -> list[Batches]:
        before = self._before.get(id(node.layer))
        if before is None:
            return self._run(node, self._known[0])
        now = _weights(node.layer)
        try:
            _assign(node.layer, before)
            return self._run(node, self._known[0])
        finally:
            _assign(node.layer, now)

    def _run(self, node: Node, known: Mapping[int, Batches]) -> list[Batches]:
        made: list[list[Array]] = [[] for _ in node.outputs]
        for number in range(self._count):
            inputs = {id(t): known[id(t)][number] for t in node.inputs}
            for batches, value in zip(made, call(node, inputs), strict=True):
                batches.append(self._shelf.put(value))
        return list(made)

    def _forget(self, tensor: int) -> None:
        exact, changed = (known.pop(tensor) for known in self._known)
        self._shelf.drop(exact)
        if changed is not exact:
            self._shelf.drop(changed)


class _Shelf:
    """Keeps arrays in memory up to a number of bytes, and others as files."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._held, self._files = 0, 0

    def drop(self, batches: Batches) -> None:
        for array in batches:
            if isinstance(array, np.memmap):
                Path(str(array.filename)).unlink(missing_ok=True)
            else:
                self._held -= array.nbytes

    def put(self, array: Array) -> Array:
        if self._held + array.nbytes <= self._most or array.ndim == 0:
            self._held += array.nbytes
            return array
        path = self._folder / f"{self._files}.npy"
        self._files += 1
        np.save(path, array)
        return np.asanyarray(np.load(path, mmap_mode="r"))


def call(node: Node, inputs: Mapping[int, Array]) -> list[Array]:
    """Return the outputs of a call, flat, for other inputs by the id of their tensor."""
    import keras

    args, kwargs = keras.tree.map_structure(
        lambda value: inputs.get(id(value), value), (node.args, dict(node.kwargs))
    )
    result = keras.tree.flatten(node.layer(*args, **kwargs))
    return [np.asarray(keras.ops.convert_to_numpy(value)) for value in result]


def _read(node: Node) -> list[Any]:
    return list({id(tensor): tensor for tensor in node.inputs}.values())


def _weights(layer: Any) -> list[Array]:
    import keras

    return [np.array(keras.ops.convert_to_numpy(v.value)) for v in layer.weights]


def _assign(layer: Any, values: Sequence[Array]) -> None:
    for variable, value in zip(layer.weights, values, strict=True):
        variable.assign(value)
