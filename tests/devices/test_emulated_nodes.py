"""What is made of the profiles of ONNX Runtime and OpenVINO."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.auditing import Operator
from edgekit.devices.emulated import onnx_profile, openvino_profile
from edgekit.devices.emulated.lines import Node, read_told
from edgekit.devices.emulated.onnx_profile import nodes_of
from edgekit.devices.operators.by_name import by_name
from edgekit.devices.operators.ran import NOT_OF_THE_FILE, Ran, outside
from edgekit.errors import DeviceError


def profile(*events):
    rows = [
        {"cat": cat, "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": {"op_name": kind}}
        for cat, name, kind, ts, dur in events
    ]
    return json.dumps(rows).encode()


def test_nodes_of_the_profiled_inference_are_found():
    written = profile(
        ("Node", "before", "Conv", 90, 5),
        ("Session", "run", "", 101, 9),
        ("Node", "first", "Conv", 102, 2),
        ("Node", "loop", "Loop", 105, 4),
        ("Node", "inside", "Add", 106, 1),
        ("Node", "second_token_3", "QLinearConv", 110, 1),
    )
    found = nodes_of(written, 100)
    assert [(n.name, n.kind, n.start, n.end) for n in found] == [
        ("first", "Conv", 2, 4),
        ("loop", "Loop", 5, 9),
        ("second", "QLinearConv", 10, 11),
    ]
    with pytest.raises(DeviceError, match="profile"):
        nodes_of(written[:-5], 100)


def test_what_the_profiler_takes_is_taken_off_each_node():
    nodes = [node("a", 1, 2), node("b", 3, 4)]
    ticks = counted(5, 1100, 5, 300, 5)
    assert spent(onnx_profile, nodes, ticks, 1015) == [("a", 900), ("b", 100)]
    # What the least node took is the most that can be the profiler's.
    assert spent(onnx_profile, nodes, ticks, 15) == [("a", 800), ("b", 0)]
    with pytest.raises(DeviceError, match="looks 3 and 4 of 3"):
        spent(onnx_profile, nodes, ticks[:3], 15)


def node(name, start, end, kind="Convolution"):
    return Node(kind=kind, name=name, start=start, end=end)


def counted(*instructions):
    return [{"instructions": n} for n in instructions]


def spent(profile, nodes, ticks, total):
    costs = profile.costs(nodes, ticks, {"instructions": total})
    return [(one.name, one.cost) for one in costs]


def test_a_node_that_openvino_tells_of_is_read():
    told = read_told("node 3 4 Sub\\x20graph a b\\x0ac\nnode 0 0 If\\x5c \ndone\n")
    assert told.nodes == (node("a b\nc", 3, 4, "Sub graph"), node("", 0, 0, "If\\"))


@pytest.mark.parametrize("line", ["node 3 4 Convolution", "node 3 x Convolution a", "node"])
def test_a_node_that_is_not_whole_is_refused(line):
    with pytest.raises(DeviceError, match="expected counts"):
        read_told(f"{line}\ndone\n")


# Two looks at nothing; "first" 3 to 4; "loop" 5 to 8, in it "inside" 6 to 7.
TICKS = counted(9, 70, 500, 1000, 200, 300, 400, 500)
NODES = [node("loop", 5, 8, "Loop"), node("inside", 6, 7), node("first", 3, 4)]


def test_looking_is_taken_off_openvinos_nodes_and_bodies_belong_to_loops():
    assert spent(openvino_profile, NODES, TICKS, 3000) == [("first", 930), ("loop", 1130)]


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        (NODES[:2], "loop lies between looks 5 and 8, expected it from 3 on"),
        (NODES[1:], "inside lies between looks 6 and 7, expected it from 5 on"),
        (NODES[2:], "4 looks are left over"),
        ([], "6 looks are left over"),
        ([*NODES, node("across", 4, 6)], "across lies between looks 4 and 6"),
        ([*NODES, node("unclear", 0, 0)], "unclear lies between looks 0 and 0"),
        ([*NODES, node("nothing", 1, 2)], "nothing lies between looks 1 and 2"),
        ([*NODES, node("late", 9, 10)], "looks 9 and 10 of 8"),
    ],
)
def test_openvinos_nodes_that_do_not_fit_the_looks_are_an_error(nodes, told):
    with pytest.raises(DeviceError, match=told):
        spent(openvino_profile, nodes, TICKS, 3000)


def test_operators_cannot_take_more_than_the_inference():
    with pytest.raises(DeviceError, match="2060 instructions are more than the inference takes"):
        spent(openvino_profile, NODES, TICKS, 2059)


def operator(index):
    return Operator(
        index=index, kind="Convolution", layer=f"layer {index}", precision="int8",
        numbers="integer", macs=0, weights=None, per_channel=None, inputs=(), outputs=(),
    )  # fmt: skip


OPERATORS = tuple(operator(index) for index in range(3))


def ran(name, cost, kind="Convolution"):
    return Ran(name=name, kind=kind, cost=cost)


def rows_of(found, places, total):
    rows = by_name(OPERATORS, found, places, "instructions")
    return (*rows, *outside(rows, total))


def test_what_has_the_files_name_is_the_files():
    found = [ran("a", 5), ran("a_reordered", 7, "Reorder"), ran("c", 10), ran("c", 1)]
    rows = rows_of(found, {"a": 0, "b": 1, "c": 2}, 30)
    assert [(row.index, row.kind, row.layer, row.instructions) for row in rows] == [
        (0, "Convolution", "layer 0", 5),
        (1, "Convolution", "layer 1", None),
        (2, "Convolution", "layer 2", 11),
        (NOT_OF_THE_FILE, "Reorder", "a_reordered", 7),
        (NOT_OF_THE_FILE, "runtime", "outside of all operators", 7),
    ]
    assert [row.where for row in rows[:3]] == ["cpu", "cpu, not told apart", "cpu"]


@given(
    st.lists(st.tuples(st.sampled_from("abxy"), st.integers(0, 2**40)), max_size=8),
    st.integers(0, 2**40),
)
def test_every_instruction_is_in_exactly_one_row(named, rest):
    total = rest + sum(cost for _, cost in named)
    rows = rows_of([ran(name, cost) for name, cost in named], {"a": 0, "b": 1}, total)
    assert sum(row.instructions or 0 for row in rows) == total
