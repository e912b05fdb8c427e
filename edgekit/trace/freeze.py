"""Traces a Keras model once, at static shapes, into a graph without variables."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgekit.artifact import TensorSpec
from edgekit.errors import TraceError
from edgekit.source.containers import one_line
from edgekit.trace.lifted import hollow
from edgekit.trace.outputs import outputs_of
from edgekit.trace.plain import plain_operators
from edgekit.trace.scopes import legal_scopes
from edgekit.trace.shapes import Signature
from edgekit.trace.unroll import unrolling
from edgekit.trace.whole import keep_integers

_GRADIENT = "_gradient_op_type"  # numbered anew in each trace, and of no use for inference


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """A frozen TensorFlow graph at static shapes.

    ``inputs`` and ``outputs`` carry the Keras names; ``input_tensors`` and ``output_tensors`` are
    the tensors in ``graph`` (a serialized GraphDef) that they stand for, in the same order.
    """

    graph: bytes
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    input_tensors: tuple[str, ...]
    output_tensors: tuple[str, ...]

    def graph_def(self) -> Any:
        """Return the graph as a fresh ``tf.compat.v1.GraphDef``."""
        import tensorflow as tf

        graph = tf.compat.v1.GraphDef()
        graph.ParseFromString(self.graph)
        return graph

    def outline(self) -> Any:
        """Return the graph with placeholders for large constants: for names, types and shapes."""
        graph = self.graph_def()
        hollow(graph)
        return graph

    def save(self, folder: Path) -> None:
        """Write the trace into a folder."""
        (folder / "graph.pb").write_bytes(self.graph)
        facts = {key: value for key, value in asdict(self).items() if key != "graph"}
        (folder / "trace.json").write_text(json.dumps(facts), encoding="utf-8")

    @classmethod
    def restore(cls, folder: Path) -> Trace:
        """Read what ``save`` wrote."""
        facts = json.loads((folder / "trace.json").read_text(encoding="utf-8"))
        return cls(
            graph=(folder / "graph.pb").read_bytes(),
            inputs=_specs(facts["inputs"]),
            outputs=_specs(facts["outputs"]),
            input_tensors=tuple(facts["input_tensors"]),
            output_tensors=tuple(facts["output_tensors"]),
        )


def freeze(model: Any, signature: Signature, *, unrolled: bool = False) -> Trace:
    """Freeze a Keras model in inference mode at the signature's static shapes.

    The model computes in float32 whatever its dtype policy says, and is left as it was.
    ``unrolled`` writes recurrent layers of modest length step by step instead of as loops.

    Raises:
        TraceError: the model's call fails under tracing, keeps state from one call to the next, or
            a variable cannot be frozen.
    """
    import tensorflow as tf

    _refuse_state(model)
    names: list[str] = []

    def call(*tensors: Any) -> list[Any]:
        result = model(signature.pack(tensors), training=False)
        found = outputs_of(model, result, {spec.name for spec in signature.specs})
        names[:] = [output.name for output in found]
        return [
            tf.identity(output.tensor, name=f"edgekit_output_{i}") for i, output in enumerate(found)
        ]

    specs = [
        tf.TensorSpec(spec.shape, spec.dtype, name=f"edgekit_input_{i}")
        for i, spec in enumerate(signature.specs)
    ]
    try:
        with (
            computing_in_float32(model), _loops(model, unrolled), plain_operators(), legal_scopes()
        ):  # fmt: skip
            concrete = tf.function(call, autograph=False, jit_compile=False).get_concrete_function(
                *specs
            )
            frozen = _without_variables(concrete)
    except (ValueError, TypeError, NotImplementedError, tf.errors.OpError) as error:
        shapes = ", ".join(f"{spec.name}={spec.shape}" for spec in signature.specs)
        raise TraceError(
            f"{model.name!r} cannot be traced at {shapes}: {_cause(error)}; mend or replace the "
            "layer that fails at this shape, or give another with --input-shape"
        ) from error
    return _trace_of(concrete, frozen, signature, names)


def _without_variables(concrete: Any) -> Any:
    """Return the GraphDef of a function with its variables as constants, loops left as they are.

    What ``convert_variables_to_constants_v2`` does, less the function that it builds around the
    graph, which takes as long as the trace did and which nobody needs.
    """
    from tensorflow.python.framework import convert_to_constants as constants

    data = constants._FunctionConverterDataInEager(
        func=concrete, lower_control_flow=False, aggressive_inlining=False
    )
    graph, _ = constants._replace_variables_by_constants(converter_data=data)
    keep_integers(graph)
    _prune(graph, [tensor.op.name for tensor in (*_arguments(concrete), *concrete.outputs)])
    return graph


def _prune(graph: Any, ends: Sequence[str]) -> None:
    """Drop the nodes that no end needs."""
    sources = {node.name: [_node_of(name) for name in node.input] for node in graph.node}
    needed, open_ends = set(), list(ends)
    while open_ends:
        name = open_ends.pop()
        if name not in needed:
            needed.add(name)
            open_ends += sources[name]
    kept = [node for node in graph.node if node.name in needed]
    del graph.node[:]
    graph.node.extend(kept)


def _node_of(input_name: str) -> str:
    return input_name.removeprefix("^").partition(":")[0]


def _arguments(concrete: Any) -> list[Any]:
    captured = {id(tensor) for tensor in concrete.graph.internal_captures}
    return [tensor for tensor in concrete.inputs if id(tensor) not in captured]


def _refuse_state(model: Any) -> None:
    stateful = [layer.name for layer in model._flatten_layers() if _keeps_state(layer)]
    if stateful:
        raise TraceError(
            f"{model.name!r} keeps state from one call to the next in {', '.join(stateful[:5])}, "
            "which a frozen file cannot: expected stateless layers; build the model again with "
            "stateful=False, its states as inputs and outputs of its own, and the same weights"
        )


def _keeps_state(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.layers.RNN) and bool(layer.stateful)


def _cause(error: BaseException) -> str:
    """Return what went wrong, without Keras's frame around it."""
    text = one_line(error, 2000)
    text = re.sub(r"^(Exception encountered when calling \S+ ?)+", "", text)
    return text.split(" Arguments received by ")[0][:300]


def _loops(model: Any, unrolled: bool) -> contextlib.AbstractContextManager[None]:
    return unrolling(model) if unrolled else contextlib.nullcontext()


def _trace_of(concrete: Any, graph: Any, signature: Signature, names: Sequence[str]) -> Trace:
    outputs = tuple(
        TensorSpec(
            name=name,
            shape=tuple(None if size is None else int(size) for size in tensor.shape),
            dtype=tensor.dtype.name,
        )
        for name, tensor in zip(names, concrete.outputs, strict=True)
    )
    for node in graph.node:
        node.attr.pop(_GRADIENT, None)
    return Trace(
        graph=graph.SerializeToString(deterministic=True),
        inputs=signature.specs,
        outputs=outputs,
        input_tensors=tuple(tensor.name for tensor in _arguments(concrete)),
        output_tensors=tuple(tensor.name for tensor in concrete.outputs),
    )


@contextlib.contextmanager
def computing_in_float32(model: Any) -> Iterator[None]:
    """Let every layer compute in float32 for a while; policies are put back whatever happens."""
    layers = [layer for layer in model._flatten_layers() if layer.compute_dtype != "float32"]
    policies = [(layer, layer.dtype_policy) for layer in layers if _is_half(layer.compute_dtype)]
    try:
        for layer, _ in policies:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in policies:
            layer.dtype_policy = policy


def _is_half(dtype: str | None) -> bool:
    return dtype in ("float16", "bfloat16")


def _specs(facts: Sequence[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(**{**fact, "shape": tuple(fact["shape"])}) for fact in facts)
