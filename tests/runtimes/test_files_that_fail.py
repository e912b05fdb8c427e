"""Whatever is wrong with a file, its runtime's error is one line of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import runtimes
from edgekit.errors import ArtifactError, EdgekitError

FORMATS = {"tflite": "tflite", "onnx": "onnx", "openvino": "xml"}


@pytest.fixture(scope="module")
def trace() -> Any:
    import keras

    from edgekit.trace import freeze, signature

    x = keras.Input((4,), name="x")
    y = keras.layers.Dense(3, activation="relu", name="dense_in_between")(x)
    model = keras.Model(x, keras.layers.Dense(2, name="y")(y), name="m")
    return freeze(model, signature(model))


def _write(trace: Any, kind: str, folder: Path) -> Path:
    path = folder / f"model.{FORMATS[kind]}"
    if kind == "tflite":
        from edgekit.exporters import tflite

        path.write_bytes(tflite.export(trace))
    elif kind == "onnx":
        import onnx

        from edgekit.exporters.onnx import export

        onnx.save(export(trace), str(path))
    else:
        from edgekit.exporters.openvino import export
        from edgekit.formats import openvino

        openvino.save(export(trace), path)
    return path


def _everything(path: Path) -> list[str]:
    """Do all that can be done with a file; return what was said against it."""
    batch = {"x": np.zeros((1, 4), np.float32)}

    def measured() -> None:
        runner = runtimes.open_runner(runtimes.describe(path))
        runner.prepare(batch)
        runner.invoke()

    ways: list[Callable[[], Any]] = [
        lambda: runtimes.open_runner(runtimes.describe(path)).run(batch),
        measured,
        lambda: runtimes.tensors(runtimes.describe(path), batch),
    ]
    said = []
    for way in ways:
        try:
            way()
        except EdgekitError as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize("kind", FORMATS)
def test_names_that_are_no_text(kind: str, trace: Any, tmp_path: Path) -> None:
    path = _write(trace, kind, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"dense_in_between", b"dense_in_betwe\xff\xfe"))
    assert all("\n" not in line for line in _everything(path))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
def test_a_truncated_file(kind: str, share: float, trace: Any, tmp_path: Path) -> None:
    path = _write(trace, kind, tmp_path)
    if kind == "openvino" and share > 0.5:
        path = path.with_suffix(".bin")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    said = _everything(tmp_path / f"model.{FORMATS[kind]}")
    assert said
    assert all("\n" not in line and "model." in line for line in said)


def _onnx(folder: Path, kind: str, constant: Any = None, domain: str = "") -> Path:
    import onnx
    from onnx import TensorProto, helper

    real = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    held = [] if constant is None else [onnx.numpy_helper.from_array(constant, "c")]
    names = ["x", *(item.name for item in held)]
    graph = helper.make_graph(
        [helper.make_node(kind, names, ["y"], domain=domain)], "g", [real], [result], held
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(d, 18) for d in ("", "o")])
    model.ir_version = 9
    onnx.save(model, str(folder / "model.onnx"))
    return folder / "model.onnx"


@pytest.mark.parametrize(
    ("kind", "constant", "domain"),
    [("Odd", None, "o"), ("Odd", None, ""), ("Reshape", np.array([3, 3]), ""),
     ("Add", np.zeros(4, np.int64), ""), ("MatMul", np.zeros((3, 3), np.float32), "")],
)  # fmt: skip
def test_what_onnx_runtime_cannot_open_or_run(
    kind: str, constant: Any, domain: str, tmp_path: Path
) -> None:
    path = _onnx(tmp_path, kind, constant, domain)
    for way in ("run", "tensors"):
        with pytest.raises(ArtifactError, match=r"cannot (open|run) it") as caught:
            artifact = runtimes.describe(path)
            batch = {"x": np.zeros((1, 4), np.float32)}
            if way == "tensors":
                runtimes.tensors(artifact, batch)
            runtimes.open_runner(artifact).run(batch)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("element", ["string", "u4", "bf16"])
def test_inputs_that_openvino_takes_and_we_cannot_give(element: str, tmp_path: Path) -> None:
    import openvino
    from openvino import opset13 as ops

    x = ops.parameter([1, 4], getattr(openvino.Type, element), name="x")
    model = openvino.Model([x if element == "string" else ops.convert(x, "f32")], [x], "m")
    openvino.save_model(model, str(tmp_path / "model.xml"), compress_to_fp16=False)
    assert all("\n" not in line for line in _everything(tmp_path / "model.xml"))


def test_an_operator_that_tflite_does_not_know(tmp_path: Path) -> None:
    import tensorflow as tf

    function = tf.function(lambda x: tf.math.igamma(tf.abs(x) + 1.0, tf.abs(x)))
    spec = tf.TensorSpec([1, 4], tf.float32, "x")
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function(spec)]
    )
    converter.allow_custom_ops = True
    (tmp_path / "model.tflite").write_bytes(converter.convert())
    said = _everything(tmp_path / "model.tflite")
    assert len(said) == 3
    assert all("Igamma" in line and "\n" not in line for line in said)


def test_a_layer_that_onnx_runtime_refuses_is_no_traceback() -> None:
    import onnx

    from edgekit.errors import QuantizeError
    from edgekit.quantizers import ort

    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], name="dense")
    with pytest.raises(QuantizeError, match="cannot run dense"):
        ort._apply(node, np.zeros((1, 3), np.float32), np.zeros((4, 2), np.float32))
