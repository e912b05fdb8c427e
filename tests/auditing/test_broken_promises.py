from dataclasses import replace

import pytest

from edgekit.auditing import audit, broken_promises
from edgekit.target import Target


@pytest.fixture(scope="session")
def results(tflite_files, onnx_float, onnx_quantized, openvino_files):
    return {
        **{f"tflite {name}": audit(path) for name, path in tflite_files.items()},
        "onnx float": audit(onnx_float),
        **{f"onnx {name}": audit(path) for name, path in onnx_quantized.items()},
        **{f"openvino {name}": audit(path) for name, path in openvino_files.items()},
    }


@pytest.mark.parametrize(
    ("file", "target"),
    [
        ("tflite float", "tflite-fp32"),
        ("onnx float", "onnx-fp32"),
        ("onnx qdq", "onnx-int8"),
        ("onnx dynamic", "onnx-dynamic"),
        ("openvino float32", "openvino-fp32"),
        ("openvino float16", "openvino-fp16"),
        ("openvino int8", "openvino-int8"),
        ("openvino weights", "openvino-int8-weights"),
    ],
)
def test_a_file_keeps_the_promises_of_its_own_kind(results, file, target):
    assert broken_promises(results[file], Target.load(target)) == []


@pytest.mark.parametrize(
    ("file", "target", "said"),
    [
        ("tflite sine", "tflite-int8", ["input 'x' is float32", "SIN (", "float operators"]),
        ("tflite flex", "tflite-fp32", ["Flex", "FlexMatrixInverse"]),
        ("tflite float", "tflite-int8", ["nothing computes in int8", "CONV_2D (stem)"]),
        ("tflite float", "tflite-fp16", ["weights are not float16", "stem"]),
        ("tflite float", "tflite-dynamic", ["no weights are stored as int8", "run time"]),
        ("onnx qdq", "onnx-fp32", ["weights are not float32", "activations are not float32"]),
        ("onnx part", "onnx-int8", ["per tensor", "Conv (stem)"]),
        ("onnx qop", "onnx-int8", ["custom", "com.microsoft.QGemm"]),
        ("onnx float", "onnx-fp16", ["weights are not float16", "activations are not float16"]),
        ("onnx qdq", "onnx-dynamic", ["fixed ranges", "Gemm (dense)"]),
        ("openvino weights", "openvino-int8", ["nothing computes in int8", "integer_mac_share"]),
        ("openvino int8", "openvino-int8-weights", ["activations are not float32"]),
        ("openvino float32", "openvino-fp16", ["weights are not float16"]),
        ("onnx qdq", "tflite-int8", ["format is onnx"]),
    ],
)
def test_what_breaks_a_promise_is_named(results, file, target, said):
    lines = broken_promises(results[file], Target.load(target))
    text = "\n".join(lines)
    for part in said:
        assert part in text
    assert all("\n" not in line for line in lines)


def test_the_published_int8_models_keep_tflite_int8_but_for_dense_weights(assets):
    folder = assets / "mlperf_tiny_models/image_classification/trained_models"
    result = audit(folder / "pretrainedResnet_quant.tflite")
    target = Target.load("tflite-int8")
    [line] = broken_promises(result, target)
    assert "per tensor" in line
    assert "FULLY_CONNECTED" in line
    lax = replace(target, audit=replace(target.audit, require_per_channel=False))
    assert broken_promises(result, lax) == []


def test_an_lstm_may_be_per_tensor_as_its_kernel_is(assets):
    result = audit(assets / "mnist10k_lstm/trained_lstm_int8.tflite")
    lines = broken_promises(result, Target.load("tflite-int8"))
    assert not any("LSTM" in line for line in lines)


def test_indices_are_no_broken_promise_of_io(results):
    result = results["onnx qdq"]
    token = replace(result.inputs[0], dtype="int64")
    assert broken_promises(replace(result, inputs=(token,)), Target.load("onnx-int8")) == []


def test_many_operators_are_named_in_short(results):
    operator = next(op for op in results["tflite sine"].operators if op.numbers == "float")
    many = replace(results["tflite sine"], operators=(operator,) * 30)
    line = next(x for x in broken_promises(many, Target.load("tflite-int8")) if "30" in x)
    assert "and 20 more" in line


def _in_float(result, kind, layer):
    """Return the result with its first operator in float, of another kind and layer."""
    first = replace(result.operators[0], kind=kind, layer=layer, numbers="float", macs=0)
    return replace(result, operators=(first, *result.operators[1:]))


@pytest.mark.parametrize(
    ("kind", "layer", "target", "advice"),
    [
        ("ADD", "m/lstm/while/cell/add", "tflite-int8", "; no quantizer enters loops: shorten"),
        ("ELU", "m/elu", "tflite-int16x8", "; no quantizer writes ELU with int16 activations"),
        ("ELU", "m/elu", "tflite-int16x8", "or take tflite-int8, which writes functions as tables"),
        ("ATAN2", "m/far", "tflite-int8", "or take a target with allow_float_ops"),
    ],
)
def test_operators_left_in_float_come_with_what_to_do(assets, kind, layer, target, advice):
    folder = assets / "mlperf_tiny_models/image_classification/trained_models"
    result = _in_float(audit(folder / "pretrainedResnet_quant.tflite"), kind, layer)
    [line] = [s for s in broken_promises(result, Target.load(target)) if "float operators" in s]
    assert advice in line


def test_a_file_that_was_never_quantized_is_given_no_advice_on_operators(results):
    lines = broken_promises(results["tflite float"], Target.load("tflite-int8"))
    assert any("float operators" in line for line in lines)
    assert not any("no quantizer" in line for line in lines)


def test_a_runtime_that_lacks_a_kernel_is_named_with_the_layer(results):
    found, target = results["tflite float"], Target.load("micro-int8")
    operators = (replace(found.operators[0], kind="TILE", layer="twice"), *found.operators[1:])
    lines = broken_promises(replace(found, operators=operators), target)
    assert "TensorFlow Lite Micro has no kernel for TILE (twice): replace those layers" in lines
    assert not [line for line in broken_promises(found, target) if "no kernel" in line]


@pytest.mark.parametrize(
    ("shape", "said"),
    [((1, None, 3), "(1, ?, 3)"), ((None, 4, 3), "(?, 4, 3)"), ((2, 4, 3), "(2, 4, 3)")],
)
def test_inputs_that_are_not_one_sample_of_a_fixed_shape_are_named(results, shape, said):
    found, target = results["tflite float"], Target.load("micro-int8")
    moved = replace(found, inputs=(replace(found.inputs[0], shape=shape),))
    lines = [line for line in broken_promises(moved, target) if "one sample" in line]
    assert len(lines) == 1
    assert f"{found.inputs[0].name!r} has the shape {said}" in lines[0]
    assert not [line for line in broken_promises(moved, Target.load("tflite-int8"))
                if "one sample" in line]  # fmt: skip
