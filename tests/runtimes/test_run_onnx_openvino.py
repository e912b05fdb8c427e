from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgekit.artifact import Artifact
from edgekit.errors import ArtifactError, DataError, MissingExtra
from edgekit.runtimes import describe, import_runtime, open_runner, tensors

WEIGHTS = np.arange(12, dtype=np.float32).reshape(4, 3) / 10 - 0.5
X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
EXPECTED = np.maximum(X @ WEIGHTS, 0)


def write_onnx(folder: Path, batch: int | None = None) -> Path:
    onnx = pytest.importorskip("onnx")
    helper, kind, size = onnx.helper, onnx.TensorProto.FLOAT, batch or "n"
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x:0", "w"], ["product"]),
            helper.make_node("Relu", ["product"], ["y:0"]),
        ],
        "g",
        [helper.make_tensor_value_info("x:0", kind, [size, 4])],
        [helper.make_tensor_value_info("y:0", kind, [size, 3])],
        [onnx.numpy_helper.from_array(WEIGHTS, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = folder / "model.onnx"
    onnx.save(model, str(path))
    return path


def write_openvino(folder: Path, batch: int | None = None) -> Path:
    openvino = pytest.importorskip("openvino")
    from openvino import opset13 as ops

    x = ops.parameter([batch or -1, 4], np.float32, name="x")
    x.output(0).set_names({"x", "serving_default_x:0"})
    product = ops.matmul(x, ops.constant(WEIGHTS), False, False, name="product")
    y = ops.relu(product, name="relu")
    y.output(0).set_names({"y"})
    path = folder / "model.xml"
    openvino.save_model(openvino.Model([y], [x], "m"), str(path), compress_to_fp16=False)
    return path


WRITERS = pytest.mark.parametrize("write", [write_onnx, write_openvino])


@WRITERS
@pytest.mark.parametrize("batch", [None, 1, 2, 4])
def test_any_batch_runs_all_samples_under_plain_names(write, batch, tmp_path):
    artifact = describe(write(tmp_path, batch))
    assert [(one.name, one.shape, one.dtype) for one in artifact.inputs] == [
        ("x", (batch, 4), "float32")
    ]
    assert [one.name for one in artifact.outputs] == ["y"]
    found = open_runner(artifact).run({"x": X})
    assert found["y"] == pytest.approx(EXPECTED, abs=1e-6)
    assert found["y"].dtype == np.float32


@WRITERS
def test_results_are_the_callers_own(write, tmp_path):
    runner = open_runner(describe(write(tmp_path)))
    first = runner.run({"x": X})["y"]
    runner.run({"x": -X})
    assert first == pytest.approx(EXPECTED, abs=1e-6)


@WRITERS
def test_invoke_needs_prepared_inputs(write, tmp_path):
    runner = open_runner(describe(write(tmp_path)))
    with pytest.raises(ArtifactError, match="prepare"):
        runner.invoke()
    runner.prepare({"x": X[:1]})
    runner.invoke()
    assert runner.repeat(lambda infer: len([infer(), infer()])) == 2
    assert runner.run({"x": X})["y"] == pytest.approx(EXPECTED, abs=1e-6)
    with pytest.raises(ArtifactError, match="prepare"):
        runner.invoke()
    assert all(version[0].isdigit() for version in runner.versions.values())


@pytest.mark.parametrize(
    ("write", "product"), [(write_onnx, "product"), (write_openvino, "product")]
)
def test_tensors_include_what_lies_between(write, product, tmp_path):
    artifact = describe(write(tmp_path, 1))
    found = tensors(artifact, {"x": X})
    assert found[product] == pytest.approx(X @ WEIGHTS, abs=1e-6)
    assert list(tensors(artifact, {"x": X}, only=[product])) == [product]


def test_tensors_of_a_quantized_onnx_file_are_those_behind_the_integers(tmp_path):
    """A quantizer may put a ReLU into the clipping of QuantizeLinear, under the ReLU's name."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    scale = onnx.numpy_helper.from_array(np.float32(0.01), "s")
    zero = onnx.numpy_helper.from_array(np.uint8(0), "z")
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["relu"]),
            helper.make_node("QuantizeLinear", ["relu", "s", "z"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", kind, [1, 4])],
        [helper.make_tensor_value_info("y", kind, [1, 3])],
        [onnx.numpy_helper.from_array(WEIGHTS, "w"), scale, zero],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(tmp_path / "m.onnx"))
    found = tensors(describe(tmp_path / "m.onnx"), {"x": X})
    assert sorted(found) == ["relu", "y"]
    assert found["relu"] == pytest.approx(EXPECTED, abs=0.006)
    assert np.array_equal(found["relu"], found["y"])


@WRITERS
def test_wrong_data_are_named(write, tmp_path):
    runner = open_runner(describe(write(tmp_path)))
    with pytest.raises(DataError, match=r"samples of shape \(4\)"):
        runner.run({"x": np.zeros((2, 5))})
    with pytest.raises(DataError, match="expected inputs"):
        runner.run({"y": np.zeros((2, 4))})


@pytest.mark.parametrize("name", ["model.onnx", "model.xml"])
@pytest.mark.parametrize("content", [b"", b"<net", b"\x00" * 50, b"\x08\x07garbage", b"<a></a>"])
def test_broken_files_give_one_line(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    path.with_suffix(".bin").write_bytes(b"")
    kind = "onnx" if name.endswith("onnx") else "openvino"
    for action in (
        lambda: describe(path),
        lambda: open_runner(Artifact(path=path, format=kind, inputs=(), outputs=())),
    ):
        with pytest.raises(ArtifactError) as caught:
            action()
        assert "\n" not in str(caught.value)


@WRITERS
def test_fuzzed_files_raise_what_they_should_or_run(write, tmp_path):
    path = write(tmp_path, 1)
    kept, whole = describe(path), path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(40):
        content = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        with contextlib.suppress(ArtifactError, DataError):
            open_runner(kept).run({"x": X[:1]})
            describe(path)


def test_openvino_weights_must_be_there(tmp_path):
    path = write_openvino(tmp_path)
    path.with_suffix(".bin").unlink()
    with pytest.raises(ArtifactError, match=r"model\.bin"):
        describe(path)


@pytest.mark.parametrize("name", ["model.onnx", "gone.tflite", "folder.xml", "model.h5"])
def test_what_is_not_there_or_of_no_known_format_is_said(name, tmp_path):
    if name.startswith("folder"):
        (tmp_path / name).mkdir()
    if name.endswith("h5"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ArtifactError, match=r"expected a .*\.tflite, \.xml, \.onnx"):
        describe(tmp_path / name)


@pytest.mark.parametrize("kind", ["tflite", "openvino", "onnx"])
def test_a_missing_runtime_names_its_extra(kind, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="pip install 'edgekit-ml"):
        import_runtime(kind)


@pytest.mark.parametrize(("module", "write"), [("onnx", write_onnx), ("openvino", write_openvino)])
def test_a_runtime_that_cannot_be_imported_is_missing(module, write, monkeypatch, tmp_path):
    path = write(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=module):
        describe(path)


def test_nothing_is_imported_before_it_is_used(monkeypatch):
    code = (
        "import sys, edgekit.runtimes, edgekit.accuracy, edgekit.bench\n"
        "heavy = {'tensorflow', 'keras', 'onnx', 'onnxruntime', 'openvino', 'ai_edge_litert'}\n"
        "sys.exit(' '.join((heavy | {'scipy'}) & set(sys.modules)) or 0)\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    monkeypatch.setenv("PYTHONPATH", root)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
