"""``edgekit inspect`` from end to end."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from branches import HOSTILE
from click.testing import CliRunner, Result

import edgekit
from edgekit.cli import main
from edgekit.devices.backend import backend_of
from edgekit.devices.declaration import load_device
from edgekit.errors import ArtifactError, OptionError
from edgekit.report.graph.page import page
from edgekit.report.graph.terminal import lines
from edgekit.report.schema import json_schema


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["inspect", *map(str, words)], prog_name="edgekit")


def test_the_graph_on_a_terminal(onnx_file: Path) -> None:
    done = run(onnx_file)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "├─╮" in done.stdout
    assert "│ ● 1 Relu left" in done.stdout


def test_one_layer(onnx_file: Path) -> None:
    said = run(onnx_file, "--layer", "right").stdout
    assert "QuantizeLinear" in said
    assert "Relu" not in said


def test_json_is_what_its_schema_says(tflite_file: Path, onnx_file: Path) -> None:
    for path in (tflite_file, onnx_file):
        document = json.loads(run(path, "--json").stdout)
        jsonschema.validate(document, json_schema("inspection"))
        assert document["path"] == str(path)


def test_a_tensor(onnx_file: Path, openvino_file: Path) -> None:
    said = run(onnx_file, "--tensor", "w").stdout.splitlines()
    assert said[:3] == ["w", "  constant, 8x3x3x3 float32, 864 bytes", "  read by 0 Conv stem"]
    assert said[3] == "  stored: 0 to 2.15, mean 1.075, deviation 0.6235"
    assert sum(int(line.split()[-1]) for line in said[5:21]) == 216
    computed = run(onnx_file, "--tensor", "q").stdout.splitlines()
    assert "  quantized: (scale 0.5, zero point 3)" in computed
    assert "  range: -65.5 to 62" in computed
    assert "  made by 2 QuantizeLinear right" in computed
    unknown = run(onnx_file, "--tensor", "conv")
    assert unknown.exit_code == 1
    assert unknown.stderr.startswith("Error: no tensor 'conv'")


def test_files_are_written(onnx_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("fast_sugiyama")
    html, overlay = tmp_path / "g.html", tmp_path / "g.json"
    done = run(onnx_file, "--html", html, "--model-explorer", overlay)
    assert done.exit_code == 0
    assert html.read_text("utf-8") == page(edgekit.inspect(onnx_file))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "g.html", "g.macs.json", "g.precision.json",
    ]  # fmt: skip
    assert done.stdout.count("wrote ") == 3
    refused = run(onnx_file, "--html", tmp_path / "none" / "g.html")
    assert refused.exit_code == 1
    assert "expected a file in a folder that is there" in refused.stderr


def test_costs_are_those_of_a_benchmark(tflite_file: Path, onnx_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "bench.json"
    other.write_text("{}")
    refused = run(onnx_file, "--benchmark", other)
    assert refused.stderr.strip().endswith(
        "expected what `edgekit bench -o` or a farm writes, got something else"
    )
    found = edgekit.benchmark(tflite_file, "fake", min_runs=2, min_seconds=0.0)
    with pytest.raises(OptionError, match="expected a benchmark of this file"):
        edgekit.inspect(onnx_file, benchmark=found)
    with pytest.raises(OptionError, match="expected a benchmark or to measure, got both"):
        edgekit.inspect(onnx_file, benchmark=found, measure=True)


def test_a_device_that_does_not_tell_operators_apart(tflite_file: Path) -> None:
    done = run(tflite_file, "--measure", "--device", "fake")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "fake did not tell what each operator costs; devices that can are" in done.stderr
    alone = run(tflite_file, "--device", "fake")
    assert "device 'fake' needs a benchmark, or to measure" in alone.stderr


def test_measured_on_an_emulated_board(tflite_file: Path) -> None:
    device = load_device("raspberry-pi-4")
    if backend_of(device).state(device).readiness != "ready":
        pytest.skip("not installed: edgekit devices install raspberry-pi-4")
    graph = edgekit.inspect(tflite_file, measure=True, device="raspberry-pi-4")
    assert graph.profile is not None
    assert (graph.profile.unit, graph.profile.basis) == ("instructions", "counted")
    assert sum(one.cost.share for one in graph.operators if one.cost) == pytest.approx(1.0)
    heavy = [one for one in graph.operators if one.macs]
    assert all(one.cost is not None and one.cost.value > 0 for one in heavy)


@pytest.mark.parametrize("what", ["tflite_file", "onnx_file", "openvino_file"])
def test_damaged_files_end_in_one_line(
    what: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    whole: Path = request.getfixturevalue(what)
    path, data = tmp_path / whole.name, whole.read_bytes()
    if what == "openvino_file":
        path.with_suffix(".bin").write_bytes(whole.with_suffix(".bin").read_bytes())
    chance, read = random.Random(7), 0
    for _ in range(150):
        hurt = bytearray(data[: chance.choice((len(data), chance.randrange(len(data))))])
        for _ in range(chance.choice((1, 4, 32)) if hurt else 0):
            hurt[chance.randrange(len(hurt))] = chance.choice((0, 1, 127, 128, 255))
        path.write_bytes(bytes(hurt))
        said = ""
        try:
            graph = edgekit.inspect(path)
            assert all(line.isprintable() for line in lines(graph, every=True))
            page(graph, every=True)
            graph._repr_html_()
            read += 1
        except (ArtifactError, OptionError) as error:
            said = str(error)
        assert "\n" not in said
    assert read < 150


def test_hostile_names_on_a_terminal(hostile_file: Path) -> None:
    done = run(hostile_file)
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert HOSTILE not in done.stdout


def test_a_terminal_that_has_ascii_only(onnx_file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgekit", "inspect", str(onnx_file)], capture_output=True,
        timeout=120, check=True, env={"PYTHONPATH": str(Path(edgekit.__file__).parents[1]),
                                      "PYTHONIOENCODING": "ascii", "PATH": ""},
    )  # fmt: skip
    assert b"| * 1 Relu left" in done.stdout


def test_no_framework_is_imported(tflite_file: Path) -> None:
    code = (
        "import sys, edgekit; from edgekit.report.graph.page import page;"
        f"page(edgekit.inspect({str(tflite_file)!r}));"
        "print([m for m in ('tensorflow', 'keras', 'onnxruntime', 'openvino') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"
