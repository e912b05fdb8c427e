"""Runs tf2onnx on a trace, in a few times the memory that the model takes."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from edgekit.trace import Trace
from edgekit.trace.lifted import lift, put_back

LARGE_GRAPH_BYTES = 1 << 28
_TRANSPOSES = "optimize_transpose"
# What a step of tf2onnx's optimizer raises on a graph that it did not foresee.
_FAILED_STEP = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError,
                TypeError, ValueError)  # fmt: skip


def converted(trace: Trace, opset: int, *, keep_transposes: bool = False) -> Any:
    """Return what tf2onnx makes of a trace: an ``onnx.ModelProto`` with the trace's tensor names.

    ``tf2onnx.convert.from_graph_def`` freezes a graph anew, which is frozen, and copies graph and
    constants before each of a dozen steps of its optimizer, several times over, to be able to
    leave a step out that fails: most of its time, and fifty times the model's size in memory.
    Here steps run without copies; where one fails, all is done again with them.
    """
    try:
        return _model(trace, opset, keep_transposes=keep_transposes, copies=False)
    except _FAILED_STEP:
        return _model(trace, opset, keep_transposes=keep_transposes, copies=True)


def _model(trace: Trace, opset: int, *, keep_transposes: bool, copies: bool) -> Any:
    import tensorflow as tf
    from tf2onnx import optimizer, tfonnx, utils

    utils.INTERNAL_NAME = 1  # it numbers its own tensors on and on: start anew, same bytes
    inputs, outputs = list(trace.input_tensors), list(trace.output_tensors)
    steps = {
        name: step
        for name, step in optimizer._get_optimizers().items()
        if name != _TRANSPOSES or not keep_transposes
    }
    with tf.device("/cpu:0"), _steady_nodes(), tf.Graph().as_default() as graph:
        tf.import_graph_def(_optimized(trace), name="")
        made = tfonnx.process_tf_graph(
            graph, continue_on_error=True, opset=opset, input_names=inputs, output_names=outputs
        )
        made = optimizer.optimize_graph(made, catch_errors=copies, optimizers=steps)
        return made.make_model("converted from edgekit")


def _optimized(trace: Trace) -> Any:
    """Return the graph after TensorFlow's optimizer, which takes eleven times its constants.

    Of a large graph it does not see the large ones, and leaves what it would have computed of them
    to tf2onnx and to ONNX Runtime.
    """
    from tf2onnx import tf_loader

    graph = trace.graph_def()
    held = lift(graph) if len(trace.graph) >= LARGE_GRAPH_BYTES else {}
    if held:
        graph = _again(graph)
    graph = tf_loader.tf_optimize(list(trace.input_tensors), list(trace.output_tensors), graph)
    put_back(graph, held)
    return graph


def _again(graph: Any) -> Any:
    """Return a copy: a message keeps the memory of what was taken out of it."""
    copied = type(graph)()
    copied.CopyFrom(graph)
    return copied


@contextlib.contextmanager
def _steady_nodes() -> Iterator[None]:
    """Number tf2onnx's nodes, and let it write no constant into a node's proto, for a while.

    It keeps nodes in sets, whose order would be that of their places in memory, and so would be
    the names in the file. And it writes every proto again after each step, constants with it,
    though it makes initializers of those from elsewhere: a proto never gives memory back.
    """
    from tf2onnx.graph import Node

    create, update, numbers = Node.__init__, Node.update_proto, itertools.count(1)

    def numbered(node: Any, *args: Any, **options: Any) -> None:
        node.edgekit_number = next(numbers)
        create(node, *args, **options)

    def without_constants(node: Any, external_tensor_storage: Any = None) -> None:
        if not node.is_const():
            update(node, external_tensor_storage)

    # A node that is being copied has no number yet.
    changes = {
        "__init__": numbered,
        "update_proto": without_constants,
        "__hash__": lambda node: node.__dict__.get("edgekit_number", 0),
    }
    before = {name: getattr(Node, name) for name in changes}
    try:
        for name, value in changes.items():
            setattr(Node, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(Node, name, value)
