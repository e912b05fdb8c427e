import shutil

import pytest

from edgekit.auditing import audit
from edgekit.errors import ArtifactError

MACS = 8 * 8 * 8 * 27 + 8 * 5


def test_int8_counts_what_is_fused_with_the_products(openvino_files):
    result = audit(openvino_files["int8"])
    assert result.macs == MACS
    assert result.integer_mac_share == 1.0
    assert (result.per_channel, result.per_tensor) == (2, 0)
    named = {op.kind: op.precision for op in result.operators}
    for kind in ("Convolution", "MatMul", "ReLU", "Add", "MaxPool"):
        assert named[kind] == "int8"
    assert named["FakeQuantize"] == "float32 to int8"
    [island] = result.float_islands
    by_index = {one.index: one.kind for one in result.operators}
    assert [by_index[at] for at in island.indices] == list(island.operators)
    assert island.operators == ("SoftMax",)
    assert "not quantized" in island.why


@pytest.mark.parametrize(
    ("name", "precision", "share"),
    [("float32", "float32", 0), ("float16", "float16 weights, float32", 0),
     ("weights", "int8 weights, float32", 0.9)],
)  # fmt: skip
def test_weights_of_each_kind(openvino_files, name, precision, share):
    result = audit(openvino_files[name])
    conv = next(op for op in result.operators if op.kind == "Convolution")
    assert conv.precision == precision
    assert result.macs == MACS
    assert result.integer_mac_share == 0.0
    assert result.integer_weight_share >= share
    assert result.float_islands == ()
    [end] = result.inputs
    assert (end.name, end.shape, end.dtype) == ("x", (1, 3, 8, 8), "float32")


def test_sizes_are_of_both_files(openvino_files):
    path = openvino_files["float32"]
    result = audit(path)
    parts = path.stat().st_size, path.with_suffix(".bin").stat().st_size
    assert result.file_bytes == sum(parts)
    assert result.gzip_bytes is not None
    assert 0 < result.gzip_bytes < result.file_bytes
    assert 4 * (216 + 8 + 40) <= result.weight_bytes <= parts[1]


def test_a_folder_stands_for_the_model_in_it(openvino_files, tmp_path):
    for suffix in (".xml", ".bin"):
        shutil.copy(openvino_files["int8"].with_suffix(suffix), tmp_path)
    assert audit(tmp_path).macs == MACS


def test_a_missing_or_short_bin_is_an_error(openvino_files, tmp_path):
    path = tmp_path / "m.xml"
    shutil.copy(openvino_files["int8"], path)
    with pytest.raises(ArtifactError, match=r"\.bin"):
        audit(path)
    whole = openvino_files["int8"].with_suffix(".bin").read_bytes()
    (tmp_path / "m.bin").write_bytes(whole[:-1])
    with pytest.raises(ArtifactError, match=r"the \.bin has"):
        audit(path)


LAUGHS = """<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>
<net name="&b;"><layers/></net>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE net [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<net name="n"><layers>&x;</layers></net>"""
CIRCLE = """<net name="n"><layers>
<layer id="0" name="a" type="ReLU" version="opset1"><input><port id="0"/></input>
<output><port id="1" precision="FP32"/></output></layer></layers>
<edges><edge from-layer="0" from-port="1" to-layer="0" to-port="0"/></edges></net>"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "document type"),
        (OUTSIDE, "document type"),
        (CIRCLE, "circle"),
        ("<net><layers><layer/></layers></net>", "has no 'id'"),
        ("<a>" * 5000, "beyond reason"),
        ("<html><body/></html>", "expected OpenVINO IR"),
        ("no xml at all", "cannot be parsed"),
        ("", "cannot be parsed"),
    ],
)
def test_hostile_xml_is_one_clear_error(tmp_path, text, said):
    path = tmp_path / "m.xml"
    path.write_text(text)
    with pytest.raises(ArtifactError, match=said) as error:
        audit(path)
    assert "\n" not in str(error.value)


def test_a_recurrent_loop_is_counted(tmp_path):
    import numpy as np
    import openvino as ov
    from openvino import opset13 as op

    x = op.parameter([2, 7, 4], np.float32, name="x")
    zero = op.constant(np.zeros((2, 1, 3), "float32"))
    held = [np.ones(shape, "float32") for shape in ((1, 12, 4), (1, 12, 3), (1, 12))]
    lengths = op.constant(np.array([7, 7]))
    lstm = op.lstm_sequence(x, zero, zero, lengths, *map(op.constant, held), 3, "forward")
    ov.save_model(ov.Model([lstm.output(0)], [x], "m"), tmp_path / "l.xml")
    assert audit(tmp_path / "l.xml").macs == 2 * 7 * (12 * 4 + 12 * 3)


def test_a_grouped_and_a_transposed_convolution(tmp_path):
    import numpy as np
    import openvino as ov
    from openvino import opset13 as op

    x = op.parameter([1, 4, 6, 6], np.float32, name="x")
    one, pad = [1, 1], [0, 0]
    weights = op.constant(np.ones((4, 1, 1, 3, 3), "float32"))
    depthwise = op.group_convolution(x, weights, one, pad, pad, one)
    back = op.constant(np.ones((4, 5, 2, 2), "float32"))
    up = op.convolution_backprop_data(depthwise, back, strides=[2, 2])
    ov.save_model(ov.Model([up], [x], "m"), tmp_path / "g.xml")
    costs = [op_.macs for op_ in audit(tmp_path / "g.xml").operators if op_.macs]
    assert costs == [4 * 4 * 4 * 9, 4 * 4 * 4 * 5 * 4]
