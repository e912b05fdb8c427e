"""What each operator takes on this host, in each runtime's own words."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import edgekit
from edgekit.devices import known_model
from edgekit.devices.figures import OperatorCost
from edgekit.devices.operators.by_name import by_name
from edgekit.devices.operators.ran import Ran
from edgekit.devices.profiling import costs, worker
from edgekit.devices.profiling.onnx import read
from edgekit.devices.profiling.openvino import without
from edgekit.devices.profiling.rows import Row, demand_resolution, middle
from edgekit.devices.profiling.tflite import rows_of
from edgekit.errors import DeviceError, OptionError
from edgekit.formats.tflite import pack, sign
from edgekit.formats.tflite_edit import blank, operator, tensor

WIDE, NARROW = 2048, 64
FAST = {"warmup": 1, "min_runs": 5, "min_seconds": 0.0}
BIG = np.random.default_rng(0).standard_normal((WIDE, WIDE)).astype(np.float32)
SMALL = BIG[:, :NARROW].copy()


def tflite_file(path: Path) -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    model = blank()
    graph = model.subgraphs[0]
    ends = [tensor(model, name, (1, size), "float32")
            for name, size in (("x", WIDE), ("big", WIDE), ("small", NARROW))]  # fmt: skip
    weights = [tensor(model, f"w{at}", value.shape, "float32", value=value)
               for at, value in enumerate((BIG, SMALL.T.copy()))]  # fmt: skip
    graph.operators = [
        operator(model, "FULLY_CONNECTED", [ends[at], weights[at], -1], [ends[at + 1]],
                 schema.FullyConnectedOptionsT())
        for at in range(2)
    ]  # fmt: skip
    graph.inputs, graph.outputs = [ends[0]], [ends[2]]
    sign(model, ["x"], ["small"])
    path.write_bytes(pack(model))


def onnx_file(path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["b"], name="big"),
         helper.make_node("MatMul", ["b", "v"], ["y"], name="small")],
        "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, WIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, NARROW])],
        [numpy_helper.from_array(BIG, "w"), numpy_helper.from_array(SMALL, "v")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)


def openvino_file(path: Path) -> None:
    ov = pytest.importorskip("openvino")
    from openvino import opset13 as op

    x = op.parameter([1, WIDE], np.float32, name="x")
    big = op.matmul(x, op.constant(BIG), False, False, name="big")
    small = op.matmul(big, op.constant(SMALL), False, False, name="small")
    ov.save_model(ov.Model([small], [x], "two"), path, compress_to_fp16=False)


@pytest.mark.parametrize(
    ("name", "make"),
    [("two.tflite", tflite_file), ("two.onnx", onnx_file), ("two.xml", openvino_file)],
)
def test_the_larger_layer_takes_longer_and_has_its_name(name, make, tmp_path):
    make(tmp_path / name)
    graph = edgekit.inspect(tmp_path / name, measure=True)
    assert graph.profile is not None
    assert (graph.profile.device, graph.profile.unit, graph.profile.basis) == (
        "host", "ms", "measured",
    )  # fmt: skip
    heavy = [one for one in graph.operators if one.macs]
    assert [one.layer for one in heavy] == ["big", "small"]
    assert heavy[0].cost.share > heavy[1].cost.share > 0  # 32 times as many weights
    assert sum(one.cost.share for one in graph.operators if one.cost) == pytest.approx(1.0)


def test_what_is_too_quick_for_microseconds_is_not_told_apart(tmp_path):
    path = tmp_path / "quick.tflite"
    path.write_bytes(known_model.content())
    (found,) = edgekit.benchmark(path, **FAST).measurements
    assert found.operators == ()
    assert "operators" not in found.bases
    assert any("operators are not told apart: its profiler counts" in w for w in found.warnings)
    with pytest.raises(OptionError, match="whole microseconds, too few of which"):
        edgekit.inspect(path, measure=True)


def test_several_threads_of_litert_are_not_profiled(tmp_path):
    tflite_file(tmp_path / "two.tflite")
    (found,) = edgekit.benchmark(tmp_path / "two.tflite", threads=2, **FAST).measurements
    assert "profiler is for one thread, not for 2" in " ".join(found.warnings)


def test_who_does_not_want_operators_waits_for_no_profile(tmp_path, monkeypatch):
    tflite_file(tmp_path / "two.tflite")
    monkeypatch.setattr(costs, "Child", None)
    (found,) = edgekit.benchmark(tmp_path / "two.tflite", operators=False, **FAST).measurements
    assert found.operators == ()
    assert not any("told apart" in warning for warning in found.warnings)


def test_a_process_that_dies_leaves_the_latency(tmp_path, monkeypatch):
    tflite_file(tmp_path / "two.tflite")
    real = costs.Child
    monkeypatch.setattr(costs, "Child", lambda task, kind, **streams: real("os:abort", **streams))
    (found,) = edgekit.benchmark(tmp_path / "two.tflite", **FAST).measurements
    assert found.latency is not None
    assert any("the process that profiled it died (signal 6)" in w for w in found.warnings)


def test_the_middle_half_counts_and_other_runs_do_not():
    runs = [[Row("a", us), Row("b", 2.0)] for us in (1.0, 4.0, 4.0, 5.0, 5.0, 90.0)]
    odd = [Row("a", 1000.0)]
    assert middle([*runs, odd]) == [Row("a", 4.5), Row("b", 2.0)]
    for given in ([], [[]], [[Row("a", 1.0)], [Row("b", 1.0)], [Row("c", 1.0)]]):
        with pytest.raises(DeviceError, match="did not tell the same operators"):
            middle(given)


def test_rows_that_microseconds_cannot_tell_are_refused():
    demand_resolution([Row("a", 9.0), Row("b", 1.0)])
    with pytest.raises(DeviceError, match="whole microseconds"):
        demand_resolution([Row("a", 9.0), Row("b", 0.0)])


def event(kind, tag, us, node=0, graph=0):
    return SimpleNamespace(tag=tag, kind=kind, elapsed_us=us, node=node, graph=graph)


def test_rows_are_operators_of_the_main_graph():
    events = [event(1, b"Invoke", 50), event(2, b"ADD", 7, node=3), event(8, b"Add (ND)", 5),
              event(2, b"MUL", 2, node=0, graph=1), event(32, b"Invoke", 2**32)]  # fmt: skip
    assert rows_of(events, 60.0) == [Row("ADD", 7.0, node=3), Row("Add (ND)", 5.0)]
    with pytest.raises(DeviceError, match="tells more time than has passed"):
        rows_of([event(2, b"ADD", 10**6)], 60.0)


def test_a_profile_of_onnx_runtime_is_read_run_by_run():
    def node(name, ts, dur, kind="MatMul"):
        return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur,
                "args": {"op_name": kind}}  # fmt: skip

    events = [
        {"cat": "Session", "name": "session_initialization", "ts": 0, "dur": 5},
        node("loop", 11, 6, "Loop"), node("within", 12, 2), node("a_token_4", 18, 1),
        {"cat": "Session", "name": "model_run", "ts": 10, "dur": 10},
        node("loop", 31, 5, "Loop"), {"cat": "Session", "name": "model_run", "ts": 30, "dur": 8},
    ]  # fmt: skip
    first, second = read(json.dumps(events).encode())
    assert first == [Row("loop", 6.0, "Loop"), Row("a", 1.0, "MatMul")]
    assert second == [Row("loop", 5.0, "Loop")]
    with pytest.raises(DeviceError, match="expected the runtime's profile"):
        list(read(b"{"))


def test_openvinos_means_are_freed_of_the_first_runs():
    now = [SimpleNamespace(node_name=name, node_type="X", real_time=timedelta(microseconds=us))
           for name, us in (("slow at first", 20), ("fused", 0))]  # fmt: skip
    assert without(now, 40, {"slow at first": 60.0}, 10) == [
        Row("slow at first", (20 * 40 - 60 * 10) / 30, "X")
    ]


def test_a_slow_file_is_run_seldom_and_a_quick_one_often():
    def taken(seconds, *, ran_s):
        job = SimpleNamespace(warmup=20, min_runs=5, min_seconds=seconds)
        now = [0.0]
        found = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(worker, "time", SimpleNamespace(perf_counter=lambda: now[0]))
            for counts in worker.turns(job):
                found.append(counts)
                now[0] += ran_s
        return found.count(False), found.count(True)

    assert taken(0.5, ran_s=3.0) == (1, 5)
    assert taken(0.5, ran_s=0.0625) == (5, 9)
    assert taken(0.5, ran_s=1e-6) == (20, 500)


def test_what_has_no_name_in_the_file_is_told_apart_from_it():
    known = [("Conv", "c"), ("Relu", "r")]
    operators = [SimpleNamespace(index=i, kind=k, layer=name) for i, (k, name) in enumerate(known)]
    told = [("conv", "Conv", 0.003), ("reorder", "Reorder", 0.002), ("conv", "Conv", 0.001)]
    ran = [Ran(name=name, kind=kind, cost=ms) for name, kind, ms in told]
    assert by_name(operators, ran, {"conv": 0, "relu": 1}, "latency_ms") == (
        OperatorCost(index=0, kind="Conv", layer="c", latency_ms=0.004),
        OperatorCost(index=1, kind="Relu", layer="r", where="cpu, not told apart"),
        OperatorCost(index=-1, kind="Reorder", layer="reorder", latency_ms=0.002),
    )
