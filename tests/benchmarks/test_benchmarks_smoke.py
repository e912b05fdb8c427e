"""The benchmarks' own arithmetic, and tiny versions of those that are quick."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import __main__ as program
from benchmarks import accuracy, applications, collecting, host_overhead, processes, startup
from benchmarks.converting import convert_each
from benchmarks.rows import Row, table
from edgekit import catalog

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row(what="x", edgekit=1.0, peer=2.0, bar=0.6), "met"),
        (Row(what="x", edgekit=1.0, peer=1.0, bar=0.6), "missed"),
        (Row(what="x", edgekit=1.0, bar=0.6), "missed"),
        (Row(what="x", edgekit=91.0, bar=90.0, bar_on="figure", at_least=True), "met"),
        (Row(what="x", edgekit=89.0, bar=90.0, bar_on="figure", at_least=True), "missed"),
        (Row(what="x", edgekit=0.3, peer=0.1, bar=0.25, bar_on="difference"), "met"),
        (Row(what="x", edgekit=0.4, peer=0.1, bar=0.25, bar_on="difference"), "missed"),
        (Row(what="x", edgekit=1.0), ""),
        (Row(what="x", edgekit=1.0, problem="no file"), "missed"),
    ],
)
def test_a_bar_is_judged_on_what_it_is_for(row, verdict):
    assert row.verdict == verdict


def test_a_table_has_a_line_for_each_row_and_shows_the_problem():
    text = table([Row(what="a|b", edgekit=1.0), Row(what="c", problem="did not run")])
    assert len(text.splitlines()) == 4
    assert "a/b" in text
    assert "did not run" in text


def test_the_mean_of_a_format_is_missed_when_one_pair_has_no_file():
    rows = [
        Row(what="kws tflite-int8", edgekit=0.5), Row(what="har tflite-int8", problem="collapsed"),
        Row(what="kws onnx-int8", edgekit=0.5), Row(what="har onnx-int8", edgekit=-0.1),
        Row(what="har tflite-fp32", edgekit=0.0),
    ]  # fmt: skip
    tflite, onnx = accuracy.means(rows)
    assert (tflite.what, tflite.verdict) == ("mean tflite-int8", "missed")
    assert onnx.edgekit == pytest.approx(0.2)
    assert onnx.verdict == "met"


def test_every_shipped_target_has_a_row_of_accuracy():
    for target in catalog.names("targets"):
        results = {"edgekit": {target: {"problem": "collapsed"}}, "peers": {}, "source": 1.0}
        row = accuracy._row("kws", target, results, {})
        assert row.problem == "collapsed"
        assert ("pp" in row.note or "failed" in row.note) == target.endswith("-int8")


def test_accuracy_says_when_the_zoo_is_not_there(monkeypatch):
    monkeypatch.setattr(accuracy, "ZOO", Path("nowhere/zoo.py"))
    (row,) = accuracy.rows()
    assert "not here" in row.problem


def test_architectures_are_chosen_by_name_before_part():
    names = ["MobileNet", "MobileNetV2", "VGG16"]
    assert applications.chosen(names, ["MobileNet"]) == ["MobileNet"]
    assert applications.chosen(names, ["mobile", "VGG16"]) == names
    assert applications.chosen(names, []) == names


def test_a_process_is_measured_and_its_failure_told():
    script = "import time; x = bytearray(64 << 20); time.sleep(0.3)"
    cost = processes.run([sys.executable, "-c", script])
    assert cost.seconds >= 0.3
    assert cost.peak_mib >= 64
    with pytest.raises(processes.ProcessFailed, match="ValueError: no"):
        processes.run([sys.executable, "-c", "raise ValueError('no')"])


def test_samples_are_the_same_each_time_and_are_written_as_npy(tmp_path):
    collecting.write(tmp_path / "x.npy", 3)
    stored = np.load(tmp_path / "x.npy")
    assert stored.shape == (3, 96, 96, 3)
    np.testing.assert_array_equal(stored, np.stack(list(collecting.samples(3))))


def test_startup_gives_a_row_for_each_command():
    rows = list(startup.rows(repeats=1))
    assert [row.what for row in rows] == [f"edgekit {' '.join(c)}" for c in startup.COMMANDS]
    assert all(row.edgekit and row.peer for row in rows)


def test_a_target_that_fails_does_not_keep_the_others_from_being_made(tmp_path, monkeypatch):
    import edgekit
    from edgekit.errors import QuantizeError

    def convert(path, targets, *, out, **_):
        for target in targets:
            if target == "b":
                raise QuantizeError("b: collapsed")
            folder = out / path.stem / target
            folder.mkdir(parents=True)
            report = {
                "artifact": {"files": {"model.bin": 1, "model.xml": 1}}, "parity_sqnr_db": 40.0,
                "candidates": [], "broken_promises": [],
            }  # fmt: skip
            (folder / "report.json").write_text(json.dumps(report))

    monkeypatch.setitem(vars(edgekit), "convert", convert)
    found = dict(convert_each(Path("m.keras"), None, ["a", "b", "c"], tmp_path))
    assert found["b"] == {"problem": "QuantizeError: b: collapsed"}
    assert Path(found["a"]["file"]).name == Path(found["c"]["file"]).name == "model.xml"


def test_every_benchmark_is_listed_and_has_rows():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--list"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(program.BENCHMARKS)
    for name in program.BENCHMARKS:
        assert callable(program.function_of(name))


@pytest.mark.slow
def test_one_architecture_converts_to_one_target():
    (row,) = applications.rows(["MobileNet"], ["tflite-fp32"])
    assert not row.problem
    assert row.edgekit is not None
    assert row.edgekit > 60


@pytest.mark.parametrize("swapped", [False, True])
def test_both_loops_time_as_many_inferences(tmp_path, swapped):
    from edgekit.devices.emulated import probe

    path = tmp_path / "tiny.tflite"
    probe.make(path)
    ours, bare = host_overhead._pair(path, 30, swapped=swapped)
    assert (len(ours), len(bare)) == (30, 30)
    assert min(*ours, *bare) > 0
