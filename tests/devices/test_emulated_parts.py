"""What is read from an emulated run, and what is made of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.auditing import Operator
from edgekit.devices.declaration import Cost, Cpu
from edgekit.devices.emulated.cost import modelled
from edgekit.devices.emulated.lines import Event, counts_of, read_counts, read_told
from edgekit.devices.emulated.prefix import make_prefix
from edgekit.devices.emulated.spans import spans
from edgekit.devices.figures import Counts
from edgekit.devices.operators.by_order import by_order, fits
from edgekit.devices.operators.ran import NOT_OF_THE_FILE, Ran, outside
from edgekit.errors import DeviceError, OptionError

HEAD = "classes load float_mac other\n"


def tick(instructions):
    return {"instructions": instructions, "loads": 1}


def event(kind, start, elapsed, node, tag, graph=0):
    return Event(kind=kind, start=start, elapsed=elapsed, node=node, graph=graph, tag=tag)


def operator(index, kind):
    return Operator(
        index=index, kind=kind, layer=f"layer {index}", precision="int8", numbers="integer", macs=0,
        weights=None, per_channel=None, inputs=(), outputs=(),
    )  # fmt: skip


def test_counts_are_read_by_name():
    found = read_counts(HEAD + "total 10 2 1 32 16 3 1 4 6 0\ntick 5 1 1 8 8 0 0 1 4 0\n")
    assert found.totals[0]["float_mac"] == 6
    assert found.ticks[0]["instructions"] == 5
    counts = counts_of(found.totals[0])
    assert (counts.l1_misses, counts.l2_misses) == (3, 1)
    assert counts.classes == {"load": 4, "float_mac": 6}
    assert found.gathers == 0
    assert read_counts(HEAD + "gathers 3\ngathers 5\n").gathers == 5


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "classes\n", HEAD + "\n", "total 1\n", HEAD + "total 1 2 3\n",
     HEAD + "gathers x\n", HEAD + "gathers\n",
     HEAD + "sum 1 2 3 4 5 6 7 8 9 10\n", HEAD + "total a 2 1 32 16 3 1 4 6 0\n"],
)  # fmt: skip
def test_counts_that_are_not_whole_are_refused(text):
    with pytest.raises(DeviceError, match="expected counts"):
        read_counts(text)


def test_what_the_runner_tells_is_read():
    told = read_told("output 8 out put\ninput 4 in\nevent 8 0 1 2 0 Add (ND)\ndone\n")
    assert not told.gathers_right
    assert read_told("gathers right\ndone\n").gathers_right
    assert told.outputs == ((8, "out put"),)
    assert told.events == (event(8, 0, 1, 2, "Add (ND)"),)


def test_names_may_hold_what_ends_lines():
    told = read_told("output 8 a\\x0ab\\x5cx0a\\xe2\\x80\\xa8\ndone\n")
    assert told.outputs == ((8, "a\nb\\x0a\N{LINE SEPARATOR}"),)


@pytest.mark.parametrize("text", ["output 8 out\n", "event 8 0 1\ndone\n", "hello\ndone\n"])
def test_a_runner_that_stopped_or_said_something_else_is_an_error(text):
    with pytest.raises(DeviceError):
        read_told(text)


# Invoke at look 1; XNNPACK at 2, its operators to 3 and 5; SOFTMAX 6 to 7; end at 8.
EVENTS = [
    event(1, 1, 7, 0, "Invoke"),
    event(8, 0, 1, 0, "Fully Connected"),
    event(8, 0, 2, 1, "Copy"),
    event(2, 6, 1, 2, "SOFTMAX"),
]
TICKS = [tick(10**k) for k in range(8)]


def test_each_operator_gets_what_ran_between_its_looks():
    found = spans(EVENTS, TICKS)
    assert [(s.name, s.node, s.cost) for s in found] == [
        ("Fully Connected", None, 10**2),
        ("Copy", None, 10**3 + 10**4),
        ("SOFTMAX", 2, 10**6),
    ]


def test_operators_in_bodies_of_loops_belong_to_the_loop():
    events = [
        event(1, 1, 6, 0, "Invoke"),
        event(2, 2, 4, 0, "WHILE"),
        event(1, 3, 2, 0, "Invoke", graph=1),
        event(2, 4, 1, 0, "LESS", graph=1),
    ]
    (found,) = spans(events, [tick(1)] * 7)
    assert (found.name, found.cost) == ("WHILE", 4)


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_events_that_do_not_fit_the_looks_are_an_error(lost):
    with pytest.raises(DeviceError, match="profiler"):
        spans([e for k, e in enumerate(EVENTS) if k != lost], TICKS)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("CONV_2D", "Convolution (NHWC, QC8) IGEMM"), ("CONV_2D", "Fully Connected (NC, F32) GEMM"),
     ("DEPTHWISE_CONV_2D", "Convolution (NHWC, QC8) DWConv"), ("ADD", "Add (ND)"),
     ("AVERAGE_POOL_2D", "Average Pooling (NHWC, F32) Average Pooling"), ("TANH", "TanH (NC)"),
     ("SOFTMAX", "Softmax (NC, F32)"), ("HARD_SWISH", "HardSwish (NC, F32)"),
     ("TRANSPOSE", "Transpose (ND, X32)"), ("RESIZE_BILINEAR", "Resize Bilinear (NHWC, F32)")],
)  # fmt: skip
def test_xnnpacks_names_fit_the_kinds_of_the_file(kind, name):
    assert fits(kind, name)


@pytest.mark.parametrize(
    ("kind", "name"), [("ADD", "Convolution"), ("CONV_2D", "Add (ND)"), ("SOFTMAX", "Sigmoid (NC)")]
)
def test_other_names_do_not_fit(kind, name):
    assert not fits(kind, name)


def ran(name, instructions, node=None):
    return Ran(name=name, node=node, cost=instructions)


def rows_of(operators, found, total):
    rows = by_order(operators, found, "instructions")
    return (*rows, *outside(rows, total))


def test_what_xnnpack_added_is_told_apart_and_fused_activations_are_not():
    rows = rows_of(
        [operator(0, "CONV_2D"), operator(1, "ADD"), operator(2, "SOFTMAX")],
        [ran("Convolution", 5), ran("Add (ND)", 7), ran("Clamp (NC)", 1),
         ran("Static Reshape (NC)", 2), ran("SOFTMAX", 3, node=2)],
        20,
    )  # fmt: skip
    assert [(r.index, r.kind, r.instructions) for r in rows] == [
        (0, "CONV_2D", 5),
        (1, "ADD", 8),
        (2, "SOFTMAX", 3),
        (NOT_OF_THE_FILE, "Static Reshape (NC)", 2),
        (NOT_OF_THE_FILE, "runtime", 2),
    ]
    assert rows[3].layer == "after layer 1"


def test_an_operator_that_was_fused_has_no_number():
    rows = rows_of([operator(0, "PAD"), operator(1, "CONV_2D")], [ran("Convolution", 5)], 5)
    assert [r.instructions for r in rows] == [None, 5]
    assert "not told apart" in rows[0].where


@given(
    kinds=st.lists(st.sampled_from(["ADD", "MUL", "TANH"]), max_size=12),
    names=st.lists(st.sampled_from(["Add", "Multiply", "TanH", "Copy"]), max_size=12),
)
def test_every_instruction_is_in_exactly_one_row(kinds, names):
    found = [ran(name, 2**k) for k, name in enumerate(names)]
    total = sum(each.cost for each in found) + 5
    rows = rows_of([operator(k, kind) for k, kind in enumerate(kinds)], found, total)
    assert sum(row.instructions or 0 for row in rows) == total
    assert [row.index for row in rows[: len(kinds)]] == list(range(len(kinds)))
    held = [row.instructions for row in rows[: len(kinds)] if row.instructions is not None]
    assert held == sorted(held)


COUNTS = Counts(
    instructions=1000, loads=100, stores=10, load_bytes=1600, store_bytes=160, l1_misses=5,
    l2_misses=2, classes={"float_mac": 400, "load": 100},
)  # fmt: skip


def test_a_latency_is_cycles_by_clock_and_some_for_each_operator():
    cost = Cost(
        cycles={"float_mac": 2.0, "l2_miss": 50.0, "permute": 9.0}, operator_ms=0.1,
        relative_error=0.1,
    )  # fmt: skip
    found = modelled(COUNTS, cost, 1, clock_mhz=1, operators=5)
    assert found.ms == pytest.approx((800 + 100) / 1000 + 0.5)
    assert (found.low_ms, found.high_ms) == pytest.approx((0.9 * found.ms, 1.1 * found.ms))
    assert found.basis == "modelled"


def test_threads_share_what_can_be_shared():
    cost = Cost(cycles={"instructions": 1.0}, threads=4, parallel_share=0.8)
    four = modelled(COUNTS, cost, 4, clock_mhz=1, operators=5).ms
    assert four == pytest.approx(1.0)
    assert modelled(COUNTS, cost, 1, clock_mhz=1, operators=5).ms == pytest.approx(
        1.0 / (0.2 + 0.8 / 4)
    )


def test_a_cost_of_something_that_is_not_counted_is_refused():
    with pytest.raises(OptionError, match="flops"):
        modelled(COUNTS, Cost(cycles={"flops": 1.0}), 1, clock_mhz=1000, operators=5)


def test_the_prefix_tells_of_the_processor(tmp_path):
    cpu = Cpu(
        architecture="aarch64", model="Cortex-A72", cores=2, clock_mhz=1500, part="0xd08",
        features=("fp", "asimd"), emulator="cortex-a72",
    )  # fmt: skip
    make_prefix(tmp_path, cpu, {})
    told = (tmp_path / "proc/cpuinfo").read_text()
    assert told.count("CPU part\t: 0xd08") == 2
    root = tmp_path / "sys/devices/system/cpu"
    assert (root / "possible").read_text() == "0-1\n"
    assert (root / "cpu1/cpufreq/cpuinfo_max_freq").read_text() == "1500000\n"
    assert (root / "cpu0/cache/index2/size").read_text() == "512K\n"
