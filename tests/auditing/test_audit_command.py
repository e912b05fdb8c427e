import json

import pytest
from click.testing import CliRunner

from edgekit.auditing import audit
from edgekit.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


def test_the_summary_fits_80_columns(tflite_files):
    done = run(tflite_files["sine"])
    assert done.exit_code == 0, done.output
    for part in ("CONV_2D", "int8", "float island 1: SIN", "no int8 kernel", "TFLite"):
        assert part in done.output
    tables = [line for line in done.stdout.splitlines() if not line.startswith("/")]
    assert max(len(line) for line in tables) <= 80


def test_every_operator_on_request(onnx_quantized):
    done = run(onnx_quantized["qdq"], "--operators")
    assert "dense" in done.output
    assert "dense" not in run(onnx_quantized["qdq"]).output


def test_json_is_the_result_and_nothing_else(openvino_files):
    done = run(openvino_files["int8"], "--json")
    document = json.loads(done.stdout)
    assert document["macs"] == audit(openvino_files["int8"]).macs
    assert document["operators"][0].keys() >= {"kind", "layer", "precision", "macs"}
    assert done.stderr == ""


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_broken_promise_is_exit_code_3_and_one_line(tflite_files, flags):
    done = run(tflite_files["sine"], "--target", "tflite-int8", *flags)
    assert done.exit_code == 3
    assert len(done.stderr.splitlines()) == 1
    assert "SIN" in done.stderr
    if flags:
        json.loads(done.stdout)
    else:
        assert "broken: float operators" in done.stdout


def test_a_kept_promise_is_exit_code_0(openvino_files):
    done = run(openvino_files["int8"], "--target", "openvino-int8")
    assert done.exit_code == 0
    assert "keeps every promise" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.tflite",), "no such file"),
        (("m.tflite", "--target", "tflite-int9"), "tflite-int8"),
    ],
)
def test_errors_are_one_line_and_exit_code_1(arguments, said):
    done = run(*arguments)
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_hostile_names_reach_no_terminal(tmp_path):
    path = tmp_path / "m.xml"
    path.write_bytes(
        b'<net name="n"><layers><layer id="0" name="&#27;[red]x" type="Parameter" version="opset1">'
        b'<data element_type="f32"/>'
        b'<output><port id="0" precision="FP32" names="\xc2\x9b31m[bold]"/>'
        b"</output></layer></layers></net>"
    )
    done = run(path)
    assert "\x1b" not in done.output
    assert "\x9b" not in done.output
