import gzip
from collections import Counter

import pytest

from edgekit.auditing import audit

TINY = "mlperf_tiny_models"


def precisions(result):
    return Counter((op.kind, op.precision) for op in result.operators)


@pytest.mark.parametrize(
    ("file", "macs", "per_channel", "per_tensor"),
    [
        # MACs as MLPerf Tiny's own papers and Keras counts give them
        ("image_classification/trained_models/pretrainedResnet_quant.tflite", 12_501_632, 9, 1),
        ("keyword_spotting/trained_models/kws_ref_model.tflite", 2_656_768, 9, 1),
        ("visual_wake_words/trained_models/vww_96_int8.tflite", 7_489_664, 27, 1),
        ("anomaly_detection/trained_models/ad01_int8.tflite", 264_192, 0, 10),
    ],
)
def test_published_int8_models(assets, file, macs, per_channel, per_tensor):
    result = audit(assets / TINY / file)
    assert result.macs == macs
    assert (result.per_channel, result.per_tensor) == (per_channel, per_tensor)
    assert result.integer_mac_share == result.integer_op_share == 1.0
    assert result.integer_weight_share == 1.0
    assert result.float_islands == ()
    assert {op.precision for op in result.operators} == {"int8"}
    assert result.file_bytes == (assets / TINY / file).stat().st_size
    whole = gzip.compress((assets / TINY / file).read_bytes(), compresslevel=6)
    assert result.gzip_bytes == len(whole)
    assert 0 < result.peak_activation_bytes < result.activation_bytes


def test_ends_have_names_scales_and_zero_points(assets):
    folder = assets / TINY / "image_classification/trained_models"
    [end] = audit(folder / "pretrainedResnet_quant.tflite").inputs
    assert (end.name, end.shape, end.dtype) == ("input_1_int8", (None, 32, 32, 3), "int8")
    assert (end.scale, end.zero_point) == (1.0, -128)
    [real] = audit(folder / "pretrainedResnet.tflite").inputs
    assert (real.dtype, real.scale, real.zero_point) == ("float32", None, None)


def test_a_float_model_has_no_integers(assets):
    result = audit(assets / TINY / "image_classification/trained_models/pretrainedResnet.tflite")
    assert result.macs == 12_501_632
    assert result.integer_mac_share == result.integer_op_share == result.integer_weight_share == 0.0
    assert result.float_islands == ()
    assert {op.per_channel for op in result.operators} == {None}


def test_the_file_called_float32_is_half_quantized(assets):
    result = audit(assets / TINY / "keyword_spotting/trained_models/kws_ref_model_float32.tflite")
    assert precisions(result)["CONV_2D", "int8 weights, dynamic"] == 5
    assert precisions(result)["DEPTHWISE_CONV_2D", "float32"] == 4
    assert 0.8 < result.integer_weight_share < 0.9
    assert result.integer_mac_share == 0.0


@pytest.mark.parametrize(("file", "precision"), [("", "float32"), ("_int8", "int8")])
def test_a_fused_lstm_is_counted_by_step(assets, file, precision):
    result = audit(assets / f"mnist10k_lstm/trained_lstm{file}.tflite")
    lstm = result.operators[0]
    assert (lstm.kind, lstm.precision) == ("UNIDIRECTIONAL_SEQUENCE_LSTM", precision)
    assert lstm.macs == 28 * 4 * (28 + 20) * 20


def test_float_ends_are_no_island_and_shape_arithmetic_is_no_float(assets):
    result = audit(assets / "mltk_models/anomaly_detection/anomaly_detection.tflite")
    assert precisions(result)["QUANTIZE", "float32 to int8"] == 1
    assert precisions(result)["SHAPE", "int32"] == 1
    assert result.float_islands == ()
    assert result.integer_op_share == 1.0


def test_every_asset_can_be_audited(assets):
    files = sorted(assets.rglob("*.tflite"))
    assert len(files) > 20
    for file in files:
        assert audit(file).macs > 10_000


def test_an_operator_without_int8_kernel_is_an_island(tflite_files):
    result = audit(tflite_files["sine"])
    [island] = result.float_islands
    assert [result.operators[at].kind for at in island.indices] == list(island.operators)
    assert island.operators == ("SIN",)
    assert "no int8 kernel for SIN" in island.why
    assert result.integer_mac_share == 1.0
    assert 0 < result.integer_op_share < 1
    assert result.macs == 8 * 8 * 8 * 27 + 8 * 5


def test_bodies_of_loops_are_read(tflite_files):
    result = audit(tflite_files["loop"])
    kinds = Counter(op.kind for op in result.operators)
    assert kinds["WHILE"] == 1
    assert kinds["LESS"] == 1
    assert sum(op.macs for op in result.operators) == 16
    assert [spec.name for spec in result.inputs] == ["x"]


def test_flex_is_told_apart(tflite_files):
    result = audit(tflite_files["flex"])
    assert result.flex == ("FlexMatrixInverse",)
    assert result.custom == ()


@pytest.mark.parametrize(
    ("recipe", "precision", "bits"),
    [
        ("dynamic_wi8_afp32", "int8 weights, dynamic", 8),
        ("dynamic_wi4_afp32", "int4 weights, dynamic", 4),
        ("weight_only_wi8_afp32", "int8 weights, float32", 8),
        ("weight_only_wi4_afp32", "int4 weights, float32", 4),
    ],
)
def test_weights_alone_in_integers(tflite_files, tmp_path, recipe, precision, bits):
    from litert_quantizer import quantizer
    from litert_quantizer import recipe as recipes

    made = quantizer.Quantizer(str(tflite_files["float"]))
    made.load_quantization_recipe(getattr(recipes, recipe)())
    path = tmp_path / "q.tflite"
    path.write_bytes(bytes(made.quantize().quantized_model))
    result = audit(path)
    conv = next(op for op in result.operators if op.kind == "CONV_2D")
    assert (conv.precision, conv.per_channel) == (precision, True)
    assert conv.weights == f"int{bits}"
    assert result.integer_mac_share == 0.0
    assert result.integer_weight_share > 0.9
    assert result.float_islands == ()
    assert result.activation_bytes == audit(tflite_files["float"]).activation_bytes
