import numpy as np
import pytest

from edgekit.auditing import audit
from edgekit.errors import ArtifactError

onnx = pytest.importorskip("onnx")
TensorProto, helper, numpy_helper = onnx.TensorProto, onnx.helper, onnx.numpy_helper

MACS = 8 * 8 * 8 * 27 + 8 * 6 + 6 * 5


def save_graph(path, nodes, *, held=None, functions=(), domains=(), x=("x", (1, 4)), y="y"):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(x[0], TensorProto.FLOAT, x[1])],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in (held or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(d, 1) for d in domains)]
    model = helper.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=8)
    onnx.save(model, path)
    return path


def of(result, kind):
    return next(op for op in result.operators if op.kind == kind)


def test_float(onnx_float):
    result = audit(onnx_float)
    assert result.macs == MACS
    assert result.integer_mac_share == result.integer_op_share == result.integer_weight_share == 0.0
    assert result.inputs[0].shape == (None, 3, 8, 8)
    assert of(result, "Conv").layer == "stem"
    assert result.weight_bytes == 4 * (216 + 8 + 48 + 6 + 30)


def test_qdq_is_integer_throughout(onnx_quantized):
    result = audit(onnx_quantized["qdq"])
    assert result.macs == MACS
    assert result.integer_mac_share == result.integer_op_share == result.integer_weight_share == 1.0
    assert (result.per_channel, result.per_tensor) == (3, 0)
    assert result.float_islands == ()
    assert of(result, "Softmax").precision == "int8"


def test_a_layer_left_out_is_an_island_that_is_named(onnx_quantized):
    result = audit(onnx_quantized["part"])
    [island] = result.float_islands
    assert (island.operators, island.layers) == (("Gemm",), ("dense",))
    assert "weights are float32" in island.why
    assert result.integer_mac_share == pytest.approx((MACS - 48) / MACS)
    assert result.per_tensor == 2


def test_integer_operators(onnx_quantized):
    result = audit(onnx_quantized["qop"])
    assert of(result, "QLinearConv").per_channel is True
    assert result.integer_mac_share == 1.0
    assert "com.microsoft.QGemm" in result.custom


def test_dynamic(onnx_quantized):
    result = audit(onnx_quantized["dynamic"])
    assert of(result, "ConvInteger").precision == "int8 weights, dynamic"
    assert of(result, "MatMulInteger").macs > 0
    assert result.integer_mac_share == 1.0
    assert result.integer_weight_share > 0.9
    assert result.float_islands == ()


def test_activations_are_counted_once_and_in_their_width(onnx_float, onnx_quantized):
    ratio = audit(onnx_float).activation_bytes / audit(onnx_quantized["qdq"]).activation_bytes
    assert 3 < ratio < 5


def test_a_convolution_that_reads_float_is_not_integer(onnx_quantized, tmp_path):
    """Only weights quantized: the kernel computes in float, whatever the weights are."""
    weights = np.ones((4, 5), "int8")
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wf"]),
        helper.make_node("MatMul", ["x", "wf"], ["y"], name="m"),
    ]
    held = {"w": weights, "s": np.float32(0.1), "z": np.int8(0)}
    result = audit(save_graph(tmp_path / "w.onnx", nodes, held=held))
    assert of(result, "MatMul").precision == "int8 weights, float32"
    assert of(result, "MatMul").per_channel is False
    assert result.integer_mac_share == 0.0


def test_subgraphs_and_recurrent(tmp_path):
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["c"], ["c2"]),
            helper.make_node("MatMul", ["v", "w"], ["v2"], name="inner"),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, (1, 4)),
        ],
        [
            helper.make_tensor_value_info("c2", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v2", TensorProto.FLOAT, (1, 4)),
        ],
    )
    nodes = [
        helper.make_node("Loop", ["n", "", "x"], ["l"], body=body),
        helper.make_node("Unsqueeze", ["l", "axes"], ["u"]),
        helper.make_node("GRU", ["u", "W", "R"], ["", "y"], hidden_size=3, name="rnn"),
    ]
    held = {
        "n": np.int64(3), "w": np.ones((4, 4), "float32"), "axes": np.array([0], "int64"),
        "W": np.ones((1, 9, 4), "float32"), "R": np.ones((1, 9, 3), "float32"),
    }  # fmt: skip
    result = audit(save_graph(tmp_path / "l.onnx", nodes, held=held))
    assert [op.layer for op in result.operators if op.macs] == ["inner", "rnn"]
    assert of(result, "MatMul").macs == 16
    assert of(result, "GRU").macs == 9 * 4 + 9 * 3


def test_custom_domains_and_local_functions(tmp_path):
    twice = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    nodes = [
        helper.make_node("Twice", ["x"], ["t"], domain="mine"),
        helper.make_node("Magic", ["t"], ["y"], domain="theirs"),
    ]
    path = save_graph(
        tmp_path / "c.onnx", nodes, functions=[twice], domains=["mine", "theirs"]
    )  # fmt: skip
    result = audit(path)
    assert result.custom == ("theirs.Magic",)
    assert [op.kind for op in result.operators] == ["Add", "theirs.Magic"]


def test_functions_that_explode_are_refused(tmp_path):
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    functions = [
        helper.make_function(
            "mine",
            f"f{level}",
            ["a"],
            ["b"],
            [
                helper.make_node(f"f{level + 1}", ["a"], ["t"], domain="mine"),
                helper.make_node(f"f{level + 1}", ["t"], ["b"], domain="mine"),
            ],
            opset,
        )
        for level in range(40)
    ]
    last = [helper.make_node("Add", ["a", "a"], ["b"])]
    functions.append(helper.make_function("mine", "f40", ["a"], ["b"], last, opset))
    nodes = [helper.make_node("f0", ["x"], ["y"], domain="mine")]
    path = save_graph(tmp_path / "laughs.onnx", nodes, functions=functions, domains=["mine"])
    with pytest.raises(ArtifactError, match="expand to more than"):
        audit(path)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("../secret.bin", "own folder"),
        ("/etc/hostname", "own folder"),
        ("", "own folder"),
        ("missing.bin", "missing"),
        ("short.bin", "beyond"),
    ],
)
def test_external_data_stay_in_the_folder(tmp_path, place, said):
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "short.bin").write_bytes(bytes(8))
    path = save_graph(
        folder / "e.onnx",
        [helper.make_node("Add", ["x", "w"], ["y"])],
        held={"w": np.ones((4,), "float32")},
    )
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", place), ("offset", "0"), ("length", "16")):
        tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match=said):
        audit(path)
    (folder / "short.bin").write_bytes(bytes(16))
    if place == "short.bin":
        assert audit(path).weight_bytes == 16
        found = audit(path)
        assert found.file_bytes == path.stat().st_size + 16
        assert found.gzip_bytes is None


def test_weights_that_a_loop_hands_on_are_weights(tmp_path):
    """tf2onnx gives a loop its weights as carried values, which an Identity returns unchanged."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["c"], ["c2"]),
            helper.make_node("Identity", ["w_in"], ["w_out"]),
            helper.make_node("MatMul", ["v", "w_in"], ["v2"]),
        ],
        "body",
        [
            info("i", TensorProto.INT64, []),
            info("c", TensorProto.BOOL, []),
            info("w_in", TensorProto.FLOAT, (4, 4)),
            info("v", TensorProto.FLOAT, (1, 4)),
        ],
        [
            info("c2", TensorProto.BOOL, []),
            info("w_out", TensorProto.FLOAT, (4, 4)),
            info("v2", TensorProto.FLOAT, (1, 4)),
        ],
    )
    nodes = [helper.make_node("Loop", ["n", "", "w", "x"], ["w2", "y"], body=body)]
    held = {"n": np.int64(3), "w": np.ones((4, 4), "float32")}
    result = audit(save_graph(tmp_path / "l.onnx", nodes, held=held))
    assert of(result, "MatMul").weights == "float32"


def test_moves_at_a_float_end_are_no_island(tmp_path, onnx_quantized):
    quantized = onnx.load(onnx_quantized["qdq"])
    first = next(n for n in quantized.graph.node if "x" in n.input)
    move = helper.make_node("Identity", ["x"], ["x_moved"])
    first.input[0] = "x_moved"
    quantized.graph.node.insert(0, move)
    onnx.save(quantized, tmp_path / "moved.onnx")
    result = audit(tmp_path / "moved.onnx")
    assert of(result, "Identity").numbers == "float"
    assert result.float_islands == ()
