"""What is read of a graph, in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from branches import onnx_model
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import edgekit
from edgekit.auditing import audit
from edgekit.auditing.constants import Constants
from edgekit.auditing.read import read_program
from edgekit.errors import ArtifactError
from edgekit.formats import tflite
from edgekit.inspection import Inspection, read_graph
from edgekit.inspection.blocks import blocks, matching, neighbours
from edgekit.inspection.content import numbers_of, statistics


def key_of(graph: Inspection, name: str) -> str:
    return next(key for key, one in graph.tensors.items() if one.name == name)


def test_operators_are_those_of_the_audit(
    tflite_file: Path, onnx_file: Path, openvino_file: Path
) -> None:
    for path in (tflite_file, onnx_file, openvino_file):
        graph, audited = read_graph(path), audit(path)
        assert [one.index for one in graph.operators] == [one.index for one in audited.operators]
        assert [one.kind for one in graph.operators] == [one.kind for one in audited.operators]
        assert sum(one.macs for one in graph.operators) == audited.macs > 0
        assert graph.sha256 == edgekit.inspect(path).sha256


def test_onnx_branches(onnx_file: Path) -> None:
    graph = read_graph(onnx_file)
    found = blocks(graph)
    named = [(found[a].title, found[b].title) for a, b, _ in neighbours(found)]
    assert named == [
        ("Conv", "Relu"), ("Conv", "QuantizeLinear"), ("QuantizeLinear", "DequantizeLinear"),
        ("Relu", "Add"), ("DequantizeLinear", "Add"),
    ]  # fmt: skip
    grid = graph.tensor(key_of(graph, "q")).grid
    assert grid is not None
    assert (grid.scale_low, grid.zero_low, grid.low, grid.high) == (0.5, 3, -65.5, 62.0)
    assert found[0].weight_bytes == 216 * 4
    assert found[0].macs == 8 * 8 * 8 * 27


def test_openvino_grids(openvino_file: Path) -> None:
    graph = read_graph(openvino_file)
    fake = next(one for one in graph.operators if one.kind == "FakeQuantize")
    grid = graph.tensor(fake.outputs[0]).grid
    assert grid is not None
    assert grid.scale_low == pytest.approx(0.01)
    assert (grid.zero_low, grid.scales) == (100, 1)
    assert grid.low == pytest.approx(-1.0)
    assert grid.high == pytest.approx(1.55)
    weight = next(key for key, one in graph.tensors.items() if one.dtype == "int8")
    stored, real = numbers_of(openvino_file, weight)
    assert (stored.low, stored.high, stored.elements, stored.distinct) == (-6, 5, 12, 12)
    assert (real.low, real.high) == (-8.0, 10.0)
    prepared = [one.kind for one in graph.operators if one.prepares]
    assert prepared == ["Convert", "Multiply"]
    assert not {"Convert", "Multiply"} & {one.title for one in blocks(graph)}
    assert len(blocks(graph, every=True)) == len(graph.operators)


def test_constants_of_tflite_are_the_bytes_of_the_file(tflite_file: Path) -> None:
    file, program, _ = read_program(tflite_file)
    constants = Constants(file, program)
    model = tflite.parse(tflite_file.read_bytes())
    compared = 0
    for index in range(len(model.subgraphs[0].tensors)):
        expected = tflite.constant(model, index)
        if expected is not None and expected.size:
            found = constants.array(f"0:{index}")
            assert found is not None
            np.testing.assert_array_equal(found, expected)
            compared += 1
    assert compared >= 2


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int4", "uint4", "int64"])
@pytest.mark.parametrize("raw", [True, False])
def test_constants_of_onnx(tmp_path: Path, dtype: str, raw: bool) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    numbers = [1, 2, 3, 7, 0, 5, 6] if dtype.startswith("u") else [1, -2, 3, -8, 7, 0, 5]
    kind = getattr(TensorProto, {"float32": "FLOAT"}.get(dtype, dtype.upper()))
    held = helper.make_tensor("w", kind, [7], numbers)
    if raw:
        array = onnx.numpy_helper.to_array(held)
        held = onnx.numpy_helper.from_array(array, "w")
    graph = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["y"])], "g", [],
        [helper.make_tensor_value_info("y", kind, [7])], [held],
    )  # fmt: skip
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), path)
    file, program, _ = read_program(path)
    found = Constants(file, program).array("0:w")
    assert found is not None
    assert found.astype(float).tolist() == numbers


def test_constants_of_onnx_in_another_file(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "m.onnx"
    onnx.save_model(onnx_model(), path, save_as_external_data=True, location="w.bin",
                    size_threshold=0)  # fmt: skip
    graph = read_graph(path)
    (found,) = numbers_of(path, key_of(graph, "w"))
    assert (found.low, found.high, found.elements) == (0.0, pytest.approx(2.15), 216)


def test_a_file_that_went_away(onnx_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx_file.read_bytes())
    file, program, _ = read_program(path)
    path.unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        Constants(file, program).array("0:w")


@given(arrays.arrays(np.float32, st.integers(1, 400), elements=st.floats(-1e6, 1e6, width=32)))
def test_statistics_are_those_of_numpy(array: np.ndarray) -> None:
    found = statistics(array, "stored")
    assert found is not None
    wide = array.astype(np.float64)
    assert (found.low, found.high) == (wide.min(), wide.max())
    assert found.mean == pytest.approx(wide.mean(), abs=1e-6 * np.abs(wide).max() + 1e-12)
    assert found.deviation == pytest.approx(wide.std(), abs=1e-6 * np.abs(wide).max() + 1e-12)
    assert sum(found.counts) == found.elements == array.size
    assert found.distinct == np.unique(wide).size
    assert len(found.edges) == len(found.counts) + 1


def test_numbers_that_are_not_finite_are_counted_apart() -> None:
    found = statistics(np.array([np.nan, np.inf, 1.0, 0.0], np.float32), "stored")
    assert found is not None
    assert (found.not_finite, found.low, found.high, found.zeros) == (2, 0.0, 1.0, 0.5)
    assert statistics(np.array([np.nan]), "stored") is None


def test_neighbours_of_a_layer_are_one_block(onnx_file: Path) -> None:
    graph = read_graph(onnx_file)
    found = blocks(graph, depth=1)
    assert [one.name for one in found] == ["stem", "left", "right", "end"]
    assert [one.title for one in found][2] == "QuantizeLinear, DequantizeLinear"
    assert [graph.tensor(key).name for key in found[2].writes] == ["d"]


@pytest.mark.parametrize(
    ("pattern", "count"), [("right", 2), ("R?GHT", 2), ("relu", 1), ("4", 1), ("nothing", 0)]
)
def test_patterns(onnx_file: Path, pattern: str, count: int) -> None:
    assert len(matching(blocks(read_graph(onnx_file)), pattern)) == count
