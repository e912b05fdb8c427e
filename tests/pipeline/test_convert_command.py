"""``edgekit convert`` as a user runs it: streams, exit codes, what is written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edgekit.errors import ExportError

FILES = ["details.json", "manifest.json", "model.tflite", "report.html", "report.json", "report.md"]


def test_json_is_alone_on_stdout_in_a_new_process(bench, here: Path, process, tree) -> None:
    """TensorFlow and the converter are imported for the first time there, and are chatty."""
    before = bench.contents()
    targets = ("-t", "tflite-int8", "-t", "onnx-fp32", "-t", "openvino-fp32")
    done = process("convert", bench.model, *targets, "-c", bench.data, "--json", "--no-measure")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert [r["target"]["name"] for r in document["reports"]] == list(targets[1::2])
    assert tree(here / "out" / "tiny" / "tflite-int8") == FILES
    kept = json.loads((here / "out" / "tiny" / "tflite-int8" / "report.json").read_text())
    assert document["reports"][0] == kept
    assert bench.contents() == before
    assert tree(Path(os.environ["TMPDIR"])) == []


def test_stages_go_to_stderr_and_the_summary_to_stdout(bench, here: Path, process) -> None:
    done = process("convert", bench.model, "-t", "tflite-fp32", "--no-measure")
    assert done.returncode == 0
    assert {"load", "trace", "export-tflite", "audit tflite-fp32"} <= set(done.stderr.splitlines())
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert done.stdout.splitlines()[-1] == f"wrote {Path('out/tiny/tflite-fp32')}"


def test_a_missed_budget_is_written_and_ends_in_3(bench, here: Path, edgekit, tree) -> None:
    (here / "mine.toml").write_text(
        'schema = 1\nname = "mine"\nsummary = "mine"\nformat = "tflite"\n[budget]\nsize_kib = 0.5\n'
    )
    words = ("convert", bench.model, "-t", "mine.toml", "-t", "tflite-fp32", "--no-measure", "-q")
    shown = edgekit(*words)
    assert shown.exit_code == 3
    assert shown.stderr.startswith("Error: mine: size_kib: expected at most 0.5, got ")
    assert len(shown.stderr.splitlines()) == 1
    assert tree(here / "out" / "tiny" / "mine") == FILES
    assert edgekit("verify", here / "out" / "tiny" / "mine").exit_code == 0
    as_json = edgekit(*words, "--json")
    assert as_json.exit_code == 3
    verdicts = [report["verdict"] for report in json.loads(as_json.stdout)["reports"]]
    assert verdicts == ["fail", "pass"]


def test_a_target_that_fails_stops_no_other(
    bench, here: Path, edgekit, monkeypatch: pytest.MonkeyPatch, tree
) -> None:
    def refuse(*given: object, **options: object) -> bytes:
        raise ExportError("no ONNX form of Frobnicate; leave it out of the model")

    monkeypatch.setattr("edgekit.exporters.onnx.export", refuse)
    words = ("convert", bench.model, "-t", "onnx-fp32", "-t", "tflite-fp32", "--no-measure", "-q")
    done = edgekit(*words, "--json")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: onnx-fp32: no float onnx file agrees")
    assert "Frobnicate" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [r["target"]["name"] for r in json.loads(done.stdout)["reports"]] == ["tflite-fp32"]
    folder = ["tflite-fp32", *(f"tflite-fp32/{n}" for n in FILES)]
    assert tree(here / "out" / "tiny") == ["failures.json", "report.html", *folder]
    assert "Frobnicate" in (here / "out" / "tiny" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_an_error_leaves_stdout_empty(bench, here: Path, process, flags) -> None:
    """Also when it comes after the frameworks were imported."""
    words = ("convert", bench.model, "-t", "tflite-fp32", "--input-shape", "img=1,8,8,1", "-q")
    done = process(*words, *flags)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: --input-shape: no input 'img'; the inputs: image\n"


def test_a_model_in_an_odd_place(bench, here: Path, edgekit, tree) -> None:
    place = here / "my models" / "ünï [1] $(x).keras"
    place.parent.mkdir()
    place.write_bytes(bench.model.read_bytes())
    result = edgekit("convert", place, "-t", "tflite-fp32", "-q", "--no-measure")
    assert result.exit_code == 0, result.output
    [folder] = (here / "out").iterdir()
    assert tree(folder / "tflite-fp32") == FILES
    manifest = json.loads((folder / "tflite-fp32" / "manifest.json").read_text())
    assert manifest["command"][2] == str(place)
