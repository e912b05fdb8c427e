"""TensorFlow functions that Keras 2 kept as layers, and what Keras 3 has in their place.

Each entry maps a function's name to a callable over Keras tensors that takes TensorFlow's own
argument names, so that a saved call can be repeated word for word.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Op = Callable[..., Any]

_BINARY = {
    "add": "add", "subtract": "subtract", "multiply": "multiply", "divide": "divide",
    "truediv": "true_divide", "floordiv": "floor_divide", "mod": "mod", "pow": "power",
    "maximum": "maximum", "minimum": "minimum", "equal": "equal", "not_equal": "not_equal",
    "greater": "greater", "greater_equal": "greater_equal", "less": "less",
    "less_equal": "less_equal", "logical_and": "logical_and", "logical_or": "logical_or",
}  # fmt: skip
_UNARY = {
    "abs": "abs", "exp": "exp", "log": "log", "log1p": "log1p", "sqrt": "sqrt", "rsqrt": "rsqrt",
    "square": "square", "negative": "negative", "sign": "sign", "floor": "floor", "ceil": "ceil",
    "round": "round", "sin": "sin", "cos": "cos", "tanh": "tanh", "sigmoid": "sigmoid",
    "softplus": "softplus", "softsign": "softsign", "relu": "relu", "relu6": "relu6",
    "elu": "elu", "selu": "selu", "silu": "silu", "swish": "silu", "erf": "erf",
    "reciprocal": "reciprocal", "logical_not": "logical_not", "identity": "copy",
    "stop_gradient": "stop_gradient", "zeros_like": "zeros_like", "ones_like": "ones_like",
}  # fmt: skip
_REDUCE = {
    "reduce_mean": "mean", "reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min",
    "reduce_prod": "prod", "reduce_logsumexp": "logsumexp", "reduce_std": "std",
    "reduce_variance": "var", "reduce_any": "any", "reduce_all": "all",
}  # fmt: skip
_DUNDER = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide",
           "pow": "power", "neg": "negative", "radd": "add", "rmul": "multiply"}  # fmt: skip


def replacement(function: str) -> Op | None:
    """Return what repeats a TensorFlow function with Keras operations, or None.

    ``function`` is the name that Keras 2 stored: ``math.add``, ``nn.relu``, ``__operators__.add``.
    """
    import keras

    tail = function.removeprefix("compat.v1.").rsplit(".", 1)[-1].removesuffix("_v2")
    tail = _DUNDER.get(tail, tail) if "__operators__" in function else tail
    ops: Any = keras.ops
    if tail in _BINARY:
        return _binary(getattr(ops, _BINARY[tail]))
    if tail in _UNARY:
        return _unary(getattr(ops, _UNARY[tail]))
    if tail in _REDUCE:
        return _reduce(getattr(ops, _REDUCE[tail]))
    return _shaped(ops).get(tail)


def _binary(op: Op) -> Op:
    return lambda x, y: op(x, y)


def _unary(op: Op) -> Op:
    return lambda x=None, features=None, input=None: op(
        next(v for v in (x, features, input) if v is not None)
    )


def _reduce(op: Op) -> Op:
    return lambda input_tensor, axis=None, keepdims=False, keep_dims=False: op(
        input_tensor, axis=tuple(axis) if isinstance(axis, list) else axis,
        keepdims=bool(keepdims or keep_dims),
    )  # fmt: skip


def _shaped(ops: Any) -> dict[str, Op]:
    return {
        "shape": lambda input, out_type=None: ops.shape(input),
        "reshape": _reshape,
        "concat": lambda values, axis: ops.concatenate(values, axis=axis),
        "stack": _stack,
        "unstack": lambda value, num=None, axis=0: ops.unstack(value, num, axis),
        "transpose": lambda a, perm=None, conjugate=False: ops.transpose(a, perm),
        "expand_dims": lambda input, axis: ops.expand_dims(input, axis),
        "squeeze": lambda input, axis=None: ops.squeeze(input, _axes(axis)),
        "split": _split,
        "tile": lambda input, multiples: ops.tile(input, multiples),
        "cast": lambda x, dtype: ops.cast(x, dtype),
        "clip_by_value": lambda t, clip_value_min, clip_value_max: ops.clip(
            t, clip_value_min, clip_value_max
        ),
        "softmax": _softmax(ops.softmax), "log_softmax": _softmax(ops.log_softmax),
        "leaky_relu": lambda features, alpha=0.2: ops.leaky_relu(features, alpha),
        "gelu": lambda features, approximate=False: ops.gelu(features, approximate),
        "bias_add": lambda value, bias, data_format=None: ops.add(value, bias),
        "matmul": _matmul,
        "argmax": _arg(ops.argmax), "argmin": _arg(ops.argmin),
        "l2_normalize": _l2_normalize,
        "pad": _pad,
        "gather": lambda params, indices, axis=0: ops.take(params, indices, axis or 0),
        "where": lambda condition, x, y: ops.where(condition, x, y),
        "squared_difference": lambda x, y: ops.square(ops.subtract(x, y)),
        "depth_to_space": lambda input, block_size, data_format="NHWC": ops.depth_to_space(
            input, block_size, data_format="channels_last"
        ),
        "resize": _resize,
        "avg_pool2d": _pool("average_pool"), "max_pool2d": _pool("max_pool"),
    }  # fmt: skip


def _softmax(op: Op) -> Op:
    return lambda logits, axis=None: op(logits, axis=-1 if axis is None else axis)


def _arg(op: Op) -> Op:
    return lambda input, axis=None, output_type=None: op(input, axis=0 if axis is None else axis)


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) and len(axis) != 1 else (
        axis[0] if isinstance(axis, list) else axis
    )  # fmt: skip


def _reshape(tensor: Any, shape: Any) -> Any:
    import keras

    if isinstance(shape, (list, tuple)):
        shape = [-1 if size is None else size for size in shape]
    return keras.ops.reshape(tensor, shape)


def _stack(values: Any, axis: int = 0) -> Any:
    import keras

    if all(value is None or isinstance(value, int) for value in values):
        return tuple(values)  # dimensions, for a reshape
    return keras.ops.stack(values, axis=axis)


def _split(value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None) -> Any:
    import keras

    sizes = num_or_size_splits
    if isinstance(sizes, list):  # sizes to the places between them
        sizes = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    return keras.ops.split(value, sizes, axis)


def _matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, **rest: Any
) -> Any:
    import keras

    if any(rest.values()):
        raise ValueError(f"matmul with {rest}")
    a = keras.ops.swapaxes(a, -1, -2) if transpose_a else a
    b = keras.ops.swapaxes(b, -1, -2) if transpose_b else b
    return keras.ops.matmul(a, b)


def _l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12) -> Any:
    import keras

    total = keras.ops.sum(keras.ops.square(x), axis=_axes(axis), keepdims=True)
    return keras.ops.multiply(x, keras.ops.rsqrt(keras.ops.maximum(total, epsilon)))


def _pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: float = 0) -> Any:
    import keras

    mode = mode.lower()
    value = constant_values if mode == "constant" else None
    return keras.ops.pad(tensor, paddings, mode, constant_values=value)


def _resize(
    images: Any,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> Any:
    import keras

    if preserve_aspect_ratio:
        raise ValueError("image.resize with preserve_aspect_ratio")
    return keras.ops.image.resize(images, size, method, antialias, data_format="channels_last")


def _pool(name: str) -> Op:
    def pool(input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NHWC") -> Any:
        import keras

        inner = [v[1:3] if isinstance(v, list) and len(v) == 4 else v for v in (ksize, strides)]
        return getattr(keras.ops, name)(input, inner[0], inner[1], padding.lower(), "channels_last")

    return pool


def getitem(tensor: Any, slice_spec: Any) -> Any:
    """Repeat ``tensor[...]`` as ``SlicingOpLambda`` stored it."""

    def part(spec: Any) -> Any:
        if isinstance(spec, dict):
            return slice(spec.get("start"), spec.get("stop"), spec.get("step"))
        return Ellipsis if spec == "..." else spec

    if isinstance(tensor, tuple):  # the dimensions that tf.shape gave
        return tensor[part(slice_spec[0] if isinstance(slice_spec, list) else slice_spec)]
    specs = slice_spec if isinstance(slice_spec, list) else [slice_spec]
    return tensor[tuple(part(s) for s in specs)]


_NODE_OPS = {
    "AddV2": "add", "Add": "add", "Sub": "subtract", "Mul": "multiply", "RealDiv": "divide",
    "Maximum": "maximum", "Minimum": "minimum", "Pow": "pow", "BiasAdd": "bias_add",
    "Relu": "relu", "Relu6": "relu6", "Elu": "elu", "Selu": "selu", "Sigmoid": "sigmoid",
    "Tanh": "tanh", "Softplus": "softplus", "Softmax": "softmax", "Exp": "exp", "Log": "log",
    "Sqrt": "sqrt", "Rsqrt": "rsqrt", "Square": "square", "Abs": "abs", "Neg": "negative",
    "Sign": "sign", "Floor": "floor", "Ceil": "ceil", "Identity": "identity", "Mean": "reduce_mean",
    "Sum": "reduce_sum", "Max": "reduce_max", "Min": "reduce_min", "Prod": "reduce_prod",
    "Reshape": "reshape", "Transpose": "transpose", "ExpandDims": "expand_dims", "Tile": "tile",
    "SquaredDifference": "squared_difference", "ConcatV2": "concat", "Pack": "stack",
}  # fmt: skip


def from_node(config: dict[str, Any], tensors: list[Any]) -> tuple[str, list[Any]]:
    """Read a ``TensorFlowOpLayer``: its function, and its arguments with the constants put in.

    ``node_def`` is a NodeDef as a dictionary (or its JSON text); ``constants`` maps an argument's
    position to its value.
    """
    node = config.get("node_def")
    node = json.loads(node) if isinstance(node, str) else dict(node or {})
    arguments: list[Any] = list(tensors)
    for place, value in sorted((int(k), v) for k, v in (config.get("constants") or {}).items()):
        arguments.insert(place, value)
    operation = str(node.get("op"))
    function = _NODE_OPS.get(operation, operation)
    if function.startswith("reduce_"):
        keep = (node.get("attr") or {}).get("keep_dims", {}).get("b", False)
        arguments.append(bool(keep))
    elif function == "concat":
        arguments = [arguments[:-1], arguments[-1]]
    elif function == "stack":
        axis = (node.get("attr") or {}).get("axis", {}).get("i", 0)
        arguments = [arguments, int(axis)]
    return function, arguments
