"""Every activation of a trace: which there are, and what they hold for given inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.trace.freeze import Trace
from edgekit.trace.lifted import lift


def activations(trace: Trace) -> tuple[str, ...]:
    """Return the float tensors that depend on the inputs, in graph order, inputs first.

    Tensors inside the bodies of loops are not among them: they hold another value in each turn.
    """
    import tensorflow as tf

    graph, found = trace.outline(), []
    reached = set(trace.input_tensors)
    for node, types in _output_types(graph):
        depends = any(_tensor(name) in reached for name in node.input)
        for place, dtype in enumerate(types):
            name = f"{node.name}:{place}"
            if depends:
                reached.add(name)
            if name in reached and dtype == tf.float32:
                found.append(name)
    return tuple(found)


def _output_types(graph: Any) -> Iterator[tuple[Any, list[int]]]:
    """Yield each node of a GraphDef with the types of its outputs, as numbers of TensorFlow's.

    From what the operators declare: importing the graph, to ask it, takes seven times as long.
    """
    from tensorflow.python.framework import op_def_registry

    own = {function.signature.name: function.signature for function in graph.library.function}
    for node in graph.node:
        declared = own.get(node.op) or op_def_registry.get(node.op)
        yield node, [dtype for one in declared.output_arg for dtype in _types(node, one)]


def _types(node: Any, declared: Any) -> list[int]:
    if declared.type_list_attr:
        return list(node.attr[declared.type_list_attr].list.type)
    dtype = node.attr[declared.type_attr].type if declared.type_attr else declared.type
    return [dtype] * (node.attr[declared.number_attr].i if declared.number_attr else 1)


def _tensor(input_name: str) -> str:
    return input_name if ":" in input_name else f"{input_name}:0"


class Observer:
    """Runs a trace and gives chosen tensors; the graph is prepared once."""

    def __init__(self, trace: Trace, tensors: Sequence[str]) -> None:
        self._names = tuple(tensors)
        self._inputs = trace.inputs
        self._run = _prepared(trace, self._names)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Return the tensors for one batch of exactly the trace's batch size."""
        values = self._run(*(np.asarray(inputs[spec.name], spec.dtype) for spec in self._inputs))
        return dict(zip(self._names, values, strict=True))


def _prepared(
    trace: Trace, tensors: Sequence[str], give: Callable[[Any], Any] | None = None
) -> Any:
    """Return a function from the inputs' arrays to each tensor, or what ``give`` makes of it.

    A session, since a ``tf.function`` would copy the graph twice and, at each call of one that was
    cut out of a wrapped graph, print its arguments into an error that nobody sees. Its graph is run
    as it is: where nearly every tensor is fetched, optimizing takes longer than it saves.
    """
    import tensorflow as tf

    options = tf.compat.v1.ConfigProto()
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    definition = trace.graph_def()
    constants = lift(definition)
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(definition, name="")
        del definition
        feeds = [graph.get_tensor_by_name(name) for name in (*trace.input_tensors, *constants)]
        found = [graph.get_tensor_by_name(name) for name in tensors]
        # An identity, because what is fed cannot be fetched.
        whole = [tf.identity(t) if t.name in trace.input_tensors else t for t in found]
        fetches = whole if give is None else [tf.identity(give(tensor)) for tensor in found]
        session = tf.compat.v1.Session(graph=graph, config=options)
        run = session.make_callable(fetches, feed_list=feeds)
    return lambda *inputs: run(*inputs, *constants.values())


def by_sample(value: Any, size: int) -> Any:
    """View a tensor of a batch of ``size`` samples as (size, ...), one row a sample.

    A leading axis that folds samples together with something else, as the rows of a flattened
    product, is split. None where the leading axis cannot count samples.
    """
    shape = tuple(value.shape)
    if not shape or not shape[0] or shape[0] % size:
        return None
    return value if shape[0] == size else value.reshape((size, shape[0] // size, *shape[1:]))


def filled(inputs: Mapping[str, NDArray[Any]], size: int) -> dict[str, NDArray[Any]]:
    """Fill a short last batch up by repeating its last sample."""
    return {
        name: array
        if len(array) == size
        else np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])
        for name, array in inputs.items()
    }


def few_samples(
    trace: Trace, tensors: Sequence[str], inputs: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    """Return what tensors hold for each of few samples, as (samples, 1, ...).

    Each is what ``by_sample`` cuts out of a trace's batch; those that it cannot cut are left out.
    No more than one sample of a batch is held.
    """
    size = int(trace.inputs[0].shape[0] or 1)
    run = _prepared(trace, tensors, None if size == 1 else partial(_first, size=size))
    found: dict[str, list[NDArray[np.float32]]] = {}
    for place in range(len(next(iter(inputs.values())))):
        sample = [np.asarray(inputs[s.name][place : place + 1], s.dtype) for s in trace.inputs]
        for name, value in zip(tensors, run(*(np.repeat(x, size, 0) for x in sample)), strict=True):
            row = by_sample(value, 1) if size == 1 else value
            if row is not None and row.ndim:
                found.setdefault(name, []).append(row)
    return {name: np.stack(rows) for name, rows in found.items()}


def _first(tensor: Any, *, size: int) -> Any:
    """Cut out the first sample; a scalar stands for what cannot be cut."""
    import tensorflow as tf

    shape = tensor.shape
    if not shape.is_fully_defined() or not shape.rank or not shape[0] or shape[0] % size:
        return tf.zeros(())
    return tensor[: shape[0] // size][None] if shape[0] != size else tensor[:1]
