"""The graph on a terminal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgekit.inspection import read_graph
from edgekit.report.graph.lanes import DOT, Lanes, plain_letters
from edgekit.report.graph.terminal import WIDTH, lines


def test_branches_are_drawn(onnx_file: Path) -> None:
    said = list(lines(read_graph(onnx_file)))
    drawn = [line.split("  ")[0].rstrip() for line in said[3:]]
    assert said[1] == "5 operators, 13,824 MACs (0.0% integer), weights 869 B"
    assert [line for line in drawn if "●" in line or "○" in line or "├" in line] == [
        "○ input x", "● 0 Conv stem", "├─╮", "│ ● 1 Relu left", "● │ 2 QuantizeLinear right",
        "● │ 3 DequantizeLinear right", "├─╯", "● 4 Add end", "○ output y",
    ]  # fmt: skip
    assert "│ │   1x8x8x8 -> 1x8x8x8 int8 (scale 0.5, zero point 3)" in said


def test_every_line_fits(onnx_file: Path, hostile_file: Path, openvino_file: Path) -> None:
    for path in (onnx_file, hostile_file, openvino_file):
        for depth in (None, 1):
            said = list(lines(read_graph(path), depth=depth, every=True))
            assert max(map(len, said[1:])) <= WIDTH
            assert all(line.isprintable() for line in said)


def test_what_is_left_out_is_said(openvino_file: Path) -> None:
    graph = read_graph(openvino_file)
    assert list(lines(graph))[-1] == "not shown: 2 that only prepare constants (--all)"
    every = "\n".join(lines(graph, every=True))
    assert "not shown" not in every
    assert "Multiply" in every
    assert any(line.startswith("no operator fits 'zzz'") for line in lines(graph, pattern="zzz"))


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[list[str], list[str]]]:
    """Return operators as (reads, writes), in an order in which they can run."""
    made, found = ["in"], []
    for at in range(draw(st.integers(1, 30))):
        reads = draw(st.lists(st.sampled_from(made), max_size=4, unique=True))
        writes = [f"{at}.{k}" for k in range(draw(st.integers(0, 3)))]
        made += writes
        found.append((reads, writes))
    return found


@given(graphs())
def test_lanes_hold_what_is_still_read(found: list[tuple[list[str], list[str]]]) -> None:
    lanes = Lanes(Counter(key for reads, _ in found for key in reads))
    lanes.step((), ("in",))
    for at, (reads, writes) in enumerate(found):
        drawing = lanes.step(reads, writes)
        assert sum(DOT in line for line in drawing) == 1
        still = {key for later, _ in found[at + 1 :] for key in later}
        made = {"in", *(key for _, earlier in found[: at + 1] for key in earlier)}
        assert {slot for slot in lanes.slots if slot} == still & made
        assert all(lanes.slots[place] == key for key, place in lanes.places.items())
        assert max(map(len, drawing)) <= 26
    assert plain_letters("├─╯ ●") == "+-+ *"


def test_many_lanes_are_cut_and_said() -> None:
    lanes = Lanes(Counter({str(at): 1 for at in range(40)}))
    lanes.step((), [str(at) for at in range(40)])
    assert lanes.below() == " ".join("│" * 12 + "…")
