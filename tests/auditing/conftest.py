"""Small real models in each format, made with the formats' own tools."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

SHAPE = (1, 3, 8, 8)


def _normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


@pytest.fixture(scope="session")
def onnx_float(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conv 3>8 3x3 pad 1, Relu, MaxPool 2, GlobalAveragePool, Flatten, Gemm 8>6, MatMul 6>5."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"], name="stem/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="stem/Relu"),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2], name="pool"),
        helper.make_node("GlobalAveragePool", ["p"], ["g"], name="mean"),
        helper.make_node("Flatten", ["g"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["d"], transB=1, name="dense/MatMul"),
        helper.make_node("MatMul", ["d", "w3"], ["e"], name="head/MatMul"),
        helper.make_node("Softmax", ["e"], ["y"], name="soft"),
    ]
    held = {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (6, 8), "b2": (6,), "w3": (6, 5)}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *SHAPE[1:]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])],
        [numpy_helper.from_array(_normal(*shape), name) for name, shape in held.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path_factory.mktemp("onnx") / "float.onnx"
    onnx.save(model, path)
    return path


class _Feed:
    def __init__(self) -> None:
        self.left = iter([{"x": _normal(*SHAPE)}] * 2)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.left, None)


@pytest.fixture(scope="session")
def onnx_quantized(onnx_float: Path) -> dict[str, Path]:
    """The float model through ONNX Runtime's quantizers."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    logging.getLogger().setLevel(logging.ERROR)
    made = {
        name: onnx_float.with_name(f"{name}.onnx") for name in ("qdq", "part", "qop", "dynamic")
    }
    kind = {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8}
    quantize_static(onnx_float, made["qdq"], _Feed(), per_channel=True, **kind)
    quantize_static(
        onnx_float, made["part"], _Feed(), nodes_to_exclude=["dense/MatMul"], **kind
    )  # fmt: skip
    quantize_static(
        onnx_float, made["qop"], _Feed(), per_channel=True, quant_format=QuantFormat.QOperator
    )
    quantize_dynamic(onnx_float, made["dynamic"])
    return made


@pytest.fixture(scope="session")
def openvino_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Convolution, bias, ReLU, MaxPool, MatMul and SoftMax; float, float16, int8, int8 weights."""
    import nncf
    import openvino as ov
    from openvino import opset13 as op

    x = op.parameter(list(SHAPE), np.float32, name="x")
    one, pad = [1, 1], [1, 1]
    conv = op.convolution(x, op.constant(_normal(8, 3, 3, 3)), one, pad, pad, one, name="stem")
    relu = op.relu(op.add(conv, op.constant(_normal(1, 8, 1, 1))))
    pool = op.max_pool(relu, [2, 2], one, [0, 0], [0, 0], [2, 2], "floor", "valid").output(0)
    mean = op.reduce_mean(pool, op.constant(np.array([2, 3])), False)
    head = op.matmul(mean, op.constant(_normal(8, 5)), False, False, name="head")
    model = ov.Model([op.softmax(head, 1)], [x], "m")
    folder = tmp_path_factory.mktemp("openvino")
    made = {n: folder / f"{n}.xml" for n in ("float32", "float16", "int8", "weights")}
    ov.save_model(model, made["float32"], compress_to_fp16=False)
    ov.save_model(model, made["float16"])
    nncf.set_log_level(40)
    quantized = nncf.quantize(model, nncf.Dataset([_normal(*SHAPE)] * 2))
    ov.save_model(quantized, made["int8"], compress_to_fp16=False)
    small = nncf.compress_weights(model.clone())
    ov.save_model(small, made["weights"], compress_to_fp16=False)
    return made


@pytest.fixture(scope="session")
def tflite_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the TFLite converter makes of a convolution, a sine (no int8 kernel) and a matmul."""
    import tensorflow as tf

    kernel, head = tf.constant(_normal(3, 3, 3, 8)), tf.constant(_normal(8, 5))

    def sine(x: tf.Tensor) -> tf.Tensor:
        with tf.name_scope("stem"):
            hidden = tf.sin(tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME")))
        with tf.name_scope("head"):
            return tf.nn.softmax(tf.matmul(tf.reduce_mean(hidden, [1, 2]), head))

    def loop(x: tf.Tensor) -> tf.Tensor:
        square = tf.constant(_normal(4, 4))
        return tf.while_loop(
            lambda step, _: step < 3, lambda step, y: (step + 1, y @ square), (0, x)
        )[1]

    def flex(x: tf.Tensor) -> tf.Tensor:
        return tf.linalg.inv(x)

    def convert(body: object, shape: tuple[int, ...], **settings: object) -> bytes:
        module = tf.Module()
        module.f = tf.function(body, input_signature=[tf.TensorSpec(shape, name="x")])
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [module.f.get_concrete_function()], module
        )
        for name, value in settings.items():
            setattr(converter, name, value)
        if body is flex:
            ops = tf.lite.OpsSet
            converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS, ops.SELECT_TF_OPS]
        return converter.convert()

    default = [tf.lite.Optimize.DEFAULT]

    def feed() -> list[list[np.ndarray]]:
        return [[_normal(1, 8, 8, 3)]] * 2

    made = {
        "float": convert(sine, (1, 8, 8, 3)),
        "sine": convert(sine, (1, 8, 8, 3), optimizations=default, representative_dataset=feed),
        "loop": convert(loop, (1, 4)),
        "flex": convert(flex, (4, 4)),
    }
    folder = tmp_path_factory.mktemp("tflite")
    for name, blob in made.items():
        (folder / f"{name}.tflite").write_bytes(blob)
    return {name: folder / f"{name}.tflite" for name in made}
